package route

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// Links returns every interface.
func (c *Conn) Links() ([]netstate.Link, error) {
	var links []netstate.Link
	err := repeat(func() (err error) {
		links, err = c.links()
		return err
	})
	return netstate.State{Links: links}.Canonical().Links, err
}

func (c *Conn) links() ([]netstate.Link, error) {
	bodies, err := c.dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), unix.SizeofIfInfomsg)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links, others := make([]netstate.Link, len(bodies)), make([]relatives, len(bodies))
	for i, body := range bodies {
		if links[i], others[i], err = decodeLink(body); err != nil {
			return nil, fmt.Errorf("read link: %w", err)
		}
	}
	names := nameByIndex(links)
	for i, other := range others {
		if links[i].Master, err = name(names, other.master); err != nil {
			return nil, fmt.Errorf("master of link %s: %w", links[i].Name, err)
		}
		if links[i].Kind != netstate.VLANKind || other.elsewhere {
			continue // the other end of a veth is no parent, and one in another namespace has no name here
		}
		if links[i].Parent, err = name(names, other.parent); err != nil {
			return nil, fmt.Errorf("parent of link %s: %w", links[i].Name, err)
		}
	}
	return links, nil
}

// relatives are the interfaces that one belongs to, by their numbers.
type relatives struct {
	master, parent uint32
	elsewhere      bool // the parent is in another namespace
}

func decodeLink(body []byte) (l netstate.Link, other relatives, err error) {
	l.Index = int(get32(body[4:]))
	l.Up = get32(body[8:])&unix.IFF_UP != 0
	ethernet := binary.NativeEndian.Uint16(body[2:]) == unix.ARPHRD_ETHER
	attributes, err := netlink.NewAttributeDecoder(body[unix.SizeofIfInfomsg:])
	if err != nil {
		return l, other, err
	}
	for attributes.Next() {
		switch attributes.Type() {
		case unix.IFLA_IFNAME:
			l.Name = attributes.String()
		case unix.IFLA_GROUP:
			l.Group = attributes.Uint32()
		case unix.IFLA_MASTER:
			other.master = attributes.Uint32()
		case unix.IFLA_LINK:
			other.parent = attributes.Uint32()
		case unix.IFLA_LINK_NETNSID:
			other.elsewhere = true
		case unix.IFLA_IFALIAS:
			l.Alias = attributes.String()
		case unix.IFLA_ADDRESS:
			if b := attributes.Bytes(); ethernet && len(b) == len(policy.MAC{}) {
				l.MAC = policy.MAC(b)
			}
		case unix.IFLA_LINKINFO:
			attributes.Nested(func(info *netlink.AttributeDecoder) error { return decodeMaking(&l, info) })
		}
	}
	return l, other, attributes.Err()
}

// index asks the kernel for the number of an interface.
func (c *Conn) index(name string) (uint32, error) {
	attributes := netlink.NewAttributeEncoder()
	attributes.String(unix.IFLA_IFNAME, name)
	encoded, err := attributes.Encode()
	if err != nil {
		return 0, fmt.Errorf("encode request: %w", err)
	}
	messages, err := c.execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request},
		Data:   append(make([]byte, unix.SizeofIfInfomsg), encoded...),
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ERANGE) {
		err = unix.ENODEV // what the kernel says of a name that no interface may have
	}
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, reason(err))
	}
	if len(messages) != 1 || len(messages[0].Data) < unix.SizeofIfInfomsg {
		return 0, fmt.Errorf("interface %q: %w", name, unix.EBADMSG)
	}
	return get32(messages[0].Data[4:]), nil
}

// changeLink sets the group and the state where they differ.
func (c *Conn) changeLink(before, after netstate.Link) error {
	index, err := c.index(after.Name)
	if err != nil {
		return err
	}
	header := make([]byte, unix.SizeofIfInfomsg)
	put32(header[4:], index)
	attributes := netlink.NewAttributeEncoder()
	if before.Up != after.Up {
		put32(header[12:], unix.IFF_UP)
		if after.Up {
			put32(header[8:], unix.IFF_UP)
		}
	}
	if before.Group != after.Group {
		attributes.Uint32(unix.IFLA_GROUP, after.Group)
	}
	if err := c.encodeAmendment(attributes, before, after); err != nil {
		return err
	}
	if err := c.write(unix.RTM_NEWLINK, 0, header, attributes); err != nil {
		return err
	}
	if after.Master == "" || after.Isolated == before.Isolated && after.Master == before.Master {
		return nil
	}
	return c.isolate(index, after.Isolated)
}
