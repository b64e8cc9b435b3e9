// Package oracle holds the packet filter that Cordon puts into the kernel against the oracle that decides one packet by reading the
// policy: random policies, random packets, the real kernel.
//
//	author ──text──▶ load ──Policy──┬──▶ gateway ──▶ kernel ◀── frames ── wire ◀── aim ── Policy
//	                                │                  │
//	                                └──▶ simulate ─────┴──▶ judge: the same verdict? ──▶ coverage: of what, how often?
//
// STREAM=7 go test … judges other policies and packets than those of every day, the same ones each time: a disagreement names its seed.
// With the tag full a stream is 200 policies and 100,000 packets; make soak judges several.
//
// One namespace is the gateway and keeps what it has from one policy to the next, so that what a change leaves behind is found too. The
// far ends of all its cables lie in a second namespace that sends and reads bare frames; what is for the gateway itself is read by raw
// sockets, behind the last chain of input. Nothing sleeps: a frame has been judged when a marker that was sent behind it has gone the
// same number of queues.
package oracle
