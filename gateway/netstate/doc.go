// Package netstate is everything that decides a packet on a machine as one value: what package compile wants and what package kernel
// reads are both a State, so that planning, proving and the drift check are comparisons.
//
//	            ┌ Tables, Foreign    the packet filter
//	            ├ Links              who is there, up or down, governed or not
//	State ──────┼ Addresses          what is local
//	            ├ Rules ─▶ Routes    which table a packet is looked up in, and what stands there
//	            ├ Neighbours         whom an address is delivered to
//	            └ Sysctls            what the kernel does by itself
//
// What belongs to Cordon is recognised by numbers alone (Rule.Ours, Route.Ours, …), never by what an earlier process remembers.
package netstate
