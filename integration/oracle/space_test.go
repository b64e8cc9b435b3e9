package oracle_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"cordon/policy"
)

// cut returns a random network inside another one, or one of its addresses.
func cut(r *rand.Rand, network string) string {
	n := netip.MustParsePrefix(network)
	width := n.Addr().BitLen() - n.Bits()
	switch r.IntN(4) {
	case 0:
		return n.String()
	case 1:
		return inside(r, n).String()
	}
	return netip.PrefixFrom(inside(r, n), n.Bits()+r.IntN(min(width, 10)+1)).Masked().String()
}

// inside returns a random address of a network that one machine may have: neither its own nor its broadcast address, nor the
// gateway's.
func inside(r *rand.Rand, n netip.Prefix) netip.Addr {
	octets := n.Masked().Addr().AsSlice()
	free := min(n.Addr().BitLen()-n.Bits(), 16)
	value := uint16(0)
	if free > 0 {
		value = uint16(r.IntN(1 << free))
		if free > 1 {
			value = uint16(2 + r.IntN(max(1<<free-3, 1)))
		}
	}
	last := len(octets)
	octets[last-1] |= byte(value)
	octets[last-2] |= byte(value >> 8)
	a, _ := netip.AddrFromSlice(octets)
	return a
}

// last returns the highest address of a network.
func last(n netip.Prefix) netip.Addr {
	octets := n.Masked().Addr().AsSlice()
	for bit := n.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(octets)
	return a
}

// owner returns the segment that an address belongs to: the one with the longest network that holds it.
func owner(p policy.Policy, a netip.Addr) *policy.Segment {
	var best *policy.Segment
	longest := -1
	for i := range p.Segments {
		for _, n := range p.Segments[i].Networks() {
			if n.Contains(a) && n.Bits() > longest {
				best, longest = &p.Segments[i], n.Bits()
			}
		}
	}
	return best
}

// deviceAt returns the device of an address.
func deviceAt(p policy.Policy, a netip.Addr) *policy.Device {
	for i := range p.Devices {
		if slices.Contains(p.Devices[i].Addresses, a) {
			return &p.Devices[i]
		}
	}
	return nil
}

// isGateway says whether an address is the gateway's own.
func isGateway(p policy.Policy, a netip.Addr) bool {
	for i := range p.Segments {
		for _, own := range p.Segments[i].Addresses {
			if own.Addr() == a {
				return true
			}
		}
	}
	return false
}

// everybody is whom a client of DHCP asks.
func everybody() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// searched are the groups that WS-Discovery asks (OASIS WS-Discovery 1.1, section 2.4).
func searched() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{239, 255, 255, 250}), netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 0x0c})}
}

// many says whether an address is of more than one machine.
func many(a netip.Addr) bool { return a == everybody() || a.IsMulticast() }
