package integration_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// observing is the site's policy with its cameras' segment in observe mode.
func observing(t *testing.T) policy.Policy {
	t.Helper()
	return read(t, strings.Replace(head+allows, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \"observe\"", 1))
}

// overlooked are the flows of refused that an observed segment of cameras lets pass.
func overlooked() []string {
	return []string{
		"phone home", "phone home in IPv6", "phone home from the service's port", "time", "names", "names in IPv6",
		"ping the internet", "ping the internet in IPv6", "a tunnel", "an IPv4 in IPv4 tunnel", "a protocol nobody knows", "SCTP",
		"the office", "the office in IPv6", "the office from an allowed port", "the office at a camera", "beyond the literal network",
		"the internet at a camera", "the internet at a camera in IPv6", "camera to camera through the gateway",
		"a stranger to the internet", "a stranger to the internet in IPv6", "a stranger to the office", "the office to a stranger",
	}
}

// halves are flows of who pretends to be somebody, towards places that an observed segment reaches, and of who does not.
func halves() []flow {
	const udp = policy.UDP
	nobody, camera2 := policy.MAC{2, 0, 0, 0, 9, 9}, policy.MAC{0x44, 0x19, 0xb6, 0, 0, 2}
	recorder, host := policy.MAC{0, 0x11, 0x32, 0xaa, 0xbb, 0xcc}, policy.MAC{0x3c, 0x52, 0x82, 0, 0, 9}
	return []flow{
		{name: "a stranger to the internet", from: stranger, to: outside, protocol: udp, port: 9},
		{name: "a stranger to the internet in IPv6", from: stranger, to: outside6, protocol: udp, port: 9},
		{name: "a stranger to the office", from: stranger, to: "10.50.0.5", protocol: policy.TCP, port: 445},
		{name: "the office to a stranger", from: office, to: "10.30.0.99", protocol: udp, port: 9},
		{name: "a stranger as a camera to the internet", from: stranger, to: outside, protocol: udp, port: 9, source: inCamera},
		{name: "a stranger as a camera to the internet in IPv6", from: stranger, to: outside6, protocol: udp, port: 9, source: inCamera6},
		{name: "a stranger as the recorder in IPv6", from: stranger, to: "fd50::5", protocol: udp, port: 9, source: inRecorder6},
		{name: "a stranger as the office in IPv6", from: stranger, to: outside6, protocol: udp, port: 9, source: "fd50::5"},
		{name: "a camera with the MAC of nobody", from: c1, to: outside, protocol: udp, port: 9, mac: nobody},
		{name: "a camera with another one's MAC", from: c1, to: outside, protocol: udp, port: 9, mac: camera2},
		{name: "a camera's MAC with the address of nobody", from: c1, to: outside, protocol: udp, port: 9, source: "10.30.0.50"},
		{name: "a stranger with a recorder's MAC", from: stranger, to: outside, protocol: udp, port: 9, mac: recorder},
		{name: "a stranger with a recorder's MAC in IPv6", from: stranger, to: outside6, protocol: udp, port: 9, mac: recorder},
		{name: "a stranger with a host's MAC", from: stranger, to: outside, protocol: udp, port: 9, mac: host},
		{name: "IPv6 of a camera that has none, to the internet", from: c2, to: outside6, protocol: udp, port: 9},
		{name: "a stranger at the gateway's console", from: stranger, to: "10.30.0.1", protocol: policy.TCP, port: 22},
	}
}

// TestObserve sends every flow that the policy refuses through the same gateway with its cameras observed and then enforced: what an
// observed segment lets pass is listed by name, everything else stays refused, and what is allowed always arrives.
func TestObserve(t *testing.T) {
	l := open(t)
	good := allowed()
	for i := range good {
		good[i].allowed = true
	}
	serveAll(t, l, good)
	serveGateway(t, l)
	others := append(refused(), halves()...)
	for i, arrived := range whichArrive(t, l, halves()) {
		if !arrived {
			t.Errorf("control: %s does not arrive without a policy", halves()[i].name)
		}
	}
	enforced := read(t, head+allows)
	for _, c := range []struct {
		policy policy.Policy
		passes []string
	}{{observing(t), overlooked()}, {enforced, nil}} {
		apply(t, l, c.policy)
		passed := 0
		all := slices.Concat(good, others)
		for i, got := range whichArrive(t, l, all) {
			f := all[i]
			want := f.allowed || slices.Contains(c.passes, f.name)
			if got != want {
				t.Errorf("mode %s: %s: arrived %t, want %t", c.policy.Segments[0].Mode, f.name, got, want)
			} else if got && !f.allowed {
				passed++
			}
		}
		if passed != len(c.passes) {
			t.Errorf("mode %s: %d of the refused flows pass, want %d", c.policy.Segments[0].Mode, passed, len(c.passes))
		}
	}
	t.Logf("%d flows that are allowed, %d that are not; %d of these pass while observed", len(good), len(others), len(overlooked()))
}

