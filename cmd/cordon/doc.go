// Command cordon isolates cameras: it turns a policy into the packet filter of this machine, and says what it did.
//
//	main ── run ── root ──▶ one verb a file ──▶ answer ──▶ text, or one JSON document
//
// A verb holds no logic: it reads its arguments, asks a package for a value, and returns an answer. The app prints it and ends with the
// exit code that the answer carries.
package main
