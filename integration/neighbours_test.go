package integration_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordon/gateway/ruleset"
	"cordon/integration/escape"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
	"cordon/policy/simulate"
)

// stances returns who stands at which port of the bridge: those of oneSwitch, in their order.
func stances() []string { return []string{c1, c2, nvr, nvr2, stranger, dvr} }

// randomMeetings writes allows between the machines of the bridge. What the language refuses is left out.
func randomMeetings(t *testing.T, r *rand.Rand) policy.Policy {
	t.Helper()
	ends := []string{
		"camera.c1", "camera.c2", "recorder.nvr", "recorder.nvr2", "recorder.dvr", "segment.cameras", "segment.recorders",
		`"10.30.0.21"`, `"10.30.0.0/28"`, `"fd30::/64"`, `"10.30.0.20/30"`,
	}
	services := []string{`"rtsp"`, `"ping"`, `"http"`, "service.media", "service.alarm", `"any"`}
	// A camera without a port of its own is wherever somebody says so, and frames follow.
	text := strings.Replace(onBridge, `mac       = "44:19:b6:00:00:02"`, "mac       = \"44:19:b6:00:00:02\"\n  port = \"p2\"", 1)
	for i := range 5 {
		block := fmt.Sprintf("allow \"random-%d\" {\n  from = [%s]\n  to = [%s]\n  services = [%s]\n}\n", i,
			ends[r.IntN(len(ends))], ends[r.IntN(len(ends))], services[r.IntN(len(services))])
		files := fstest.MapFS{"site.hcl": {Data: []byte(text + block)}}
		if _, all := load.Dir(policy.Moment{}, nil, load.Directory{FS: files}); !message.HasErrors(all) {
			text += block
		}
	}
	return read(t, text)
}

// thrown is a packet of one machine of the bridge to another, and what the oracle says of it.
type thrown struct {
	policy.Packet
	from, to string
	flags    frame.Flags
	allowed  bool
	reason   string
}

// throw makes a random packet: mostly as what the sender is, to ports that services have.
func throw(r *rand.Rand, l map[string]*lab.Machine) thrown {
	names := stances()
	from, to := names[r.IntN(len(names))], names[r.IntN(len(names))]
	for to == from || to == stranger {
		to = names[r.IntN(len(names))]
	}
	one := func(m *lab.Machine) netip.Addr { return m.Addresses[r.IntN(len(m.Addresses))].Addr() }
	p := thrown{from: from, to: to, flags: frame.SYN}
	p.Destination = one(l[to])
	p.Source = l[from].Address(p.Destination)
	if other := names[r.IntN(len(names))]; r.IntN(4) == 0 || !p.Source.IsValid() {
		p.Source = l[other].Address(p.Destination)
	}
	if !p.Source.IsValid() {
		return throw(r, l)
	}
	p.MAC = l[from].MAC
	if r.IntN(8) == 0 {
		p.MAC = l[names[r.IntN(len(names))]].MAC
	}
	ports := []uint16{554, 80, 514, 6100, 6299, 6300, 443, 6099}
	p.Protocol = []policy.Protocol{policy.TCP, policy.TCP, policy.UDP, policy.UDP, frame.ICMPOf(p.Destination), 47}[r.IntN(6)]
	switch p.Protocol {
	case policy.TCP, policy.UDP:
		p.SourcePort, p.DestinationPort = uint16(20000+r.IntN(40000)), ports[r.IntN(len(ports))]
		if r.IntN(4) == 0 {
			p.SourcePort, p.DestinationPort = ports[r.IntN(len(ports))], uint16(1000+r.IntN(4000))
		}
	case policy.ICMP:
		p.ICMPType = 8
	case policy.ICMPv6:
		p.ICMPType = 128
	default:
		if p.Destination.Is6() {
			p.Protocol = policy.UDP
			p.SourcePort, p.DestinationPort = uint16(20000+r.IntN(40000)), ports[r.IntN(len(ports))]
		}
	}
	for i, name := range names {
		if name == from {
			p.IIF = fmt.Sprintf("p%d", i+1)
		}
	}
	return p
}

// answered returns the packet that the other end would answer with: the flow's reply or, where nothing was opened, a packet of its own.
func (p thrown) answered(l map[string]*lab.Machine) thrown {
	q := p
	q.from, q.to, q.Source, q.Destination = p.to, p.from, p.Destination, p.Source
	q.SourcePort, q.DestinationPort, q.MAC, q.flags = p.DestinationPort, p.SourcePort, l[p.to].MAC, frame.SYN|frame.ACK
	q.ICMPType = map[uint8]uint8{8: 0, 128: 129}[p.ICMPType]
	for i, name := range stances() {
		if name == q.from {
			q.IIF = fmt.Sprintf("p%d", i+1)
		}
	}
	if p.allowed {
		q.State = policy.Reply
	}
	return q
}

// bytes returns the frame with a marker. Echo messages are told apart by their identifier.
func (p thrown) bytes(l map[string]*lab.Machine, marker string, id uint16) []byte {
	payload := []byte(marker)
	switch p.Protocol {
	case policy.TCP:
		segment := frame.TCP{SourcePort: p.SourcePort, DestinationPort: p.DestinationPort, Flags: p.flags, Payload: payload}
		payload = segment.Bytes(p.Source, p.Destination)
	case policy.UDP:
		payload = frame.UDP{SourcePort: p.SourcePort, DestinationPort: p.DestinationPort, Payload: payload}.Bytes(p.Source, p.Destination)
	case policy.ICMP, policy.ICMPv6:
		echo := frame.Echo(p.Destination, id, 1, payload)
		echo.Type = p.ICMPType
		payload = echo.Bytes(p.Source, p.Destination)
	}
	packet, etherType := frame.IP(p.Source, p.Destination, p.Protocol, payload)
	return frame.Ethernet{Destination: l[p.to].MAC, Source: p.MAC, Type: etherType, Payload: packet}.Bytes()
}

