// Package beside reads what handles frames beside the packet filter: programs of XDP and filters of the traffic control, which see a
// frame before any hook does.
//
// # Review notes
//
// Programs that are attached by a BPF link at the tc hooks (tcx, since Linux 6.6) are listed by bpf(2) alone, and not here.
package beside
