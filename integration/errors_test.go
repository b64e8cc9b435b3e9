package integration_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cordon/integration/escape"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// reporter sends ICMP errors and looks where they arrive.
type reporter struct {
	*lab.Lab
	ears    *escape.Ears
	sent    int
	refused map[string]string // marker → what must not have arrived, asked at the end: it may still be on its way
	arrived int
}

func newReporter(t *testing.T, l *lab.Lab) *reporter {
	t.Helper()
	set(t, l, map[string]string{"ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0"})
	e := listen(t, l)
	return &reporter{Lab: l, ears: e, refused: map[string]string{}}
}

// tie is a flow that an error may be about: one datagram or echo request of it has been sent.
type tie struct {
	from, to string // machines
	here     netip.Addr
	there    netip.Addr
	protocol policy.Protocol
	port     uint16 // that is opened
	own      uint16 // the opener's port, or the identifier of an echo
}

// packet returns a packet of the flow, of its own direction or of its replies.
func (f tie) packet(reply bool, marker string) []byte {
	from, to, sport, dport := f.here, f.there, f.own, f.port
	kinds := map[bool]uint8{true: frame.EchoRequest, false: frame.EchoRequestV6}
	if reply {
		from, to, sport, dport = to, from, dport, sport
		kinds = map[bool]uint8{true: frame.EchoReply, false: frame.EchoReplyV6}
	}
	payload := frame.UDP{SourcePort: sport, DestinationPort: dport, Payload: []byte(marker)}.Bytes(from, to)
	if f.protocol != policy.UDP {
		m := frame.ICMP{Type: kinds[from.Is4()], Payload: []byte(marker)}
		m.Rest[0], m.Rest[1] = byte(f.own>>8), byte(f.own)
		payload = m.Bytes(from, to)
	}
	packet, _ := frame.IP(from, to, f.protocol, payload)
	return packet
}

func (r *reporter) marker() string {
	r.sent++
	return fmt.Sprintf("%s%03d000", escape.MarkerPrefix, r.sent)
}

// open sends the flow's first packet and waits until it is there.
func (r *reporter) open(t *testing.T, f tie) {
	t.Helper()
	marker := r.marker()
	r.send(t, f.from, f.packet(false, marker))
	r.expect(t, marker, f.to, fmt.Sprintf("%s to %s port %d", f.here, f.there, f.port))
}

func (r *reporter) send(t *testing.T, from string, packet []byte) {
	t.Helper()
	x := escape.Sender{Machine: machine(t, r.Lab, from)}
	kind := map[byte]uint16{4: frame.TypeIPv4, 6: frame.TypeIPv6}[packet[0]>>4]
	if err := x.Machine.SendFrame(x.Wire(packet, kind)); err != nil {
		t.Fatal(err)
	}
}

func (r *reporter) expect(t *testing.T, marker, witness, what string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < patience; <-tick.C {
		if r.ears.Who(marker)[witness] {
			r.arrived++
			return
		}
	}
	t.Errorf("%s does not arrive at %s", what, witness)
}

// report has a machine send an error with some source about a flow: to its opener, or the other way. It is a packet too big in IPv6.
func (r *reporter) report(t *testing.T, by string, source netip.Addr, f tie, back, arrives bool) {
	t.Helper()
	marker := r.marker()
	quoted, to, witness := f.packet(!back, marker), f.there, f.to
	if back {
		to, witness = f.here, f.from
	}
	m := frame.ICMP{Type: 3, Code: 4, Payload: quoted}
	if to.Is6() {
		m = frame.ICMP{Type: 2, Payload: quoted}
	}
	m.Rest[2], m.Rest[3] = 1300>>8, 1300&0xff
	packet, _ := frame.IP(source, to, frame.ICMPOf(to), m.Bytes(source, to))
	r.send(t, by, packet)
	what := fmt.Sprintf("an error from %s (%s) to %s about protocol %d port %d of %s", by, source, to, f.protocol, f.port, f.there)
	if arrives {
		r.expect(t, marker, witness, what)
		return
	}
	r.refused[marker] = what
}