// elsewhere are flows of who says that he stands on the cameras' or the recorders' segment, and stands elsewhere.
func elsewhere() []flow {
	const udp = policy.UDP
	return []flow{
		{name: "the internet as a recorder at the office", from: internet, to: "10.50.0.5", protocol: udp, port: 9, source: inRecorder},
		{name: "the internet as a recorder at the office in IPv6", from: internet, to: "fd50::5", protocol: udp, port: 9, source: inRecorder6},
		{name: "the internet as a camera at the office", from: internet, to: "10.50.0.5", protocol: udp, port: 9, source: inCamera},
		{name: "the internet as nobody at the recorders", from: internet, to: "10.50.0.5", protocol: udp, port: 9, source: "10.40.0.77"},
		{name: "the internet as nobody at the recorders in IPv6", from: internet, to: "fd50::5", protocol: udp, port: 9, source: "fd40::77"},
		{name: "the internet as a recorder at a camera", from: internet, to: inCamera, protocol: udp, port: 9, source: inRecorder},
		{name: "the internet as a recorder at a camera in IPv6", from: internet, to: inCamera6, protocol: udp, port: 9, source: inRecorder6},
		{name: "the office as a recorder at the internet", from: office, to: outside, protocol: udp, port: 9, source: inRecorder},
		{name: "the office as a camera at the internet in IPv6", from: office, to: outside6, protocol: udp, port: 9, source: inCamera6},
		{name: "the office as a recorder at a camera", from: office, to: inCamera, protocol: udp, port: 9, source: inRecorder},
		{name: "the office as nobody at the cameras at a recorder", from: office, to: inRecorder, protocol: udp, port: 9, source: "10.30.0.77"},
		{name: "a camera as a recorder at the office", from: c1, to: "10.50.0.5", protocol: udp, port: 9, source: inRecorder},
		{name: "a recorder as a camera at the office in IPv6", from: nvr, to: "fd50::5", protocol: udp, port: 9, source: inCamera6},
	}
}

// TestObservedAddressesElsewhere holds that a source address of a camera or recorder segment never passes by another interface, be it that
// the segment is only observed, and that what Cordon governs is only the segments. The controls are the same packets without a policy,
// and those of who has the address.
func TestObservedAddressesElsewhere(t *testing.T) {
	l := open(t)
	for _, f := range elsewhere() {
		if !arrives(t, l, f) {
			t.Errorf("control: %s does not arrive without a policy", f.name)
		}
	}
	at := []flow{
		{name: "a recorder at the office", from: nvr, to: "10.50.0.5", protocol: policy.UDP, port: 9},
		{name: "a recorder at the office in IPv6", from: nvr, to: "fd50::5", protocol: policy.UDP, port: 9},
		{name: "a camera at the internet", from: c1, to: outside, protocol: policy.UDP, port: 9},
		{name: "a camera at the internet in IPv6", from: c1, to: outside6, protocol: policy.UDP, port: 9},
	}
	whole := strings.Replace(head+allows, `kind      = "recorder"`, "kind      = \"recorder\"\n  mode      = \"observe\"", 1)
	whole = strings.Replace(whole, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \"observe\"", 1)
	r := newReporter(t, l)
	for i, scope := range [...]string{"segments", "box"} {
		apply(t, l, read(t, strings.Replace(whole, `site "school" {}`, "site \"school\" {\n  scope = \""+scope+"\"\n}", 1)))
		for _, f := range at {
			if !arrives(t, l, f) {
				t.Errorf("scope %s: %s does not arrive", scope, f.name)
			}
		}
		for _, f := range elsewhere() {
			if arrives(t, l, f) {
				t.Errorf("scope %s: %s arrives", scope, f.name)
			}
		}
		for j, ends := range [...][2]string{{"10.50.0.5", inRecorder}, {"fd50::5", inRecorder6}} {
			f := tie{
				from: office, to: nvr, here: addr(ends[0]), there: addr(ends[1]), protocol: policy.UDP, port: 443, own: uint16(44000 + 2*i + j),
			}
			r.open(t, f)
			r.report(t, nvr, f.there, f, true, true)
			r.report(t, internet, f.there, f, true, false)
			r.report(t, c1, f.there, f, true, false)
		}
	}
	r.check(t)
}

