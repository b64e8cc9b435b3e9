package wire

import (
	"encoding/binary"

	"cordon/gateway/ruleset"

	"golang.org/x/sys/unix"
)

// Question is one request that reads, on its way to the kernel.
type Question struct{ b Batch }

// Ask begins a question: for one thing, or for all there are.
func Ask(command uint16, family ruleset.Family, sequence uint32, dump bool) *Question {
	var flags uint16
	if dump {
		flags = unix.NLM_F_DUMP
	}
	q := &Question{}
	q.b.command(command, flags, ID{Family: family}, "")
	binary.NativeEndian.PutUint32(q.b.octets[8:], sequence)
	return q
}

// Text adds an attribute with a string.
func (q *Question) Text(kind uint16, v string) { q.b.octets = appendString(q.b.octets, kind, v) }

// Octets returns the question as the kernel wants it.
func (q *Question) Octets() []byte {
	q.b.end()
	return q.b.octets
}
