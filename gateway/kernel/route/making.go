package route

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
)

// portKind is the kernel's word for what an interface is to its bridge (IFLA_INFO_SLAVE_KIND).
const portKind = "bridge"

// decodeMaking reads what kind of interface it is, and what its kind says.
func decodeMaking(l *netstate.Link, info *netlink.AttributeDecoder) error {
	port := ""
	for info.Next() {
		switch info.Type() {
		case unix.IFLA_INFO_KIND:
			l.Kind = info.String()
		case unix.IFLA_INFO_SLAVE_KIND:
			port = info.String()
		case unix.IFLA_INFO_DATA:
			info.Nested(func(data *netlink.AttributeDecoder) error {
				decodeKind(l, data)
				return nil
			})
		case unix.IFLA_INFO_SLAVE_DATA:
			info.Nested(func(data *netlink.AttributeDecoder) error {
				for port == portKind && data.Next() {
					if data.Type() == unix.IFLA_BRPORT_ISOLATED {
						l.Isolated = data.Uint8() != 0
					}
				}
				return nil
			})
		}
	}
	return nil
}

// decodeKind reads a VLAN's number or a bridge's settings. Numbers of attributes mean something else in every kind.
func decodeKind(l *netstate.Link, data *netlink.AttributeDecoder) {
	for data.Next() {
		switch {
		case l.Kind == netstate.VLANKind && data.Type() == unix.IFLA_VLAN_ID:
			l.VLAN = data.Uint16()
		case l.Kind == netstate.VLANKind && data.Type() == unix.IFLA_VLAN_PROTOCOL:
			if p := data.Bytes(); len(p) != 2 || p[0] != unix.ETH_P_8021Q>>8 || p[1] != unix.ETH_P_8021Q&0xff {
				l.Kind = "vlan of another protocol"
			}
		case l.Kind == netstate.BridgeKind && data.Type() == unix.IFLA_BR_VLAN_FILTERING:
			l.Filtering = data.Uint8() != 0
		case l.Kind == netstate.BridgeKind && data.Type() == unix.IFLA_BR_MCAST_SNOOPING:
			l.Snooping = data.Uint8() != 0
		}
	}
}

// addLink makes a VLAN's interface or a bridge, down, in its group and with our mark.
func (c *Conn) addLink(l netstate.Link) error {
	if l.Kind != netstate.VLANKind && l.Kind != netstate.BridgeKind {
		return errors.ErrUnsupported // it belongs to the machine
	}
	attributes := netlink.NewAttributeEncoder()
	attributes.String(unix.IFLA_IFNAME, l.Name)
	attributes.Uint32(unix.IFLA_GROUP, l.Group)
	if l.Parent != "" {
		parent, err := c.index(l.Parent)
		if err != nil {
			return err
		}
		attributes.Uint32(unix.IFLA_LINK, parent)
	}
	attributes.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		return encodeMaking(info, netstate.Link{}, l)
	})
	header := make([]byte, unix.SizeofIfInfomsg)
	if err := c.write(unix.RTM_NEWLINK, netlink.Create|netlink.Excl, header, attributes); err != nil {
		return err
	}
	return c.markLink(l)
}

// markLink writes our mark, which the kernel does not take when it makes an interface.
func (c *Conn) markLink(l netstate.Link) error {
	index, err := c.index(l.Name)
	if err != nil {
		return err
	}
	header := make([]byte, unix.SizeofIfInfomsg)
	put32(header[4:], index)
	attributes := netlink.NewAttributeEncoder()
	attributes.String(unix.IFLA_IFALIAS, netstate.LinkAlias)
	if err := c.write(unix.RTM_NEWLINK, 0, header, attributes); err != nil {
		return errors.Join(fmt.Errorf("mark: %w", err), c.deleteLink(index))
	}
	return nil
}

// encodeMaking writes the kind of an interface, and what its kind wants. A kernel without 802.1Q does not take the setting of a bridge that
// it lacks, not even off.
func encodeMaking(info *netlink.AttributeEncoder, before, l netstate.Link) error {
	info.String(unix.IFLA_INFO_KIND, l.Kind)
	info.Nested(unix.IFLA_INFO_DATA, func(data *netlink.AttributeEncoder) error {
		if l.Kind == netstate.VLANKind {
			data.Uint16(unix.IFLA_VLAN_ID, l.VLAN)
			return nil
		}
		if l.Filtering != before.Filtering {
			data.Uint8(unix.IFLA_BR_VLAN_FILTERING, octet(l.Filtering))
		}
		data.Uint8(unix.IFLA_BR_MCAST_SNOOPING, octet(l.Snooping))
		return nil
	})
	return nil
}

// encodeAmendment writes the bridge that an interface is a port of, and what differs of a bridge itself.
func (c *Conn) encodeAmendment(attributes *netlink.AttributeEncoder, before, after netstate.Link) error {
	if before.Master != after.Master {
		var master uint32
		if after.Master != "" {
			var err error
			if master, err = c.index(after.Master); err != nil {
				return err
			}
		}
		attributes.Uint32(unix.IFLA_MASTER, master)
	}
	if after.Kind == netstate.BridgeKind && (before.Filtering != after.Filtering || before.Snooping != after.Snooping) {
		attributes.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
			return encodeMaking(info, before, after)
		})
	}
	return nil
}

// isolate says of a bridge's port whether it is isolated. The kernel takes that only of an interface that is a port already.
func (c *Conn) isolate(index uint32, isolated bool) error {
	header := make([]byte, unix.SizeofIfInfomsg)
	put32(header[4:], index)
	attributes := netlink.NewAttributeEncoder()
	attributes.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		info.String(unix.IFLA_INFO_SLAVE_KIND, portKind)
		info.Nested(unix.IFLA_INFO_SLAVE_DATA, func(data *netlink.AttributeEncoder) error {
			data.Uint8(unix.IFLA_BRPORT_ISOLATED, octet(isolated))
			return nil
		})
		return nil
	})
	return c.write(unix.RTM_NEWLINK, 0, header, attributes)
}

// removeLink deletes an interface that Cordon made, and no other that has come to have its name.
func (c *Conn) removeLink(l netstate.Link) error {
	links, err := c.Links()
	if err != nil {
		return err
	}
	for _, live := range links {
		if live.Name == l.Name && live.Ours() && live.SameMaking(l) {
			return c.deleteLink(uint32(live.Index)) //nolint:gosec // as the kernel gave it
		}
	}
	return nil
}

func (c *Conn) deleteLink(index uint32) error {
	header := make([]byte, unix.SizeofIfInfomsg)
	put32(header[4:], index)
	return c.write(unix.RTM_DELLINK, 0, header, netlink.NewAttributeEncoder())
}

func octet(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}
