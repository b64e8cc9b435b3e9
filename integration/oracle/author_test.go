package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// author writes random policies for the gateway's cables.
type author struct {
	*rand.Rand
	at                time.Time // the moment that the policy is written for
	blocks            []string
	cameras, machines []string // references that an allow may name
	hosts, clients    []string
	governed, uplinks []string
	groups, services  []string
	literals          []string // networks that literals are cut from
	macs              int
	lost              int // blocks that the language refused
}

// newAuthor begins a policy for a moment.
func newAuthor(seed uint64, at time.Time) *author {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 1)), at: at}
	a.segments()
	a.devices()
	a.openings()
	return a
}

// revise changes what was written: some openings go, and others stand in one of the groups.
func (a *author) revise() {
	isOpening := func(b string) bool { return strings.HasPrefix(b, "allow") || strings.HasPrefix(b, "exception") }
	for range 1 + a.IntN(3) {
		if i := a.IntN(len(a.blocks)); isOpening(a.blocks[i]) {
			a.blocks = slices.Delete(a.blocks, i, i+1)
		}
	}
	for i, b := range a.blocks {
		if strings.HasPrefix(b, "group \"few\"") {
			a.blocks[i] = a.few()
		}
	}
}

func (a *author) few() string {
	return fmt.Sprintf("group \"few\" {\n  cameras = %s\n}", list(some(a.Rand, a.cameras, 3)))
}

// settle has the language read the text, and takes out the blocks that it refuses: a random allow may well say what it must not. If it
// refuses much, the author is at fault.
func (a *author) settle(t *testing.T, seed uint64) (string, policy.Policy) {
	t.Helper()
	whole := len(a.blocks)
	for {
		text := strings.Join(a.blocks, "\n")
		p, errs := read(text)
		if len(errs) == 0 {
			return text, p
		}
		if a.lost++; a.lost > whole/3 {
			t.Fatalf("seed %d: the language refuses %d blocks of %d, the last for %+v\n%s", seed, a.lost, whole, errs[0], text)
		}
		i := blockAt(a.blocks, errs[0].Origin.Line)
		if strings.HasPrefix(a.blocks[i], "segment") || strings.HasPrefix(a.blocks[i], "site") {
			t.Fatalf("seed %d: %+v\n%s", seed, errs[0], text)
		}
		a.blocks = slices.Delete(a.blocks, i, i+1)
	}
}

// read reads a policy's text and returns its errors; warnings are welcome here.
func read(text string) (policy.Policy, []message.Diagnostic) {
	p, all := load.Dir(policy.Moment{Time: monday(), Trusted: true}, nil, load.Directory{FS: fstest.MapFS{"site.hcl": {Data: []byte(text)}}})
	var errs []message.Diagnostic
	for _, d := range all {
		if d.Severity == message.Error {
			errs = append(errs, d)
		}
	}
	return p, errs
}

// blockAt returns the number of the block that a line of the joined text belongs to.
func blockAt(blocks []string, line int) int {
	at := 1
	for i, b := range blocks {
		at += strings.Count(b, "\n") + 1
		if line < at {
			return i
		}
	}
	return len(blocks) - 1
}

func (a *author) add(format string, args ...any) {
	a.blocks = append(a.blocks, fmt.Sprintf(format, args...))
}

// often says yes so many times of a hundred.
func (a *author) often(percent int) bool { return a.IntN(100) < percent }

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// some returns between one and most of a list, in random order.
func some[T any](r *rand.Rand, list []T, most int) []T {
	shuffled := slices.Clone(list)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:1+r.IntN(min(most, len(shuffled)))]
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

func quoted(items []string) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = fmt.Sprintf("%q", item)
	}
	return all
}

// segments writes the site and its networks. Every policy has another numbering, so that what the kernel keeps of one says nothing
// about the next one's devices; a third keeps the last one's, so that sets change by elements.
func (a *author) segments() {
	scope := "box"
	if a.often(20) {
		scope = "segments"
	}
	zone := one(a.Rand, []string{"UTC", "America/Toronto", "Asia/Kathmandu", "Pacific/Auckland"})
	a.add("site \"s\" {\n  scope    = %q\n  timezone = %q\n}", scope, zone)
	site := 1 + a.IntN(200)
	for i := range 1 + a.IntN(2) {
		a.segment("cameras"+letter(i), "camera", fmt.Sprintf("cam%d", i), 30+i, site)
	}
	for i := range 1 + a.IntN(2) {
		a.segment("recorders"+letter(i), "recorder", fmt.Sprintf("rec%d", i), 40+i, site)
	}
	for i := range 1 + a.IntN(2) {
		a.segment("office"+letter(i), "client", fmt.Sprintf("lan%d", i), 50+i, site)
	}
	a.uplink()
}

