// Package lab builds whole sites out of network namespaces in milliseconds, without root, and lets devices try things in them.
//
//	          gateway (addressed by whoever is under test)
//	    cam0 │        │ rec0            │ wan0
//	         │        │                 │
//	┌────────┴───────────────────┐      │
//	│ switch: one bridge a       │      │  a segment of one host
//	│ segment of several hosts   │      │  needs no switch
//	└─┬──────┬───────────────┬───┘      │
//	eth0   eth0            eth0        eth0
//	c1     c2              nvr-1       internet
//
// Every machine is a namespace with one interface, eth0, whose Ethernet address is the one that the site gives it. The gateway has one
// interface a segment, up, and nothing else: no address, no route, no rule, unless the site asks for addresses. What arrived is said by
// a witness at the far side, never by the sender.
//
// A namespace belongs to a thread. Sockets keep the namespace that they were opened in, so a Machine opens them and any goroutine uses
// them; nothing else of a namespace reaches beyond NetNS.Do.
package lab
