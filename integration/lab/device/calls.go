package device

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// home is somebody whom a camera calls.
type home struct {
	service Service
	network string
	to      netip.AddrPort
	say     []byte
}

// homes returns whom the camera calls.
func (c *Camera) homes() []home {
	var homes []home
	for _, h := range []home{
		{NTP, "udp", c.NTP, ntpRequest()},
		{DNS, "udp", c.DNS, dnsQuery("dev.hik-connect.com")},
		{Cloud, "tcp", c.Cloud, []byte("REGISTER " + c.Serial + "\n")},
		{Relay, "udp", c.Relay, []byte("PUNCH " + c.Serial + "\n")},
	} {
		if h.to.IsValid() {
			homes = append(homes, h)
		}
	}
	return homes
}

// callForEver calls until ctx ends, or until the cloud has been silent once too often.
func (c *Camera) callForEver(ctx context.Context, h home) error {
	silent := 0
	for {
		outcome := c.call(ctx, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.mu.Lock()
		c.calls[Call{h.service, outcome}]++
		c.mu.Unlock()
		if silent++; outcome != Silent {
			silent = 0
		}
		if h.service == Cloud && c.RebootAfter > 0 && silent >= c.RebootAfter {
			return errReboot
		}
		if !pause(ctx, c.Every) {
			return ctx.Err()
		}
	}
}

// call says its sentence and waits for any answer.
func (c *Camera) call(ctx context.Context, h home) Outcome {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	conn, err := c.network.Dial(ctx, h.network, netip.AddrPort{}, h.to)
	if err != nil {
		return outcomeOf(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a closed one is as good
	defer stop()
	if _, err := conn.Write(h.say); err != nil {
		return outcomeOf(err)
	}
	_, err = conn.Read(make([]byte, 512))
	return outcomeOf(err)
}

// ntpRequest returns a client's request of version 4 (RFC 5905 §7.3).
func ntpRequest() []byte {
	request := make([]byte, 48)
	request[0] = 4<<3 | 3
	return request
}

// dnsQuery returns a query for a name's IPv4 address (RFC 1035 §4.1).
func dnsQuery(name string) []byte {
	query := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		query = append(append(query, byte(len(label))), label...)
	}
	query = append(query, 0)
	query = binary.BigEndian.AppendUint16(query, 1)
	return binary.BigEndian.AppendUint16(query, 1)
}