func letter(i int) string { return string(rune('a' + i)) }

// family says which of IPv4 and IPv6 a segment speaks.
type family struct{ four, six bool }

func (a *author) segment(name, kind, iface string, number, site int) {
	bits := []int{24, 24, 25, 26}[site%4]
	speaks := family{four: true, six: a.often(80)}
	if a.often(6) {
		speaks = family{six: true}
	}
	var own []string
	if speaks.four {
		own = append(own, fmt.Sprintf("10.%d.%d.1/%d", number, site, bits))
		a.literals = append(a.literals, fmt.Sprintf("10.%d.%d.0/%d", number, site, bits))
	}
	if speaks.six {
		own = append(own, fmt.Sprintf("fd%d:%x::1/64", number, site))
		a.literals = append(a.literals, fmt.Sprintf("fd%d:%x::/64", number, site))
	}
	text := fmt.Sprintf("segment %q {\n  kind      = %q\n  interface = %q\n  addresses = %s\n", name, kind, iface, list(quoted(own)))
	if kind != "client" && a.often(30) {
		text += "  refuse    = \"drop\"\n"
	}
	if kind != "camera" && a.often(40) {
		text += a.behind(number, site, speaks)
	}
	if kind != "client" && a.often(12) {
		text += "  mode      = \"observe\"\n"
	}
	if kind == "camera" {
		text += a.offers(number, site, speaks)
	}
	a.blocks = append(a.blocks, text+"}")
	reference := "segment." + name
	if kind == "client" {
		a.clients = append(a.clients, reference)
	} else {
		a.governed = append(a.governed, reference)
	}
	a.inhabit(name, kind, number, site, speaks)
}

// behind writes networks behind a router of a segment.
func (a *author) behind(number, site int, speaks family) string {
	var text string
	if speaks.four {
		text += fmt.Sprintf("  route {\n    to  = [\"172.%d.0.0/16\"]\n    via = \"10.%d.%d.60\"\n  }\n", number-24, number, site)
		a.literals = append(a.literals, fmt.Sprintf("172.%d.0.0/16", number-24))
	}
	if speaks.six {
		text += fmt.Sprintf("  route {\n    to  = [\"fd%d:ff00::/32\"]\n    via = \"fd%d:%x::60\"\n  }\n", number+30, number, site)
		a.literals = append(a.literals, fmt.Sprintf("fd%d:ff00::/32", number+30))
	}
	return text
}

// offers writes what the gateway serves the cameras of a segment.
func (a *author) offers(number, site int, speaks family) string {
	if !a.often(45) {
		return ""
	}
	text := "  serve {\n    time  = " + one(a.Rand, []string{`"off"`, `"local"`, `"intercept"`}) + "\n"
	text += "    names = " + one(a.Rand, []string{`"off"`, `"sinkhole"`}) + "\n"
	if a.often(60) {
		text += "    discovery = [segment." + one(a.Rand, []string{"officea", "recordersa"}) + "]\n"
	}
	if speaks.four && a.often(60) {
		text += fmt.Sprintf("    leases {\n      range = \"10.%d.%d.40-10.%d.%d.50\"\n    }\n", number, site, number, site)
	}
	return text + "  }\n"
}

// uplink writes the ways out. The second one, if there is one, owns what it has a route to; the first one everything else.
func (a *author) uplink() {
	six := a.often(70)
	a.way("wan", "wan0", six, "203.0.113", "2001:db8:", "0.0.0.0/0", "::/0")
	if a.often(60) {
		a.way("spare", "wan1", six && a.often(80), "198.18.7", "2001:db8:7:", "192.0.2.0/24", "2001:db8:1::/48")
	}
	a.literals = append(a.literals, "198.51.100.0/24", "192.0.2.0/24")
	if six {
		a.literals = append(a.literals, "2001:db8:1::/48")
	}
}

// way writes one uplink, with a network of each family, and what lies behind its routers.
func (a *author) way(name, iface string, six bool, net4, net6, to4, to6 string) {
	own := []string{net4 + ".2/24"}
	route := func(to, via string) string {
		return fmt.Sprintf("  route {\n    to  = [%q]\n    via = %q\n  }\n", to, via)
	}
	routes := route(to4, net4+".80")
	if six {
		own = append(own, net6+":2/64")
		routes += route(to6, net6+":80")
	}
	a.add("segment %q {\n  kind      = \"uplink\"\n  interface = %q\n  addresses = %s\n%s%s}",
		name, iface, list(quoted(own)), a.masquerade(), routes)
	a.uplinks = append(a.uplinks, "segment."+name)
}

