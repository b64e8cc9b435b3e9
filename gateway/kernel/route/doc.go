// Package route speaks to the kernel's routing family (rtnetlink): links, addresses, routes, rules and permanent neighbours.
//
//	netstate.State ◀──Read── Conn ──Add, Change, Remove──▶ one object in the kernel
//	                          │ └───AddAll───────────────▶ thousands, in few calls of the system
//	                          │
//	                  one lasting socket in the network namespace of the thread that opened it
//
// Every write is idempotent: what is there already is not added again, what is gone already is not missed. Messages are written and
// read here, attribute by attribute, because what a rule or a route says must come back exactly: an attribute that netstate does not
// hold is named in the value's Other and never dropped in silence.
package route
