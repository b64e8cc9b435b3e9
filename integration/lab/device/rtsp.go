package device

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// message is a request or a response of RTSP (RFC 2326), whose first line tells them apart.
type message struct {
	first  string
	header textproto.MIMEHeader
	body   []byte
}

// maxBody bounds what a device believes of a Content-Length.
const maxBody = 1 << 16

// readMessage reads one message.
func readMessage(r *bufio.Reader) (message, error) {
	text := textproto.NewReader(r)
	first, err := text.ReadLine()
	if err != nil {
		return message{}, err
	}
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return message{}, fmt.Errorf("read the header of %q: %w", first, err)
	}
	length, err := strconv.Atoi(orZero(header.Get("Content-Length")))
	if err != nil || length < 0 || length > maxBody {
		return message{}, fmt.Errorf("read %q: a body of %q bytes", first, header.Get("Content-Length"))
	}
	m := message{first: first, header: header, body: make([]byte, length)}
	_, err = io.ReadFull(r, m.body)
	return m, err
}

// orZero returns text, or 0 for none.
func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

// interleaved is one packet on a connection of RTSP (RFC 2326 §10.12).
type interleaved struct {
	channel byte
	payload []byte
}

// readInterleaved reads a packet, whose dollar sign is the next byte.
func readInterleaved(r *bufio.Reader) (interleaved, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return interleaved{}, err
	}
	p := interleaved{channel: head[1], payload: make([]byte, int(head[2])<<8|int(head[3]))}
	_, err := io.ReadFull(r, p.payload)
	return p, err
}

// interleave returns a packet as it goes on the connection.
func interleave(channel byte, payload []byte) []byte {
	return append([]byte{'$', channel, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

// portPair reads name=FIRST-LAST from a Transport header (RFC 2326 §12.39).
func portPair(transport, name string) (first, last uint16, ok bool) {
	for field := range strings.SplitSeq(transport, ";") {
		value, found := strings.CutPrefix(strings.TrimSpace(field), name+"=")
		if !found {
			continue
		}
		low, high, _ := strings.Cut(value, "-")
		a, errA := strconv.ParseUint(low, 10, 16)
		b, errB := strconv.ParseUint(high, 10, 16)
		return uint16(a), uint16(b), errA == nil && errB == nil && a < b
	}
	return 0, 0, false
}