// pitch is the bridge on which packets are thrown.
type pitch struct {
	*lab.Lab
	machines map[string]*lab.Machine
	ears     *escape.Ears
	spoken   map[[2]netip.Addr]bool // who has opened the one flow without ports that two ends have
	runs     int
}

// ask has the oracle decide.
func (p *pitch) ask(oracle simulate.Oracle, x *thrown) {
	const portless = 47
	if x.Protocol == portless {
		x.State = policy.New
	}
	d := oracle.Packet(policy.Moment{}, x.Packet)
	if d.Verdict != policy.Allowed && x.Protocol == portless && p.spoken[[2]netip.Addr{x.Destination, x.Source}] {
		x.State = policy.Reply
		d = oracle.Packet(policy.Moment{}, x.Packet)
	}
	x.allowed, x.reason = d.Verdict == policy.Allowed, fmt.Sprintf("%s %s %v", d.Kind, d.Name, d.Reason)
	if x.allowed && x.Protocol == portless && x.State == policy.New {
		p.spoken[[2]netip.Addr{x.Source, x.Destination}] = true
	}
}

// run throws packets and answers, and returns those about which kernel and oracle disagree.
func (p *pitch) run(t *testing.T, r *rand.Rand, oracle simulate.Oracle, packets int, verdicts map[string]int) []thrown {
	t.Helper()
	p.runs++
	var all, wrong []thrown
	marker := func(i int) string { return fmt.Sprintf("%s%02d%04d", escape.MarkerPrefix, p.runs, i) }
	send := func(x thrown, id int) thrown {
		p.ask(oracle, &x)
		if err := p.machines[x.from].SendFrame(x.bytes(p.machines, marker(len(all)), uint16(1000+id))); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
		return x
	}
	for i := range packets {
		x := send(throw(r, p.machines), i)
		// Who answers for another is a case of its own, thrown by chance.
		if p.machines[x.from].Address(x.Source) == x.Source {
			send(x.answered(p.machines), i)
		}
	}
	fence(t, p.Lab)
	for i, x := range all {
		heard := func() bool { return p.ears.Who(marker(i))[x.to] }
		for start := time.Now(); x.allowed && !heard() && time.Since(start) < patience; {
			fence(t, p.Lab) // the witnesses of a busy machine are late
		}
		verdicts[fmt.Sprintf("allowed %t, state %s", x.allowed, x.State)]++
		if heard() != x.allowed {
			wrong = append(wrong, x)
		}
	}
	return wrong
}

// TestBridgeAgainstOracle throws random packets across the bridge under random policies: what arrives is what the oracle, which shares no
// code with the compiler, says. Without the bridge's table it is not.
func TestBridgeAgainstOracle(t *testing.T) {
	l := oneSwitch(t)
	site := &pitch{Lab: l, machines: map[string]*lab.Machine{}, spoken: map[[2]netip.Addr]bool{}}
	for _, name := range stances() {
		site.machines[name] = machine(t, l, name)
	}
	apply(t, l, read(t, onBridge))
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	site.ears = listen(t, l)
	const policies, packets = 30, 300
	verdicts := map[string]int{}
	var p policy.Policy
	for seed := range uint64(policies) {
		r := rand.New(rand.NewPCG(seed, 7))
		p = randomMeetings(t, r)
		apply(t, l, p)
		bridgedCalls(t, l, []string{"0", "1"}[seed%2])
		for _, x := range site.run(t, r, simulate.Of(p), packets, verdicts) {
			t.Errorf("seed %d: %s to %s: %+v: the oracle says allowed %t, %s\n%s", seed, x.from, x.to, x.Packet, x.allowed, x.reason, openings(p))
		}
	}
	t.Logf("%v", verdicts)
	for what, least := range map[string]int{
		"allowed true, state new": 300, "allowed true, state reply": 200, "allowed false, state new": 9000,
	} {
		if verdicts[what] < least {
			t.Errorf("%s: %d packets, want %d", what, verdicts[what], least)
		}
	}
	drop(t, l, ruleset.Bridge)
	if wrong := site.run(t, rand.New(rand.NewPCG(policies, 7)), simulate.Of(p), packets, verdicts); len(wrong) < 3 {
		t.Errorf("control: without the bridge's table kernel and oracle disagree about %d packets", len(wrong))
	}
}

// fence waits until everything that was sent on the bridge has had its time.
func fence(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, n := range []near{
		{name: "fence", from: dvr, to: "10.30.0.22", protocol: policy.TCP, port: 554},
		{name: "fence", from: nvr2, to: "10.30.0.21", protocol: policy.TCP, port: 443},
	} {
		if arrived, _ := reached(t, l, n); !arrived {
			t.Errorf("the fence from %s does not arrive", n.from)
		}
	}
}

// openings are a policy's allows in a few words.
func openings(p policy.Policy) string {
	var b strings.Builder
	for _, a := range p.Allows {
		names := func(list []policy.Endpoint) (words []string) {
			for _, e := range list {
				words = append(words, e.Name)
			}
			return words
		}
		var services []string
		for _, s := range a.Services {
			services = append(services, s.Name)
		}
		fmt.Fprintf(&b, "%s: %v → %v %v; ", a.Name, names(a.From), names(a.To), services)
	}
	return b.String()
}