func (a *author) masquerade() string {
	switch {
	case a.often(30):
		return ""
	case a.often(20):
		return "  masquerade = []\n"
	}
	return "  masquerade = " + list(some(a.Rand, a.clients, 2)) + "\n"
}

// inhabit writes the devices of a segment.
func (a *author) inhabit(segment, kind string, number, site int, speaks family) {
	count := map[string]int{"camera": 2 + a.IntN(4), "recorder": 1 + a.IntN(3), "client": a.IntN(4)}[kind]
	device := map[string]string{"camera": "camera", "recorder": "recorder", "client": "host"}[kind]
	for i := range count {
		lastHope := kind == "camera" && i == count-1 && len(a.cameras) == 0 // a site has a camera
		if kind != "recorder" && a.often(10) && !lastHope {
			device = "recorder"
		}
		a.device(fmt.Sprintf("%s-%d", segment, i), device, segment, a.homes(number, site, 10+i*7, speaks))
		device = map[string]string{"camera": "camera", "recorder": "recorder", "client": "host"}[kind]
	}
}

// homes returns the addresses of a device: of one family or of both, sometimes two of one.
func (a *author) homes(number, site, host int, speaks family) []string {
	four, six := speaks.four, speaks.six
	if four && six && a.often(40) {
		four = a.often(70)
		six = !four
	}
	var own []string
	if four {
		own = append(own, fmt.Sprintf("10.%d.%d.%d", number, site, host))
		if a.often(10) {
			own = append(own, fmt.Sprintf("10.%d.%d.%d", number, site, host+1))
		}
	}
	if six {
		own = append(own, fmt.Sprintf("fd%d:%x::%x", number, site, host))
	}
	return own
}

func (a *author) device(name, kind, segment string, own []string) {
	a.macs++
	text := fmt.Sprintf("%s %q {\n  segment   = segment.%s\n  addresses = %s\n", kind, name, segment, list(quoted(own)))
	if kind == "camera" || a.often(60) {
		text += fmt.Sprintf("  mac       = \"44:19:b6:%02x:%02x:%02x\"\n", a.IntN(256), a.IntN(256), a.macs)
	}
	if kind == "camera" {
		text += fmt.Sprintf("  labels    = { floor = %q }\n", one(a.Rand, []string{"0", "1"}))
		a.cameras = append(a.cameras, "camera."+name)
	}
	a.blocks = append(a.blocks, text+"}")
	switch kind {
	case "recorder":
		a.machines = append(a.machines, "recorder."+name)
	case "host":
		a.hosts = append(a.hosts, "host."+name)
	}
}

// devices writes what allows are made of: groups and services.
func (a *author) devices() {
	a.blocks = append(a.blocks, a.few())
	a.add("group \"floor\" {\n  where = { floor = \"0\" }\n}")
	a.groups = []string{"group.few", "group.floor"}
	for i := range 3 {
		first := one(a.Rand, []int{1, 1000 + a.IntN(3000), 6100, 65000 + a.IntN(500), 5000})
		last := min(first+one(a.Rand, []int{1, 7, 99, 500}), 65535)
		protocol := one(a.Rand, []string{"tcp", "udp"})
		a.add("service \"range%d\" {\n  %s = [\"%d-%d\"]\n}", i, protocol, first, last)
		a.services = append(a.services, fmt.Sprintf("service.range%d", i))
	}
	a.add("service \"exact\" {\n  tcp = [\"%d\"]\n  udp = [\"%d\", \"%d-%d\"]\n}", 7000+a.IntN(900), 8000+a.IntN(90), 9000, 9000+a.IntN(40))
	a.services = append(a.services, "service.exact")
}

// openings writes allows, exceptions and what manages the gateway.
func (a *author) openings() {
	a.manages()
	for i := range 4 + a.IntN(5) {
		from, to, services := a.ends()
		a.add("allow \"a%d\" {\n  from     = %s\n  to       = %s\n  services = %s\n%s}", i, from, to, services, a.during(35))
	}
	few := a.IntN(4)
	for i := range few + len(a.uplinks) - 1 {
		from, to, services := a.ends()
		if i >= few {
			from, to, services = a.abroad()
		}
		until := a.at.Add(one(a.Rand, []time.Duration{-time.Hour, time.Hour, 26 * time.Hour, 5 * 24 * time.Hour})).Format(time.RFC3339)
		a.add("exception \"e%d\" {\n  from     = %s\n  to       = %s\n  services = %s\n  until    = %q\n"+
			"  reason   = \"r\"\n  owner    = \"o\"\n%s}",
			i, from, to, services, until, a.during(30))
	}
}

