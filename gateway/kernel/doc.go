// Package kernel is the one place where Cordon reads and changes the machine: it puts the netlink families together, in the order
// that keeps the network shut.
//
//	Read   ─▶ netstate.State          our tables, links, addresses, routes, rules, neighbours, settings
//	Apply  ◀─ plan.Plan               tighten ─ one transaction ─ loosen ─ end flows ─ verify ─ forward
//
// A step that fails undoes those before it, and the error says which step it was.
package kernel