// TestClientsElsewhere holds that a client's address reaches no observed segment by an interface that no block names, whose own sources
// do.
func TestClientsElsewhere(t *testing.T) {
	l := open(t)
	uplink := head[strings.Index(head, `segment "internet"`):strings.Index(head, "manage {")]
	unnamed := strings.Replace(strings.Replace(head, uplink, "", 1), `site "school" {}`, "site \"school\" {\n  scope = \"segments\"\n}", 1)
	apply(t, l, read(t, strings.Replace(unnamed, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \"observe\"", 1)))
	for _, f := range [...]flow{
		{name: "somebody at a camera", from: internet, to: inCamera, protocol: policy.UDP, port: 9, source: "203.0.113.80", allowed: true},
		{name: "somebody at a camera, IPv6", from: internet, to: inCamera6, protocol: policy.UDP, port: 9, source: "2001:db8::80", allowed: true},
		{name: "somebody as the office at a camera", from: internet, to: inCamera, protocol: policy.UDP, port: 9, source: "10.50.0.5"},
		{name: "somebody as the office at a camera in IPv6", from: internet, to: inCamera6, protocol: policy.UDP, port: 9, source: "fd50::5"},
		{name: "somebody as a recorder at a camera in IPv6", from: internet, to: inCamera6, protocol: policy.UDP, port: 9, source: inRecorder6},
		{name: "somebody at a recorder", from: internet, to: inRecorder, protocol: policy.UDP, port: 9},
	} {
		if got := arrives(t, l, f); got != f.allowed {
			t.Errorf("%s: arrived %t", f.name, got)
		}
	}
}

// TestObservedErrors holds that an observed segment's machine may say what became of another one's packet, as a router that no block names
// does, and that it says so to nobody who is enforced. The controls are the same errors with the segment enforced.
func TestObservedErrors(t *testing.T) {
	l := open(t)
	r := newReporter(t, l)
	whole := head + allows + `
service "talk" {
  udp = ["9000"]
}
allow "talk" {
  from     = [segment.office, recorder.nvr]
  to       = camera.c1
  services = [service.talk]
}
`
	for i, mode := range [...]string{"observe", "enforce"} {
		apply(t, l, read(t, strings.Replace(whole, `kind      = "camera"`, "kind      = \"camera\"\n  mode      = \""+mode+"\"", 1)))
		for j, c := range [...]struct {
			from, here, there string
			passes            bool // what only the cameras' segment refuses
		}{
			{office, "10.50.0.5", inCamera, mode == "observe"},
			{office, "fd50::5", inCamera6, mode == "observe"},
			{nvr, inRecorder, inCamera, false},
			{nvr, inRecorder6, inCamera6, false},
		} {
			f := tie{
				from: c.from, to: c1, here: addr(c.here), there: addr(c.there), protocol: policy.UDP, port: 9000, own: uint16(45000 + 4*i + j),
			}
			r.open(t, f)
			r.report(t, c1, f.there, f, true, true)
			r.report(t, stranger, r.of(t, stranger, f.there), f, true, c.passes)
			r.report(t, c2, r.of(t, c2, f.there), f, true, c.passes && f.there.Is4())
			r.report(t, internet, r.of(t, internet, f.there), f, true, false)
			r.report(t, stranger, f.there, f, true, false)
		}
	}
	r.check(t)
}

// train is a row of numbered datagrams from one machine to another, and which of them arrived.
type train struct {
	lab     *lab.Lab
	from    *lab.Machine
	to      netip.Addr
	port    uint16
	watch   *lab.Watch
	sent    uint32
	padding int // octets behind the number
	mu      sync.Mutex
	arrived []uint32
}

const trainMark = "train-"

func newTrain(t *testing.T, l *lab.Lab, from, to string, port uint16) *train {
	t.Helper()
	m, err := l.Machine(from)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Machine(owner(netip.MustParseAddr(to)))
	if err != nil {
		t.Fatal(err)
	}
	r := &train{lab: l, from: m, to: netip.MustParseAddr(to), port: port}
	r.watch, err = far.Watch(func(p frame.Packet) bool {
		i := strings.Index(string(p.Raw), trainMark)
		if i < 0 || p.ToPort != port || p.To != r.to {
			return false
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.arrived = append(r.arrived, binary.BigEndian.Uint32(p.Raw[i+len(trainMark):]))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.watch.Close)
	return r
}

// send puts the next datagram on the wire.
func (r *train) send() error {
	from := r.from.Address(r.to)
	payload := append(binary.BigEndian.AppendUint32([]byte(trainMark), r.sent), make([]byte, r.padding)...)
	datagram := frame.UDP{SourcePort: 6100, DestinationPort: r.port, Payload: payload}
	packet, etherType := frame.IP(from, r.to, policy.UDP, datagram.Bytes(from, r.to))
	err := r.from.SendFrame(frame.Ethernet{
		Destination: r.from.Segment.MAC, Source: r.from.MAC, Type: etherType, Payload: packet,
	}.Bytes())
	if err == nil {
		r.sent++
	}
	return err
}

// during sends both trains as fast as they go until fn has returned, and then a tail of each. It returns how many had been sent by then.
func during(t *testing.T, fn func(), trains ...*train) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			for _, r := range trains {
				if err := r.send(); err != nil {
					done <- err
					return
				}
			}
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(100 * time.Microsecond): // a queue of the lab holds a thousand frames
			}
		}
	}()
	fn()
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// numbers returns what has arrived so far.
func (r *train) numbers() []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrived)
}

