package escape

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"cordon/integration/lab"
	"cordon/policy"
)

// allowedWait is how long an allowed flow may take: an emulated machine is late, and TCP tries again after a second.
const allowedWait = 2 * time.Second

// allowed are the flows that the policy names. Each has to arrive while everything else does not.
func allowed() []lab.Try {
	flow := func(from, to string, protocol policy.Protocol, port uint16) lab.Try {
		return lab.Try{
			Name: fmt.Sprintf("%s to %s, %d/%d", from, to, protocol, port), From: from, Protocol: protocol, To: netip.AddrPortFrom(addr(to), port),
			Wait: allowedWait,
		}
	}
	const tcp, udp, icmp, icmp6 = policy.TCP, policy.UDP, policy.ICMP, policy.ICMPv6
	return []lab.Try{
		flow(nvr, inCamera, tcp, 554),
		flow(nvr, inCamera6, tcp, 554),
		flow(nvr2, "10.30.0.22", tcp, 554),
		flow(nvr, "10.30.0.22", tcp, 80),
		flow(c1, inRecorder, udp, mediaPort),
		flow(c2, inRecorder, udp, 6299),
		flow(c1, inRecorder6, udp, 6100),
		flow(c1, inRecorder, udp, 514),
		flow(c1, inRecorder6, tcp, 6514),
		flow(office, inRecorder, tcp, 443),
		flow(office, inRecorder6, tcp, 443),
		flow(office, inRecorder, icmp, 0),
		flow(office, inRecorder6, icmp6, 0),
		flow(jump, inCamera, tcp, 443),
		flow(office, "10.30.0.22", tcp, 443),
		flow(office, outside, tcp, 80),
		flow(office, outside, udp, 4433),
		flow(office, outside6, tcp, 80),
		flow(office, "10.50.0.1", icmp, 0),
	}
}

// tryAllowed tries the allowed flows and returns how many there are and which did not arrive.
func (s *stage) tryAllowed(ctx context.Context) (tried int, broken []string, err error) {
	for _, t := range allowed() {
		r, err := s.lab.Try(ctx, t)
		if err != nil {
			return tried, broken, fmt.Errorf("%s: %w", t.Name, err)
		}
		tried++
		if r.Arrived == 0 && r.Answer != lab.Replied { // of the gateway itself only the answer tells
			broken = append(broken, t.Name)
		}
	}
	return tried, broken, nil
}

// serve answers at the ports of the fences, so that a try ends as soon as it has arrived.
func (s *stage) serve(ctx context.Context) error {
	for _, at := range [...]struct {
		machine  string
		protocol policy.Protocol
		port     uint16
	}{{nvr, policy.UDP, mediaPort}, {c1, policy.TCP, 554}} {
		m, err := s.lab.Machine(at.machine)
		if err != nil {
			return err
		}
		if _, err := m.Serve(ctx, at.protocol, at.port); err != nil {
			return err
		}
	}
	return nil
}
