package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"cordon/integration/lab/frame"
	"cordon/policy"
)

// Try is one attempt of a machine to reach something.
type Try struct {
	Name string
	// From is the machine that tries.
	From string
	// To is who is to be reached; the port counts for TCP and UDP only.
	To       netip.AddrPort
	Protocol policy.Protocol
	// Source is the address and port that the packet comes from; what is zero is chosen. An address that is not the machine's own is
	// forged: the packet is then put on the wire by hand.
	Source netip.AddrPort
	// MAC forges the Ethernet address that the packet comes from.
	MAC policy.MAC
	// NextHop is the Ethernet address that a packet made by hand is sent to; zero means that of To's machine on the same segment, or of
	// the gateway.
	NextHop policy.MAC
	// Witness is the machine that says whether the packet arrived; "" means the one that owns To's address. Where nobody does (the
	// gateway itself, a broadcast address) nothing is counted.
	Witness string
	// Wait bounds the try; zero means DefaultWait.
	Wait time.Duration
}

// DefaultWait is how long a try waits for an arrival and an answer: five hundred times what either takes in a lab.
const DefaultWait = 250 * time.Millisecond

// settle is how long an arrival may come after an answer: a refusal does not overtake what it refuses by more than that.
const settle = 20 * time.Millisecond

// Answer is what the machine that tried got.
type Answer int

// The three answers.
const (
	Silence Answer = iota // nothing came in time
	Replied               // the connection was made, or the payload came back
	Refused               // a reset or an ICMP error came at once
)

// String returns the answer in a word.
func (a Answer) String() string {
	switch a {
	case Replied:
		return "replied"
	case Refused:
		return "refused"
	case Silence:
		return "silence"
	}
	return fmt.Sprintf("answer %d", int(a))
}

// Result is what came of a try.
type Result struct {
	// Arrived is how many of its packets the witness counted, by its marker or, as a connection's first packet carries none, by its
	// ports. TCP sends its first packet again after a second, which is longer than DefaultWait.
	Arrived int
	Answer  Answer
	// Took is the time until the answer, or until the try gave up.
	Took time.Duration
}

// attempt is a try with everything chosen.
type attempt struct {
	Try
	from    *Machine
	witness *Machine // nil where nobody counts
	marker  []byte
	local   netip.AddrPort
}