// TestSwitchingModes holds that a switch between the modes changes elements and no chain, that no forbidden packet passes once one was
// refused and none after the switch, and that recording loses nothing in either direction.
func TestSwitchingModes(t *testing.T) {
	l := open(t)
	// A flow that is never answered stays new, and how many of those a camera opens is bounded.
	serveAll(t, l, []flow{
		{to: inRecorder, protocol: policy.UDP, port: mediaPort}, {to: inRecorder6, protocol: policy.UDP, port: mediaPort},
	})
	for _, family := range []struct{ forbidden, recorded string }{{outside, inRecorder}, {outside6, inRecorder6}} {
		apply(t, l, observing(t))
		if _, outcome := apply(t, l, observing(t)); outcome.Applied {
			t.Error("a second apply of the same policy changes something")
		}
		forbidden, recorded := newTrain(t, l, c1, family.forbidden, 9), newTrain(t, l, c1, family.recorded, mediaPort)
		var closing gateway.Proposal
		during(t, func() { closing, _ = apply(t, l, read(t, head+allows)) }, forbidden, recorded)
		onlyElements(t, closing)
		closed := forbidden.sent
		for range 200 {
			if err := forbidden.send(); err != nil {
				t.Fatal(err)
			}
		}
		var opening gateway.Proposal
		during(t, func() { opening, _ = apply(t, l, observing(t)) }, recorded)
		onlyElements(t, opening)
		if !within(t, recorded.watch, int(recorded.sent)) {
			t.Errorf("%d of %d recorded packets arrived", recorded.watch.Count(), recorded.sent)
		}
		last := unbroken(t, forbidden.numbers())
		if last == 0 || last >= closed {
			t.Errorf("the last forbidden packet to pass is %d of the %d that were sent before the switch was done", last, closed)
		}
		t.Logf("%d forbidden packets passed of %d before the switch was done, %d after it; %d recorded packets, none lost",
			last+1, closed, len(forbidden.numbers())-int(last)-1, recorded.sent)
	}
}

// unbroken holds that numbers run from zero without a gap, and returns the last.
func unbroken(t *testing.T, numbers []uint32) uint32 {
	t.Helper()
	for i, n := range numbers {
		if int(n) != i {
			t.Errorf("packet %d passed after packet %d was refused", n, i)
			return n
		}
	}
	return uint32(max(len(numbers), 1) - 1)
}

// onlyElements holds that a proposal makes no chain and no set anew, and changes no rule.
func onlyElements(t *testing.T, p gateway.Proposal) {
	t.Helper()
	if got := strings.Join(p.Plan.Reshaped, ", "); got != "chain inet cordon origins" || p.Plan.Rules.Added+p.Plan.Rules.Removed != 0 {
		t.Errorf("the switch changes %s, and %+v rules", got, p.Plan.Rules)
	}
	if p.Plan.Elements.Added+p.Plan.Elements.Removed == 0 {
		t.Error("the switch changes no element")
	}
}

// TestObservedFlowsLive holds that what only an observed segment lets pass is not cut while it is observed, and is cut when it is
// enforced.
func TestObservedFlowsLive(t *testing.T) {
	l := open(t)
	apply(t, l, observing(t))
	home := stream(t, l, c1, outside, 8666)
	in := stream(t, l, office, inCamera6, 8080)
	kept := stream(t, l, nvr, inCamera, 554)
	proposal, _ := apply(t, l, observing(t))
	if len(proposal.Cut) != 0 || !home.alive(t) || !in.alive(t) || !kept.alive(t) {
		t.Fatalf("control: an observed segment's flows are cut: %v", proposal.Cut)
	}
	_, outcome := apply(t, l, read(t, head+allows))
	if outcome.Cut != 2 || home.alive(t) || in.alive(t) || !kept.alive(t) {
		t.Errorf("the switch to enforce cut %d flows, want the two that are not allowed", outcome.Cut)
	}
}