// check looks for what must not have arrived, behind a flow that does.
func (r *reporter) check(t *testing.T) {
	t.Helper()
	if !arrives(t, r.Lab, flow{name: "fence", from: c2, to: inRecorder, protocol: policy.UDP, port: mediaPort}) {
		t.Error("the allowed flow behind the errors does not arrive")
	}
	for marker, what := range r.refused {
		if who := r.ears.Who(marker); len(who) > 0 {
			t.Errorf("%s arrives at %v", what, who)
		}
	}
	t.Logf("%d arrived, %d refused", r.arrived, len(r.refused))
}

// TestErrorsAboutAService holds that an error about a flow comes back only while that flow's own service is open: other services that are
// open between the same two ends, for good or for longer, do not let it. Every flow's errors come back before, and some after: conntrack
// knows the flows for as long.
func TestErrorsAboutAService(t *testing.T) {
	l := open(t)
	block := func(name, from, to, services string, until time.Time) string {
		return fmt.Sprintf("exception %q {\n  from = %s\n  to = %s\n  services = [%s]\n  until = %q\n  reason = \"a test\"\n"+
			"  owner = \"somebody\"\n}\n", name, from, to, services, until.Format(time.RFC3339))
	}
	whole := head + allows + `
service "exact" {
  udp = ["9000"]
}
service "some" {
  udp = ["9100-9110"]
}
service "late" {
  udp = ["9200"]
}
service "span" {
  udp = ["9300-9310"]
}
service "steady" {
  udp = ["9400", "9500-9510"]
}
allow "steady" {
  from     = recorder.nvr
  to       = camera.c1
  services = [service.steady]
}
` + block("long", "recorder.nvr", "camera.c1", "service.late, service.span", time.Now().Add(time.Hour))
	apply(t, l, read(t, whole))
	stays := lives(t, l)
	r := newReporter(t, l)
	start := time.Now()
	r.open(t, ties(9400)[0])
	until := time.Now().Add(6*time.Second + 30*time.Since(start))
	apply(t, l, read(t, whole+block("short", "recorder.nvr", "camera.c1", `service.exact, service.some, "ping"`, until)))

	short, kept := ties(9000, 9105, 0), ties(9200, 9305, 9400, 9505)
	for _, f := range append(append([]tie{}, short...), kept...) {
		r.open(t, f)
		r.report(t, f.to, f.there, f, true, true)
		r.report(t, f.from, f.here, f, false, true)
	}
	if time.Until(until) < time.Second {
		t.Fatal("the machine was too slow for this test to mean anything")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for lives(t, l) > stays {
		if time.Since(until) > patience {
			t.Fatal("the exception outlives its end")
		}
		<-tick.C
	}
	for _, arrives := range [...]bool{true, false} {
		for _, f := range map[bool][]tie{true: kept, false: short}[arrives] {
			r.report(t, f.to, f.there, f, true, arrives)
			r.report(t, f.from, f.here, f, false, arrives)
		}
	}
	r.check(t)
	if len(r.refused) != 12 {
		t.Errorf("%d errors were to be refused", len(r.refused))
	}
}

// ties are flows from the recorder to a camera in both families, one for each port; port 0 is an echo request.
func ties(ports ...uint16) []tie {
	var all []tie
	for _, port := range ports {
		for _, ends := range [...][2]string{{inRecorder, inCamera}, {inRecorder6, inCamera6}} {
			f := tie{from: nvr, to: c1, here: addr(ends[0]), there: addr(ends[1]), protocol: policy.UDP, port: port, own: 41000 + port}
			if port == 0 {
				f.protocol = frame.ICMPOf(f.here)
			}
			all = append(all, f)
		}
	}
	return all
}

// TestErrorsKeepToTheirUplink holds that an error about what an exception lets through one uplink does not come in by another one, which
// something else uses. The control is the same error by the right one.
func TestErrorsKeepToTheirUplink(t *testing.T) {
	l := inTwo(t)
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	limit := "  until = \"" + until + "\"\n  reason = \"a test\"\n  owner = \"somebody\"\n}\n"
	both := strings.Replace(head, `address = "10.30.0.22"`, `addresses = ["10.30.0.22", "fd30::22"]`, 1)
	apply(t, l, read(t, both+allows+"segment \"spare\" {\n  kind = \"uplink\"\n  interface = \"wan1\"\n"+
		"  addresses = [\"192.0.2.2/24\", \"2001:db8:2::2/64\"]\n}\n"+
		"service \"panel\" {\n  udp = [\"8443\"]\n}\n"+
		"exception \"out\" {\n  from = camera.c1\n  to = segment.spare\n  services = [service.panel]\n"+limit+
		"exception \"other\" {\n  from = camera.c2\n  to = segment.internet\n  services = [service.panel]\n"+limit+
		"exception \"in\" {\n  from = segment.spare\n  to = camera.c1\n  services = [service.media]\n"+limit))
	r := newReporter(t, l)
	for _, f := range []tie{
		{from: c1, to: "spare", here: addr(inCamera), there: addr("192.0.2.80"), protocol: policy.UDP, port: 8443, own: 41001},
		{from: c1, to: "spare", here: addr(inCamera6), there: addr("2001:db8:2::80"), protocol: policy.UDP, port: 8443, own: 41002},
	} {
		r.open(t, f)
		r.report(t, internet, r.of(t, internet, f.there), f, true, false)
		r.report(t, "spare", f.there, f, true, true)
		r.report(t, internet, r.of(t, internet, f.there), f, true, false)
	}
	for _, f := range []tie{
		{from: "spare", to: c1, here: addr("192.0.2.80"), there: addr(inCamera), protocol: policy.UDP, port: 6150, own: 41003},
		{from: "spare", to: c1, here: addr("2001:db8:2::80"), there: addr(inCamera6), protocol: policy.UDP, port: 6150, own: 41004},
	} {
		r.open(t, f)
		r.report(t, internet, r.of(t, internet, f.here), f, false, false)
		r.report(t, "spare", f.here, f, false, true)
	}
	r.check(t)
}

// of returns a machine's address of a family.
func (r *reporter) of(t *testing.T, name string, like netip.Addr) netip.Addr {
	t.Helper()
	return machine(t, r.Lab, name).Address(like)
}

// away is a way of the site's cameras out by its uplink.
const away = `
allow "away" {
  from     = segment.cameras
  to       = segment.internet
  services = [service.push]
}
`

// TestErrorsOfRouters holds that a router inside a segment, and one behind it, may say what became of a packet of an open flow to somebody
// behind them. The controls are errors about flows that are not open, from another source than the camera's own on a camera's interface,
// and by the wrong interface. A way of the cameras to a whole uplink changes none of it: what is inside is no part of that way.
func TestErrorsOfRouters(t *testing.T) {
	l := open(t)
	site := strings.Replace(head, `address = "10.40.0.11"`, `addresses = ["10.40.0.11", "fd40::11"]`, 1)
	route := func(after, four, via4, six, via6 string) {
		const block = "\n  route {\n    to = [%q]\n    via = %q\n  }"
		site = strings.Replace(site, after, after+fmt.Sprintf(block+block, four, via4, six, via6), 1)
	}
	route(`addresses = ["10.40.0.1/24", "fd40::1/64"]`, "10.41.0.0/24", "10.40.0.11", "fd41::/64", "fd40::11")
	route(`addresses = ["10.50.0.1/24", "fd50::1/64"]`, "172.16.0.0/12", "10.50.0.9", "fd51::/64", "fd50::9")
	text := site + allows + `
recorder "far" {
  segment   = segment.recorders
  addresses = ["10.41.0.10", "fd41::10"]
}
service "push" {
  udp = ["7100"]
}
allow "push" {
  from     = segment.cameras
  to       = [recorder.far, "172.16.0.0/12", "fd51::/64"]
  services = [service.push]
}
allow "visit" {
  from     = ["172.16.0.0/12", "fd51::/64"]
  to       = recorder.far
  services = [service.push]
}
`
	r := newReporter(t, l)
	for i, more := range [...]string{"", away} {
		apply(t, l, read(t, text+more))
		r.routers(t, 42000+100*uint16(i), 43000+100*uint16(i))
	}
	r.check(t)
}

// routers tries the errors of routers inside segments about flows from the ports that begin with two.
func (r *reporter) routers(t *testing.T, first, second uint16) {
	t.Helper()
	for i, c := range []struct{ router, camera, far, closed, via, deeper string }{
		{nvr2, inCamera, "10.41.0.10", "10.41.0.11", "10.40.0.11", "10.41.0.1"},
		{nvr2, inCamera6, "fd41::10", "fd41::11", "fd40::11", "fd41::1"},
		{jump, inCamera, "172.16.7.7", "192.168.7.7", "10.50.0.9", "172.16.7.1"},
		{jump, inCamera6, "fd51::7", "fd52::7", "fd50::9", "fd51::1"},
	} {
		own := first + uint16(i)
		f := tie{from: c1, to: c.router, here: addr(c.camera), there: addr(c.far), protocol: policy.UDP, port: 7100, own: own}
		r.open(t, f)
		for _, source := range [...]string{c.via, c.deeper, c.far} {
			r.report(t, c.router, addr(source), f, true, true)
			shut := f
			shut.there = addr(c.closed)
			r.report(t, c.router, addr(source), shut, true, false) // no flow of anybody's
			shut = f
			shut.port = 7101
			r.report(t, c.router, addr(source), shut, true, false)
			r.report(t, internet, addr(source), f, true, false)
			r.report(t, c1, addr(source), f, false, false)
		}
	}
	for i, c := range []struct{ router, here, far, via string }{
		{nvr2, "172.16.7.7", "10.41.0.10", "10.40.0.11"},
		{nvr2, "fd51::7", "fd41::10", "fd40::11"},
	} {
		f := tie{from: jump, to: c.router, here: addr(c.here), there: addr(c.far), protocol: policy.UDP, port: 7100, own: second + uint16(i)}
		r.open(t, f)
		for _, source := range [...]string{c.via, c.far} {
			r.report(t, c.router, addr(source), f, true, true)
			r.report(t, c1, addr(source), f, true, false)
		}
	}
}

// TestErrorsOfRoutersWhileOpen holds the same where nothing but an exception connects the two segments: the routers' way out ends with it.
func TestErrorsOfRoutersWhileOpen(t *testing.T) {
	l := open(t)
	behind := "\n  route {\n    to  = [\"10.41.0.0/24\"]\n    via = \"10.40.0.11\"\n  }" +
		"\n  route {\n    to  = [\"fd41::/64\"]\n    via = \"fd40::11\"\n  }"
	const recorders = `addresses = ["10.40.0.1/24", "fd40::1/64"]`
	site := strings.Replace(strings.Replace(head, `address = "10.40.0.11"`, `addresses = ["10.40.0.11", "fd40::11"]`, 1),
		recorders, recorders+behind, 1)
	apply(t, l, read(t, site+`
service "late" {
  udp = ["7200"]
}
allow "media" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.media]
}
exception "late" {
  from     = segment.office
  to       = recorder.nvr
  services = [service.late]
  until    = "`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"
  reason   = "a test"
  owner    = "somebody"
}
`))
	r := newReporter(t, l)
	for i, c := range []struct{ here, there, via, deeper, closed string }{
		{"10.50.0.5", inRecorder, "10.40.0.11", "10.41.0.1", "10.40.0.12"},
		{"fd50::5", inRecorder6, "fd40::11", "fd41::1", "fd40::12"},
	} {
		f := tie{from: office, to: nvr, here: addr(c.here), there: addr(c.there), protocol: policy.UDP, port: 7200, own: uint16(44000 + i)}
		r.open(t, f)
		r.report(t, nvr, f.there, f, true, true)
		for _, source := range [...]string{c.via, c.deeper} {
			r.report(t, nvr2, addr(source), f, true, true)
			for _, other := range [...]string{c1, internet} {
				r.report(t, other, addr(source), f, true, false)
			}
			shut := f
			shut.port = 7201
			r.report(t, nvr2, addr(source), shut, true, false)
			shut = f
			shut.there = addr(c.closed)
			r.report(t, nvr2, addr(source), shut, true, false)
		}
	}
	r.check(t)
}
