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

func neighbourRequest(number numbering, n netstate.Neighbour) ([]byte, *netlink.AttributeEncoder, error) {
	index, err := number(n.Interface)
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

// newNeighbour is the request that makes a permanent entry, whatever stood there.
func newNeighbour(number numbering, n netstate.Neighbour) (netlink.Message, error) {
	header, attributes, err := neighbourRequest(number, n)
	if err != nil {
		return netlink.Message{}, err
	}
	attributes.Bytes(unix.NDA_LLADDR, n.MAC[:])
	return request(unix.RTM_NEWNEIGH, netlink.Create|netlink.Replace, header, attributes)
}

func (c *Conn) setNeighbour(n netstate.Neighbour) error { return c.send(newNeighbour(c.index, n)) }

func (c *Conn) removeNeighbour(n netstate.Neighbour) error {
	header, attributes, err := neighbourRequest(c.index, n)
	if err != nil {
		return err
	}
	return c.write(unix.RTM_DELNEIGH, 0, header, attributes)
}
