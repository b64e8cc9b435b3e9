// Package demo builds a whole site in network namespaces, without root, isolates its cameras, and shows what still arrives.
//
//	attempts without Cordon ── apply ── the same attempts ── IPv6, forgeries ── tightening ── flushed filter ── repair
//	          │                                │                                                      │
//	          └──────────── the control ───────┴──────────── the far side's own counts ───────────────┘
//
// Every claim is a step with what was measured. It holds when the far side counted what it should, and the same attempt did arrive while
// nothing stood in its way. A layer of the defence can be left out: then some claim must fail.
package demo
