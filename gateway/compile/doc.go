// Package compile turns a policy into the state that the kernel shall have: the packet filter, the routing jail, addresses, routes,
// permanent neighbours and sysctls.
//
//	Policy ──openings──▶ who may open what ──┬─ sets, gates ──▶ Ruleset   (lock one: what passes)
//	                                         ├─ jail ─────────▶ rules, routes (lock two: what has a way)
//	                                         └─ Permits ──────▶ which running flows may live on
//
// The chains are the same for every policy but for one rule and one set for each service that is a range of ports, an echo request
// or "any", and for each network that is written as a literal. A camera more is an element more in each set that needs it.
//
// # A packet's way
//
//	camera ──▶ netdev ingress   ARP for itself to the gateway only; a foreign ethertype or a VLAN tag ends here
//	           inet ingress     interface + MAC + address + flow in one look-up; what it refuses never meets conntrack or routing
//	           prerouting       asks again what ingress did not answer; knows every interface by name
//	           forward          conntrack's direction, the pair of interfaces, and the flow again unless ingress found it
//	           postrouting      no address of a camera or recorder leaves by an uplink unless an allow names the device
//	           egress           the same, after address translation
//
// What is open for a time only stands in sets of its own, beside the others in every chain that decides. Their elements end by
// themselves, and with them the mark without which policy routing knows no way: both locks close while nothing of Cordon runs.
//
// Ingress leaves a mark on a packet whose flow it found. The mark is a hint for this packet and never stored: without it the later
// chains look everything up themselves, and with a forged one a packet still needs conntrack's direction and the pair of interfaces.
//
// # Observing and serving
//
// An observed segment differs in elements alone: the ends of refusing chains look its interface up and count instead. What the gateway
// serves is let in at ingress, kept from conntrack, and answered by output; its chains exist where a policy serves something.
//
// # Bounds
//
// One device may have so much of what all devices share:
//
//	new flows of one camera, a family                20 a second after 200   counter "new flows faster than a camera needs"
//	open flows of one camera, a family               256                     counter "more open flows than a camera needs"
//	ICMP errors of one source about open flows       20 a second after 40    counter "more errors than a router would send"
//	answers to refused packets of one device         20 a second after 40    counter "refused more often than it is answered"
//	questions of one device to what is served        50 a second after 100   counter "more questions than a device has"
//	DHCP of all unknown devices of a segment         10 a second after 20    counter "more newcomers than a segment has"
//	flows remembered on a bridge, a family,
//	TCP and UDP each                                 65,536                  counter "no room to remember a flow"
//
// A camera's closed connections do not count as open, but stay in conntrack for up to two minutes: that is what the rate is for. What is
// refused and what is served has no entry there at all. The packets of an allowed flow are bounded by nothing.
package compile
