package demo

import (
	"net/netip"

	"cordon/integration/lab"
	"cordon/policy"
)

// attempt is one thing that somebody tries, and what the policy says of it.
type attempt struct {
	// id names the attempt in the document, and its sentence.
	id  string
	try lab.Try
	// allowed says that the policy lets it arrive.
	allowed bool
	// second says that policy routing refuses it too: it must not arrive when the packet filter is gone.
	second bool
	why    reason
	// served says that a device of the site answers there already.
	served bool
}

// reason is why the policy refuses an attempt, by the key of its sentence, and the block of the policy that says so.
type reason struct {
	key string
	// segment or device is the block; manage where both are empty.
	segment, device string
}

// to returns a try by its ends.
func to(from, address string, protocol policy.Protocol, port uint16) lab.Try {
	return lab.Try{From: from, To: netip.AddrPortFrom(netip.MustParseAddr(address), port), Protocol: protocol}
}

// as gives a try another source address.
func as(t lab.Try, source string) lab.Try {
	t.Source = netip.AddrPortFrom(netip.MustParseAddr(source), 0)
	return t
}

// withMAC gives a try another Ethernet source address.
func withMAC(t lab.Try, mac policy.MAC) lab.Try {
	t.MAC = mac
	return t
}

// hairpin sends a try to the gateway although its target is on the same cable.
func hairpin(t lab.Try) lab.Try {
	t.NextHop = gatewayMAC()
	return t
}

// attempts are what devices do that no allow names, and two things that one does.
func attempts() []attempt {
	const tcp, udp = policy.TCP, policy.UDP
	cameras, recorders, uplink := reason{"allow", "cameras", ""}, reason{"allow", "recorders", ""}, reason{"allow", "internet", ""}
	return []attempt{
		{id: "cloud", try: to(north, cloud, tcp, cloudPort), why: cameras, second: true},
		{id: "relay", try: to(north, cloud, udp, relayPort), why: cameras, second: true},
		{id: "time", try: to(north, times, udp, 123), why: cameras, second: true},
		{id: "names", try: to(north, names, udp, 53), why: cameras, second: true},
		{id: "office", try: to(north, "10.50.0.5", tcp, 445), why: cameras, second: true},
		{id: "files", try: to(north, "10.40.0.10", tcp, 445), why: cameras},
		{id: "console", try: to(north, "10.30.0.1", tcp, 22), why: reason{key: "manage"}},
		{id: "neighbour", try: hairpin(to(north, "10.30.0.22", tcp, 80)), why: cameras, served: true},
		{id: "stranger", try: to(visitor, cloud, tcp, cloudPort), why: reason{"unknown", "cameras", ""}, second: true},
		{id: "recorder", try: to(nvr, cloud, tcp, 443), why: recorders, second: true},
		{id: "clerk", try: to(office, "10.30.0.21", tcp, 80), why: reason{"allow", "office", ""}, served: true},
		{id: "intruder", try: to(internet, "10.30.0.21", tcp, 554), why: uplink, second: true, served: true},
		{id: "door", try: to(internet, "203.0.113.2", tcp, 22), why: reason{key: "manage"}},
		{id: "alarm", try: to(entrance, "10.40.0.10", udp, 514), allowed: true},
		{id: "surf", try: to(office, cloud, tcp, 443), allowed: true},
	}
}

// forgeries are attempts in IPv6, and under an address that is somebody else's.
func forgeries() []attempt {
	const tcp, udp = policy.TCP, policy.UDP
	cameras, bound := reason{"allow", "cameras", ""}, reason{"bound", "", north}
	alarm := to(north, "10.40.0.10", udp, 514)
	return []attempt{
		{id: "cloud6", try: to(north, cloud6, tcp, cloudPort), why: cameras, second: true},
		{id: "office6", try: to(north, "fd50::5", tcp, 445), why: cameras, second: true},
		{id: "console6", try: to(north, "fd30::1", tcp, 22), why: reason{key: "manage"}},
		{id: "intruder6", try: to(internet, "fd30::21", tcp, 554), why: reason{"allow", "internet", ""}, second: true, served: true},
		{id: "address", try: as(alarm, "10.30.0.22"), why: bound},
		{id: "mac", try: withMAC(alarm, entranceMAC()), why: reason{"bound", "", entrance}},
		{id: "impostor", try: as(to(visitor, "10.40.0.10", udp, 514), "10.30.0.22"), why: reason{"bound", "", entrance}},
		{id: "clerk-address", try: as(to(north, cloud, udp, relayPort), "10.50.0.5"), why: bound, second: true},
	}
}

// place returns the line of the policy that refuses an attempt.
func (r reason) place(p policy.Policy) policy.Origin {
	switch {
	case r.segment != "":
		return segmentOrigin(p, r.segment)
	case r.device != "":
		return deviceOrigin(p, r.device)
	case len(p.Manage) > 0:
		return p.Manage[0].Origin
	}
	return policy.Origin{}
}
