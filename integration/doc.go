// Package integration holds the tests of the whole: that the house is built as it was drawn, and that a site of namespaces behaves as
// its policy says.
//
//	lab/     sites of namespaces and simulated devices, made with netlink in milliseconds
//	bench/   what a packet and an apply cost, as ratios
//	escape/  every known way out, tried
//
// A test here may import every package; nothing imports it.
package integration
