// Package plan says what has to change for the machine to hold what a policy wants, as values: what an administrator reads and what
// the kernel is then told are one list.
//
//	live State ──┐
//	             ├─▶ Plan ─┬─ Changes      sentences: a camera more, an allow less
//	wanted State ┘         ├─ Tighten      sysctls, blackholes, what no longer opens
//	                       ├─ Batch        the packet filter, in one transaction
//	                       └─ Loosen       routes that open, neighbours; forwarding last
//
// Nothing here remembers an earlier plan: names come from the comments that the kernel keeps. An empty plan after an apply is the
// proof that the kernel took all of it, and the drift check is the same call.
package plan