func (a *author) manages() {
	if a.often(10) {
		a.add("manage {\n  from     = []\n  services = [\"ssh\"]\n}")
		return
	}
	from := slices.Concat(a.clients, a.clients, a.hosts)
	for range 1 + a.IntN(2) {
		ends := some(a.Rand, from, 2)
		if a.often(25) {
			ends = []string{fmt.Sprintf("%q", a.literal("10.5", "fd5", "172.2"))}
		}
		a.add("manage {\n  from     = %s\n  services = %s\n}", list(ends), list(a.opened()))
	}
}

// ends returns from, to and services of an allow: mostly of those that a site has, sometimes of any.
func (a *author) ends() (from, to, services string) {
	cameras := slices.Concat(a.groups, a.groups, a.cameras[:1], a.governed[:1])
	all := slices.Concat(cameras, a.machines, a.hosts, a.clients, a.governed, a.uplinks)
	peers := slices.Concat(a.machines, a.hosts, a.clients)
	side := func(of []string) string {
		if a.often(22) {
			return fmt.Sprintf("[%q]", a.literal(""))
		}
		return list(some(a.Rand, of, 2))
	}
	services = list(a.opened())
	switch n := a.IntN(100); {
	case n < 25:
		return side(peers), side(cameras), services
	case n < 45:
		return side(cameras), side(peers), services
	case n < 60:
		return side(slices.Concat(a.clients, a.hosts)), side(slices.Concat(a.machines, a.clients)), services
	case n < 75:
		return side(slices.Concat(a.clients, a.clients, a.hosts)), a.outside(), services
	case n < 85:
		return side(slices.Concat(cameras, a.machines)), a.outside(), services
	case n < 90:
		return a.outside(), side(slices.Concat(cameras, a.machines, a.hosts)), services
	}
	return side(all), side(all), services
}

// outside returns an end of an allow beyond the uplinks.
func (a *author) outside() string {
	if a.often(50) {
		return fmt.Sprintf("[%q]", a.literal("198.", "192.", "2001"))
	}
	return list(some(a.Rand, a.uplinks, 2))
}

// abroad returns from, to and services of what crosses an uplink.
func (a *author) abroad() (from, to, services string) {
	inside := list(some(a.Rand, slices.Concat(a.groups, a.machines, a.hosts, a.clients), 2))
	if a.often(30) {
		return a.outside(), inside, list(a.opened())
	}
	return inside, a.outside(), list(a.opened())
}

// opened returns the services of an allow.
func (a *author) opened() []string {
	builtin := []string{"http", "https", "ssh", "rtsp", "ntp", "dns", "syslog", "snmp", "smtp", "sip", "dahua", "ping", "ping"}
	if a.often(8) {
		return []string{`"any"`}
	}
	return some(a.Rand, slices.Concat(quoted(builtin), a.services, a.services), 3)
}

// literal returns an address or a network that lies in one of the site's, of those that begin in one of some ways.
func (a *author) literal(begins ...string) string {
	of := slices.DeleteFunc(slices.Clone(a.literals), func(n string) bool {
		return !slices.ContainsFunc(begins, func(b string) bool { return strings.HasPrefix(n, b) })
	})
	if len(of) == 0 {
		of = a.literals
	}
	return cut(a.Rand, one(a.Rand, of))
}

// during returns a schedule, so many times of a hundred, that is open at the author's moment or not.
func (a *author) during(percent int) string {
	if !a.often(percent) {
		return ""
	}
	var text strings.Builder
	for range 1 + a.IntN(2) {
		days := one(a.Rand, []string{`"mon-sun"`, `"mon-fri"`, `"mon", "wed"`, `"sat-mon"`, `"tue-thu"`})
		hours := one(a.Rand, []string{"00:00-24:00", "08:00-17:00", "22:00-10:30", "04:00-05:00", "12:00-22:00", "00:00-12:00"})
		fmt.Fprintf(&text, "  during {\n    days  = [%s]\n    hours = %q\n  }\n", days, hours)
	}
	return text.String()
}
