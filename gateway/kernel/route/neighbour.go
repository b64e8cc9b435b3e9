package route

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
	"cordon/policy"
)

func (c *Conn) neighbours(names map[int]string) ([]netstate.Neighbour, error) {
	var neighbours []netstate.Neighbour
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		header := make([]byte, unix.SizeofNdMsg)
		header[0] = family
		bodies, err := c.dump(unix.RTM_GETNEIGH, header, len(header))
		if err != nil {
			return nil, fmt.Errorf("list neighbours: %w", err)
		}
		for _, body := range bodies {
			if binary.NativeEndian.Uint16(body[8:])&unix.NUD_PERMANENT == 0 {
				continue
			}
			n, err := decodeNeighbour(body, names)
			if err != nil {
				return nil, fmt.Errorf("read neighbour: %w", err)
			}
			neighbours = append(neighbours, n)
		}
	}
	return neighbours, nil
}

func decodeNeighbour(body []byte, names map[int]string) (n netstate.Neighbour, err error) {
	if n.Interface, err = name(names, get32(body[4:])); err != nil {
		return n, err
	}
	attributes, err := netlink.NewAttributeDecoder(body[unix.SizeofNdMsg:])
	if err != nil {
		return n, err
	}
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NDA_DST:
			n.Address, _ = netip.AddrFromSlice(attributes.Bytes())
		case unix.NDA_LLADDR:
			if b := attributes.Bytes(); len(b) == len(n.MAC) {
				n.MAC = policy.MAC(b)
			}
		}
	}
	return n, attributes.Err()
}

func (c *Conn) neighbourRequest(n netstate.Neighbour) ([]byte, *netlink.AttributeEncoder, error) {
	index, err := c.index(n.Interface)
	if err != nil {
		return nil, nil, err
	}
	address, family := octets(n.Address)
	header := make([]byte, unix.SizeofNdMsg)
	header[0] = family
	put32(header[4:], index)
	binary.NativeEndian.PutUint16(header[8:], unix.NUD_PERMANENT)
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.NDA_DST, address)
	return header, attributes, nil
}

// setNeighbour makes a permanent entry, whatever stood there.
func (c *Conn) setNeighbour(n netstate.Neighbour) error {
	header, attributes, err := c.neighbourRequest(n)
	if err != nil {
		return err
	}
	attributes.Bytes(unix.NDA_LLADDR, n.MAC[:])
	return c.write(unix.RTM_NEWNEIGH, netlink.Create|netlink.Replace, header, attributes)
}

func (c *Conn) removeNeighbour(n netstate.Neighbour) error {
	header, attributes, err := c.neighbourRequest(n)
	if err != nil {
		return err
	}
	return c.write(unix.RTM_DELNEIGH, 0, header, attributes)
}
