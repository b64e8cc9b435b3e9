package route

import (
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
)

// ifaProto is who added an address (linux/if_addr.h, IFA_PROTO, since Linux 5.18; older kernels pass it over).
const ifaProto = 11

// octets returns the address as the kernel takes it, and its family.
func octets(a netip.Addr) ([]byte, uint8) {
	if a.Is4() {
		return a.AsSlice(), unix.AF_INET
	}
	return a.AsSlice(), unix.AF_INET6
}

func (c *Conn) addresses(names map[int]string) ([]netstate.Address, error) {
	bodies, err := c.dump(unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), unix.SizeofIfAddrmsg)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addresses := make([]netstate.Address, 0, len(bodies))
	for _, body := range bodies {
		a, err := decodeAddress(body, names)
		if err != nil {
			return nil, fmt.Errorf("read address: %w", err)
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

func decodeAddress(body []byte, names map[int]string) (a netstate.Address, err error) {
	if a.Interface, err = name(names, get32(body[4:])); err != nil {
		return a, err
	}
	attributes, err := netlink.NewAttributeDecoder(body[unix.SizeofIfAddrmsg:])
	if err != nil {
		return a, err
	}
	var local, other netip.Addr // on a point-to-point link IFA_ADDRESS is the far end
	for attributes.Next() {
		switch attributes.Type() {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(attributes.Bytes())
		case unix.IFA_ADDRESS:
			other, _ = netip.AddrFromSlice(attributes.Bytes())
		case ifaProto:
			a.Protocol = attributes.Uint8()
		}
	}
	if !local.IsValid() {
		local = other
	}
	a.Prefix = netip.PrefixFrom(local, int(body[1]))
	return a, attributes.Err()
}

func addressRequest(number numbering, a netstate.Address) ([]byte, *netlink.AttributeEncoder, error) {
	index, err := number(a.Interface)
	if err != nil {
		return nil, nil, err
	}
	address, family := octets(a.Prefix.Addr())
	header := make([]byte, unix.SizeofIfAddrmsg)
	header[0], header[1] = family, bits(a.Prefix)
	put32(header[4:], index)
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.IFA_LOCAL, address)
	attributes.Bytes(unix.IFA_ADDRESS, address)
	return header, attributes, nil
}

// newAddress is the request that gives the interface the address. An IPv6 address skips duplicate address detection: a camera that
// claims it could otherwise take the gateway's address away (RFC 4862, 5.4).
func newAddress(number numbering, a netstate.Address) (netlink.Message, error) {
	header, attributes, err := addressRequest(number, a)
	if err != nil {
		return netlink.Message{}, err
	}
	if a.Prefix.Addr().Is6() {
		attributes.Uint32(unix.IFA_FLAGS, unix.IFA_F_NODAD)
	} else if broadcast, ok := broadcast(a.Prefix); ok {
		attributes.Bytes(unix.IFA_BROADCAST, broadcast.AsSlice())
	}
	if a.Protocol != 0 {
		attributes.Uint8(ifaProto, a.Protocol)
	}
	return request(unix.RTM_NEWADDR, netlink.Create|netlink.Excl, header, attributes)
}

// broadcast returns the last address of an IPv4 network that has one.
func broadcast(p netip.Prefix) (netip.Addr, bool) {
	if p.Bits() > 30 {
		return netip.Addr{}, false
	}
	octets := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(octets), true
}

func (c *Conn) removeAddress(a netstate.Address) error {
	header, attributes, err := addressRequest(c.index, a)
	if err != nil {
		return err
	}
	return c.write(unix.RTM_DELADDR, 0, header, attributes)
}
