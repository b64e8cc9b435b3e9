package wire

import (
	"encoding/binary"
	"iter"
	"slices"

	"golang.org/x/sys/unix"
)

// headerLength is the length in octets of an attribute's header, and typeMask what remains of its type without the two flags
// (linux/netlink.h, struct nlattr, NLA_TYPE_MASK).
const (
	headerLength = 4
	typeMask     = 0x3fff
)

// Attributes is a list of netlink attributes as octets, in canonical form. It is comparable, and costs no more than its octets.
type Attributes string

// All yields each attribute's type and value. It stops at the first octets that are no attribute.
func (a Attributes) All() iter.Seq2[uint16, Attributes] {
	return func(yield func(uint16, Attributes) bool) {
		for len(a) >= headerLength {
			n := int(binary.NativeEndian.Uint16([]byte(a[:2])))
			t := binary.NativeEndian.Uint16([]byte(a[2:4])) & typeMask
			if n < headerLength || n > len(a) || !yield(t, a[headerLength:n]) {
				return
			}
			a = a[min(align(n), len(a)):]
		}
	}
}

// Get returns the value of the first attribute of a type.
func (a Attributes) Get(kind uint16) (Attributes, bool) {
	for t, v := range a.All() {
		if t == kind {
			return v, true
		}
	}
	return "", false
}

// Uint32 returns a number of four octets in network order, which is how nf_tables sends all of its numbers.
func (a Attributes) Uint32(kind uint16) (uint32, bool) {
	v, ok := a.Get(kind)
	if !ok || len(v) != 4 {
		return 0, false
	}
	return v.uint32(), true
}

// Uint64 returns a number of eight octets in network order.
func (a Attributes) Uint64(kind uint16) (uint64, bool) {
	v, ok := a.Get(kind)
	if !ok || len(v) != 8 {
		return 0, false
	}
	return v.uint64(), true
}

// Text returns a string without the zero that ends it.
func (a Attributes) Text(kind uint16) string {
	v, _ := a.Get(kind)
	return v.text()
}

func (a Attributes) uint32() uint32 {
	if len(a) != 4 {
		return 0
	}
	return uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
}

func (a Attributes) uint64() uint64 {
	if len(a) != 8 {
		return 0
	}
	return uint64(a[:4].uint32())<<32 | uint64(a[4:].uint32())
}

func (a Attributes) text() string {
	for i := range len(a) {
		if a[i] == 0 {
			return string(a[:i])
		}
	}
	return string(a)
}

func align(n int) int { return (n + 3) &^ 3 }

// sorted returns the attributes in ascending order of type, with neither flags nor padding set, keeping those that keep accepts.
func sorted(a Attributes, change func(kind uint16, value Attributes) (Attributes, bool)) Attributes {
	type attribute struct {
		kind  uint16
		value Attributes
	}
	var room [16]attribute
	list := room[:0]
	for t, v := range a.All() {
		if v, keep := change(t, v); keep {
			list = append(list, attribute{t, v})
		}
	}
	slices.SortStableFunc(list, func(x, y attribute) int { return int(x.kind) - int(y.kind) })
	out := make([]byte, 0, len(a))
	for _, x := range list {
		out = appendText(out, x.kind, string(x.value))
	}
	return Attributes(out)
}

// The functions below write one attribute each behind b. A value longer than an attribute can be is cut by nobody: callers keep
// values within a message's limit, which is far below.

func appendText(b []byte, kind uint16, value string) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(headerLength+len(value))) //nolint:gosec // bounded by the callers
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return pad(b, len(value))
}

func appendString(b []byte, kind uint16, value string) []byte {
	return appendText(b, kind, value+"\x00")
}

func appendUint32(b []byte, kind uint16, value uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, headerLength+4)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint32(b, value)
}

func appendUint64(b []byte, kind uint16, value uint64) []byte {
	b = binary.NativeEndian.AppendUint16(b, headerLength+8)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint64(b, value)
}

// open begins a nested attribute; close ends it, given what open returned.
func open(b []byte, kind uint16) ([]byte, int) {
	start := len(b)
	b = binary.NativeEndian.AppendUint16(b, 0)
	return binary.NativeEndian.AppendUint16(b, kind|unix.NLA_F_NESTED), start
}

func closed(b []byte, start int) []byte {
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start)) //nolint:gosec // bounded by the callers
	return b
}

func pad(b []byte, n int) []byte {
	for ; n%4 != 0; n++ {
		b = append(b, 0)
	}
	return b
}
