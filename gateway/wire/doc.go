// Package wire is the kernel's language for packet filters, as values: messages of nf_tables in, tables out, and back again.
//
//	ruleset.Ruleset ──Of──▶ []Table ──Batch──▶ messages ──▶ kernel
//	                           ▲                              │
//	                           └───────── Decoder ◀── messages ◀┘
//
// A value keeps every attribute that the kernel gave, known or not, in one canonical form: attributes ascend by type, carry no
// flags and no padding of their own. What Of makes from our rules therefore equals what the kernel gives back when they are in
// force, octet by octet, and Equal leaves out only what lives (counters, deadlines, handles). The package has no sockets.
package wire
