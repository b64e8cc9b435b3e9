package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// attempts is how often a dump is begun again when the kernel says that the table was rebuilt meanwhile.
const attempts = 10

// The messages and attributes of ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
const (
	subsystem = unix.NFNL_SUBSYS_CTNETLINK << 8
	get       = 1
	remove    = 2

	ctaTupleOriginal = 1
	ctaID            = 12
	ctaZone          = 18

	tupleIP    = 1
	tupleProto = 2
	tupleZone  = 3 // of this direction alone

	protoNumber          = 1
	protoSourcePort      = 2
	protoDestinationPort = 3
	protoICMPID          = 4
	protoICMPType        = 5
	protoICMPCode        = 6
	protoICMPv6ID        = 7
	protoICMPv6Type      = 8
	protoICMPv6Code      = 9
)

// sizeofHeader is the size of struct nfgenmsg (linux/netfilter/nfnetlink.h): family, version, resource.
const sizeofHeader = 4

// Conn is a socket of the connection tracking family.
type Conn struct{ socket *netlink.Conn }

// Open makes a socket in the network namespace of the calling thread.
func Open() (*Conn, error) {
	socket, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open a connection tracking socket: %w", err)
	}
	return &Conn{socket: socket}, nil
}

// Close ends the socket.
func (c *Conn) Close() error { return c.socket.Close() }

// entry is a flow and what the kernel knows it by.
type entry struct {
	flow      netstate.Flow
	family    uint8
	tuple, id []byte
}

// Flows returns every connection that is tracked now, in no order.
func (c *Conn) Flows() ([]netstate.Flow, error) {
	entries, err := c.entries(func(netstate.Flow) bool { return true })
	if err != nil {
		return nil, err
	}
	flows := make([]netstate.Flow, len(entries))
	for i, e := range entries {
		flows[i] = e.flow
	}
	return flows, nil
}

// Remove ends every connection that refused says yes to, and returns how many it ended. One that ended by itself meanwhile is not
// counted.
func (c *Conn) Remove(refused func(netstate.Flow) bool) (int, error) {
	entries, err := c.entries(refused)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, e := range entries {
		err := c.remove(e)
		switch {
		case errors.Is(err, unix.ENOENT):
		case err != nil:
			return removed, fmt.Errorf("end flow %s: %w", e.flow, err)
		default:
			removed++
		}
	}
	return removed, nil
}

// entries returns what is tracked and wanted. When the kernel says that a listing was disturbed it begins again.
func (c *Conn) entries(wanted func(netstate.Flow) bool) ([]entry, error) {
	for range attempts {
		entries, interrupted, err := c.dump(wanted)
		if err != nil {
			return nil, fmt.Errorf("list flows: %w", err)
		}
		if !interrupted {
			return entries, nil
		}
	}
	return nil, fmt.Errorf("list flows: the table changed under %d readings: %w", attempts, unix.EINTR)
}

func (c *Conn) dump(wanted func(netstate.Flow) bool) (entries []entry, interrupted bool, err error) {
	_, err = c.socket.Send(netlink.Message{
		Header: netlink.Header{Type: subsystem | get, Flags: netlink.Request | netlink.Dump},
		Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return nil, false, errno(err)
	}
	for message, err := range c.socket.ReceiveIter() {
		if err != nil {
			return nil, false, errno(err)
		}
		interrupted = interrupted || message.Header.Flags&netlink.DumpInterrupted != 0
		e, err := decode(message.Data)
		if err != nil {
			return nil, false, fmt.Errorf("read flow: %w", err)
		}
		if wanted(e.flow) {
			entries = append(entries, e)
		}
	}
	return entries, interrupted, nil
}

// remove asks for one entry's end: its tuple finds it, its identifier makes sure.
func (c *Conn) remove(e entry) error {
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.NLA_F_NESTED|ctaTupleOriginal, e.tuple)
	attributes.Bytes(ctaID, e.id)
	if e.flow.Zone != 0 {
		attributes.Bytes(ctaZone, binary.BigEndian.AppendUint16(nil, e.flow.Zone))
	}
	encoded, err := attributes.Encode()
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	_, err = c.socket.Execute(netlink.Message{
		Header: netlink.Header{Type: subsystem | remove, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append([]byte{e.family, unix.NFNETLINK_V0, 0, 0}, encoded...),
	})
	return errno(err)
}

// errno leaves the kernel's error number of an error, without the library's words.
func errno(err error) error {
	if op, ok := errors.AsType[*netlink.OpError](err); ok {
		return op.Err
	}
	return err
}

func decode(body []byte) (entry, error) {
	if len(body) < sizeofHeader {
		return entry{}, fmt.Errorf("a message of %d octets: %w", len(body), unix.EBADMSG)
	}
	e := entry{family: body[0]}
	attributes, err := netlink.NewAttributeDecoder(body[sizeofHeader:])
	if err != nil {
		return entry{}, err
	}
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		switch attributes.Type() {
		case ctaTupleOriginal:
			e.tuple = attributes.Bytes()
			attributes.Nested(e.readTuple)
		case ctaID:
			e.id = attributes.Bytes()
		case ctaZone:
			e.flow.Zone = attributes.Uint16()
		}
	}
	return e, attributes.Err()
}

func (e *entry) readTuple(tuple *netlink.AttributeDecoder) error {
	for tuple.Next() {
		switch tuple.Type() {
		case tupleIP:
			tuple.Nested(e.readAddresses)
		case tupleProto:
			tuple.Nested(e.readProtocol)
		case tupleZone:
			e.flow.Zone = tuple.Uint16()
		}
	}
	return nil
}

// readAddresses takes the source (1 for IPv4, 3 for IPv6) and the destination (2, 4).
func (e *entry) readAddresses(addresses *netlink.AttributeDecoder) error {
	for addresses.Next() {
		a, ok := netip.AddrFromSlice(addresses.Bytes())
		if !ok {
			return unix.EBADMSG
		}
		switch addresses.Type() {
		case 1, 3:
			e.flow.Source = a
		case 2, 4:
			e.flow.Destination = a
		}
	}
	return nil
}

func (e *entry) readProtocol(proto *netlink.AttributeDecoder) error {
	for proto.Next() {
		switch proto.Type() {
		case protoNumber:
			e.flow.Protocol = policy.Protocol(proto.Uint8())
		case protoSourcePort:
			e.flow.SourcePort = proto.Uint16()
		case protoDestinationPort:
			e.flow.DestinationPort = proto.Uint16()
		case protoICMPID, protoICMPv6ID:
			e.flow.ICMPID = proto.Uint16()
		case protoICMPType, protoICMPv6Type:
			e.flow.ICMPType = proto.Uint8()
		case protoICMPCode, protoICMPv6Code:
			e.flow.ICMPCode = proto.Uint8()
		}
	}
	return nil
}