// Try makes an attempt and waits for its result. That nothing arrives or answers is a result; the error is for a try that could not be
// made, or whose witness missed frames.
func (l *Lab) Try(ctx context.Context, t Try) (Result, error) {
	a, err := l.prepare(t)
	if err != nil {
		return Result{}, fmt.Errorf("try %q: %w", t.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.Wait)
	defer cancel()
	r, err := a.run(ctx)
	if err != nil {
		return r, fmt.Errorf("try %q: %w", t.Name, err)
	}
	return r, nil
}

// prepare finds the machines, and chooses marker and port: both are used once in a lab.
func (l *Lab) prepare(t Try) (attempt, error) {
	from, err := l.Machine(t.From)
	if err != nil {
		return attempt{}, err
	}
	if t.Wait == 0 {
		t.Wait = DefaultWait
	}
	number := l.tries.Add(1)
	a := attempt{Try: t, from: from, marker: fmt.Appendf(nil, "cordon try %08x", number)}
	port, address := t.Source.Port(), t.Source.Addr()
	if port == 0 {
		// Below the kernel's own ephemeral ports, so that no other connection has it.
		port = uint16(20000 + number%12000)
	}
	if !address.IsValid() {
		address = from.Address(t.To.Addr())
	}
	a.local = netip.AddrPortFrom(address, port)
	a.witness, err = l.witnessOf(t)
	return a, err
}

// witnessOf returns the machine that counts arrivals.
func (l *Lab) witnessOf(t Try) (*Machine, error) {
	if t.Witness != "" {
		return l.Machine(t.Witness)
	}
	return l.owner(t.To.Addr()), nil
}

// owner returns the machine that has an address, or nil.
func (l *Lab) owner(address netip.Addr) *Machine {
	for _, m := range l.machines {
		if m.owns(address.WithZone("")) {
			return m
		}
	}
	return nil
}

// run watches the far side, sends, and puts the two sides' words together.
func (a *attempt) run(ctx context.Context) (Result, error) {
	if a.witness == nil {
		return a.send(ctx)
	}
	watch, err := a.witness.Watch(a.isMine)
	if err != nil {
		return Result{}, err
	}
	defer watch.Close()
	r, err := a.send(ctx)
	if err != nil {
		return r, err
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	if _, err := watch.Await(late, 1); err != nil {
		return r, err
	}
	r.Arrived = watch.Count()
	return r, watch.Missed()
}

// isMine says whether a frame brings the attempt's payload, by whatever road: addresses may be translated, and an answer or an error
// that quotes the payload to the witness has carried it there as well. A connection's first packet is known by its ports. What the
// sender's own kernel says of an echo to a packet that was made by hand is no second attempt.
func (a *attempt) isMine(p frame.Packet) bool {
	opens := a.Protocol == policy.TCP && p.Protocol == policy.TCP && p.Flags&(frame.SYN|frame.ACK) == frame.SYN
	if opens && p.FromPort == a.local.Port() && p.ToPort == a.To.Port() {
		return true
	}
	return p.Carries(a.marker) && (!p.IsError() || !a.from.owns(p.From))
}

// send makes the attempt in the way that its protocol and its truth need.
func (a *attempt) send(ctx context.Context) (Result, error) {
	start := time.Now()
	answer, err := a.answer(ctx)
	return Result{Answer: answer, Took: time.Since(start)}, err
}

// answer sends and waits for what comes back.
func (a *attempt) answer(ctx context.Context) (Answer, error) {
	switch {
	case !a.from.owns(a.local.Addr()) || !a.MAC.IsZero() || !a.NextHop.IsZero() || a.To.Addr().IsMulticast():
		return a.byHand(ctx)
	case a.Protocol == policy.TCP:
		return a.connect(ctx)
	case a.Protocol == policy.UDP:
		return a.ask(ctx)
	case a.Protocol == frame.ICMPOf(a.To.Addr()):
		return a.ping(ctx)
	}
	return a.byHand(ctx)
}

// connect opens a connection and ends it with a reset, so that its port is free again at once.
func (a *attempt) connect(ctx context.Context) (Answer, error) {
	conn, err := a.from.Dial(ctx, "tcp", a.local, a.To)
	if err != nil {
		return a.answerOf(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetLinger(0)
	}
	return Replied, errors.Join(err, conn.Close())
}

// ask sends a datagram and waits for its echo.
func (a *attempt) ask(ctx context.Context) (Answer, error) {
	conn, err := a.from.Dial(ctx, "udp", a.local, a.To)
	if err != nil {
		return a.answerOf(err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return Silence, err
		}
	}
	if _, err := conn.Write(a.marker); err != nil {
		return a.answerOf(err)
	}
	if _, err := conn.Read(make([]byte, 1500)); err != nil {
		return a.answerOf(err)
	}
	return Replied, nil
}

// answerOf reads the far side's answer from an error of a socket. What is nobody's answer stays an error.
func (a *attempt) answerOf(err error) (Answer, error) {
	var timeout net.Error
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH),
		errors.Is(err, unix.EACCES), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPROTO), errors.Is(err, unix.ENOPROTOOPT):
		return Refused, nil
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Silence, nil
	}
	return Silence, err
}

// ping sends an echo request and waits for what the machine gets: the reply, or an error that quotes the request.
func (a *attempt) ping(ctx context.Context) (Answer, error) {
	network := "ip4:icmp"
	if a.To.Addr().Is6() {
		network = "ip6:ipv6-icmp"
	}
	return a.watched(ctx, func() error {
		conn, err := a.from.ListenPacket(ctx, network, netip.AddrPortFrom(a.local.Addr(), 0))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.WriteTo(a.payload(), &net.IPAddr{IP: a.To.Addr().AsSlice(), Zone: a.To.Addr().Zone()})
		if refused, other := a.answerOf(err); refused == Refused {
			return other
		}
		return err
	})
}

