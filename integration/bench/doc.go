// Command bench measures what Cordon costs against what people use, in one run: our side and the other side alternately, medians with
// their spread, as a Markdown table and, with -json, as JSON.
//
//	camera ──raw frames──▶ gateway ──▶ recorder, which drops them first thing
//	         one thread sends and the kernel forwards in its time: the thread's CPU time is the packet's
//
// Every variant keeps a site of its own with its rules loaded, and each round visits all of them in the opposite order of the last, so
// that a machine that becomes slower becomes slower for everybody. Only ratios of one run are compared.
package main
