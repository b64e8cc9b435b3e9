package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"cordon/gateway/ruleset"

	"golang.org/x/sys/unix"
)

// Lengths of the headers of a netlink message and of netfilter's part of it, in octets.
const (
	messageHeader = 16
	familyHeader  = 4
)

// ErrMalformed is what reading says of octets that are no message of nf_tables.
var ErrMalformed = errors.New("malformed netfilter message")

// Message is one message of the netfilter family of netlink.
type Message struct {
	Type     uint16 // as in the header: subsystem and command, or a control message of netlink itself
	Flags    uint16
	Sequence uint32
	Port     uint32
	Family   ruleset.Family // 0 in control messages
	Resource uint16         // the low half of the generation in an answer
	Body     Attributes     // of a control message: all that follows the header
}

// Command returns the NFT_MSG_* of a message of nf_tables, and whether it is one.
func (m Message) Command() (uint16, bool) {
	return m.Type & 0xff, m.Type>>8 == unix.NFNL_SUBSYS_NFTABLES
}

// Messages yields the messages of one datagram. The octets are copied once. Octets that are no message end the sequence with
// ErrMalformed.
func Messages(datagram []byte) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		rest := string(datagram)
		for len(rest) > 0 {
			m, n, err := cut(rest)
			if !yield(m, err) || err != nil {
				return
			}
			rest = rest[min(align(n), len(rest)):]
		}
	}
}

func cut(rest string) (Message, int, error) {
	if len(rest) < messageHeader {
		return Message{}, 0, fmt.Errorf("%w: %d octets left of a header", ErrMalformed, len(rest))
	}
	h := []byte(rest[:messageHeader])
	n := int(binary.NativeEndian.Uint32(h))
	if n < messageHeader || n > len(rest) {
		return Message{}, 0, fmt.Errorf("%w: length %d of %d", ErrMalformed, n, len(rest))
	}
	m := Message{
		Type:     binary.NativeEndian.Uint16(h[4:]),
		Flags:    binary.NativeEndian.Uint16(h[6:]),
		Sequence: binary.NativeEndian.Uint32(h[8:]),
		Port:     binary.NativeEndian.Uint32(h[12:]),
		Body:     Attributes(rest[messageHeader:n]),
	}
	if m.Type < unix.NLMSG_MIN_TYPE {
		return m, n, nil
	}
	if len(m.Body) < familyHeader {
		return Message{}, 0, fmt.Errorf("%w: message %#x without a family", ErrMalformed, m.Type)
	}
	m.Family = ruleset.Family(m.Body[0])
	m.Resource = binary.BigEndian.Uint16([]byte(m.Body[2:4]))
	m.Body = m.Body[familyHeader:]
	return m, n, nil
}

// Refusal is what the kernel said of one message: its error number, in its own words where it has some, and where in the message
// the attribute stands that it means.
type Refusal struct {
	Errno  unix.Errno // 0 acknowledges
	Text   string     // extended acknowledgement (NLMSGERR_ATTR_MSG), often empty
	Offset uint32     // NLMSGERR_ATTR_OFFS, from the message's beginning; 0 is unknown
}

// Refusal reads a message of type NLMSG_ERROR, and NLMSG_DONE which carries an error number alike.
func (m Message) Refusal() (Refusal, bool) {
	if m.Type != unix.NLMSG_ERROR && m.Type != unix.NLMSG_DONE || len(m.Body) < 4 {
		return Refusal{}, false
	}
	number := int32(native32(m.Body[:4]))    //nolint:gosec // the kernel's int
	r := Refusal{Errno: unix.Errno(-number)} //nolint:gosec // negative by protocol
	if m.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return r, true
	}
	at := 4
	if m.Type == unix.NLMSG_ERROR {
		at += m.quoted()
	}
	tlv := m.Body[min(at, len(m.Body)):]
	r.Text = tlv.Text(unix.NLMSGERR_ATTR_MSG)
	v, _ := tlv.Get(unix.NLMSGERR_ATTR_OFFS)
	r.Offset = native32(v)
	return r, true
}

// quoted returns how many octets of the refused message an error repeats: its header only when the answer is capped.
func (m Message) quoted() int {
	if m.Flags&unix.NLM_F_CAPPED != 0 || len(m.Body) < 4+messageHeader {
		return messageHeader
	}
	return align(int(native32(m.Body[4:8])))
}