// byHand puts the packet on the wire as a frame.
func (a *attempt) byHand(ctx context.Context) (Answer, error) {
	packet, etherType := frame.IP(a.local.Addr(), a.To.Addr(), a.Protocol, a.payload())
	e := frame.Ethernet{Destination: a.nextHop(), Source: a.from.MAC, Type: etherType, Payload: packet}
	if !a.MAC.IsZero() {
		e.Source = a.MAC
	}
	return a.watched(ctx, func() error { return a.from.SendFrame(e.Bytes()) })
}

// payload returns what the packet carries, with its transport header.
func (a *attempt) payload() []byte {
	from, to := a.local.Addr(), a.To.Addr()
	switch a.Protocol {
	case policy.TCP:
		segment := frame.TCP{SourcePort: a.local.Port(), DestinationPort: a.To.Port(), Flags: frame.SYN, Payload: a.marker}
		return segment.Bytes(from, to)
	case policy.UDP:
		return frame.UDP{SourcePort: a.local.Port(), DestinationPort: a.To.Port(), Payload: a.marker}.Bytes(from, to)
	case policy.ICMP, policy.ICMPv6:
		return frame.Echo(to, a.local.Port(), 1, a.marker).Bytes(from, to)
	}
	return a.marker
}

// nextHop returns the Ethernet address of the packet's next stop.
func (a *attempt) nextHop() policy.MAC {
	to := a.To.Addr()
	if !a.NextHop.IsZero() {
		return a.NextHop
	}
	if to.IsMulticast() {
		return frame.GroupMAC(to)
	}
	if near := a.from.lab.owner(to); near != nil && near.Segment.Name == a.from.Segment.Name {
		return near.MAC
	}
	return a.from.Segment.MAC
}

// watched sends, and reads the answer from the frames that come back to the machine.
func (a *attempt) watched(ctx context.Context, send func() error) (Answer, error) {
	replies, err := a.from.Watch(a.isReply)
	if err != nil {
		return Silence, err
	}
	defer replies.Close()
	refusals, err := a.from.Watch(a.isRefusal)
	if err != nil {
		return Silence, err
	}
	defer refusals.Close()
	if err := send(); err != nil {
		return Silence, err
	}
	for {
		switch {
		case replies.Count() > 0:
			return Replied, nil
		case refusals.Count() > 0:
			return Refused, nil
		}
		select {
		case <-ctx.Done():
			return Silence, errors.Join(replies.Missed(), refusals.Missed())
		case <-replies.changed:
		case <-refusals.changed:
		}
	}
}

// isReply says whether a frame answers the attempt as it was meant to be answered.
func (a *attempt) isReply(p frame.Packet) bool {
	switch {
	case p.Protocol != a.Protocol:
		return false
	case a.Protocol == policy.TCP:
		return a.isReturn(p) && p.Flags&(frame.SYN|frame.ACK) == frame.SYN|frame.ACK
	case a.Protocol == policy.UDP:
		return a.isReturn(p) && p.Carries(a.marker)
	}
	return (p.ICMPType == frame.EchoReply || p.ICMPType == frame.EchoReplyV6) && p.Carries(a.marker)
}

// isRefusal says whether a frame is a reset of the attempt, or an ICMP error that quotes it.
func (a *attempt) isRefusal(p frame.Packet) bool {
	if a.Protocol == policy.TCP && p.Protocol == policy.TCP {
		return a.isReturn(p) && p.Flags&frame.RST != 0
	}
	return p.IsError() && a.isQuoted(p)
}

// isReturn says whether a packet goes the attempt's way back.
func (a *attempt) isReturn(p frame.Packet) bool {
	return p.FromPort == a.To.Port() && p.ToPort == a.local.Port()
}

// isQuoted says whether an ICMP error holds the attempt's packet: its marker, or the two ports where the quotation is short.
func (a *attempt) isQuoted(p frame.Packet) bool {
	ports := binary.BigEndian.AppendUint16(nil, a.local.Port())
	return p.Carries(a.marker) || p.Carries(binary.BigEndian.AppendUint16(ports, a.To.Port()))
}
