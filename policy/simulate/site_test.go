package simulate_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
	"cordon/policy/simulate"
)

// scope is the first block of every policy here.
func scope(word string) string {
	return fmt.Sprintf("site %q {\n  scope = %q\n  timezone = \"America/Toronto\"\n}\n", "school", word)
}

// body is the site but for its first block: every kind of segment, of device and of block.
const body = `
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
}
segment "hall" {
  kind      = "camera"
  interface = "cam1"
  addresses = ["10.31.0.1/24", "fd31::1/64"]
  refuse    = "drop"
  serve {
    time      = "intercept"
    names     = "sinkhole"
    discovery = [segment.office]
    leases {
      range = "10.31.0.100-10.31.0.199"
    }
  }
}
segment "porch" {
  kind      = "camera"
  interface = "cam2"
  addresses = ["10.32.0.1/24"]
  serve {
    time = "local"
  }
}
segment "recorders" {
  kind      = "recorder"
  interface = "rec0"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
}
segment "yard" {
  kind      = "camera"
  addresses = ["10.60.0.1/24"]
  bridge {
    name  = "br0"
    ports = ["p1", "p2"]
  }
}
segment "rack" {
  kind = "recorder"
  bridge {
    name  = "br0"
    ports = ["p3"]
  }
}
segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24", "fd50::1/64"]
  route {
    to  = ["172.16.0.0/12"]
    via = "10.50.0.254"
  }
}
segment "lab" {
  kind      = "client"
  interface = "lan1"
  addresses = ["172.16.5.1/24"]
}
segment "internet" {
  kind       = "uplink"
  interface  = "wan0"
  addresses  = ["203.0.113.2/24", "2001:db8::2/64"]
  masquerade = [segment.office]
  route {
    to  = ["0.0.0.0/0"]
    via = "203.0.113.80"
  }
}
segment "spare" {
  kind      = "uplink"
  interface = "wan1"
}
manage {
  from     = [segment.office]
  services = ["ssh", "ping"]
}
camera "c1" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:01"
  addresses = ["10.30.0.21", "fd30::21"]
}
camera "c2" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:02"
  address = "10.30.0.22"
}
camera "hall" {
  segment   = segment.hall
  mac       = "44:19:b6:00:00:03"
  addresses = ["10.31.0.21", "fd31::21"]
}
camera "porch" {
  segment = segment.porch
  mac     = "44:19:b6:00:00:04"
  address = "10.32.0.21"
}
camera "y1" {
  segment = segment.yard
  mac     = "44:19:b6:00:00:05"
  address = "10.60.0.21"
  port    = "p1"
}
camera "y2" {
  segment = segment.yard
  mac     = "44:19:b6:00:00:06"
  address = "10.60.0.22"
}
recorder "rack" {
  segment = segment.rack
  mac     = "00:11:32:00:00:10"
  address = "10.60.0.10"
}
recorder "nvr" {
  segment   = segment.recorders
  mac       = "00:11:32:aa:bb:cc"
  addresses = ["10.40.0.10", "fd40::10"]
}
recorder "bare" {
  segment = segment.recorders
  address = "10.40.0.11"
}
recorder "reception" {
  segment = segment.hall
  address = "10.31.0.11"
}
host "jump" {
  segment = segment.office
  address = "10.50.0.9"
  mac     = "3c:52:82:00:00:09"
}
service "media" {
  udp = ["6100-6299"]
}
allow "record" {
  from     = [recorder.nvr, recorder.bare]
  to       = segment.cameras
  services = ["rtsp", "ping"]
}
allow "media" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.media]
}
allow "watch" {
  from     = segment.office
  to       = recorder.nvr
  services = ["https", "ping"]
}
allow "repair" {
  from     = host.jump
  to       = segment.cameras
  services = ["https"]
}
allow "look" {
  from     = "10.50.0.0/29"
  to       = camera.c2
  services = ["https"]
}
allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
allow "mirror" {
  from     = recorder.nvr
  to       = "198.51.100.0/24"
  services = ["https"]
}
allow "publish" {
  from     = segment.internet
  to       = recorder.nvr
  services = ["https"]
}
allow "clocks" {
  from     = [camera.hall, recorder.reception]
  to       = segment.internet
  services = ["ntp"]
}
allow "yard" {
  from     = recorder.rack
  to       = segment.yard
  services = ["rtsp"]
}
allow "neighbours" {
  from     = camera.y1
  to       = camera.y2
  services = ["http"]
}
allow "clean" {
  from     = segment.office
  to       = camera.c1
  services = ["ssh"]
  during {
    days  = ["mon"]
    hours = "08:00-17:00"
  }
}
allow "night" {
  from     = segment.office
  to       = camera.c1
  services = ["dahua"]
  during {
    hours = "22:00-04:00"
    days  = ["sat"]
  }
}
exception "firmware" {
  from     = camera.c1
  to       = ["198.51.100.7"]
  services = ["https"]
  until    = "2026-12-01T04:00:00-05:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}
exception "visit" {
  from     = camera.c1
  to       = ["198.51.100.7"]
  services = ["ssh"]
  until    = "2026-12-01T04:00:00-05:00"
  reason   = "The vendor looks in"
  owner    = "mtremblay"
  during {
    days  = ["mon"]
    hours = "08:00-17:00"
  }
}
`

// monday is a quarter past ten on a Monday in Toronto, told by a clock that is right.
func monday() policy.Moment { return moment("2026-11-23T10:15:00-05:00") }

func moment(text string) policy.Moment {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return policy.Moment{Time: at, Trusted: true}
}

// read reads a policy that has to be without mistakes.
func read(t *testing.T, text string) policy.Policy {
	t.Helper()
	files := fstest.MapFS{"site.hcl": {Data: []byte(text)}}
	p, diagnostics := load.Dir(monday(), nil, load.Directory{Name: "", FS: files})
	for _, d := range diagnostics {
		if d.Severity == message.Error {
			t.Fatalf("the policy has mistakes: %+v", d)
		}
	}
	return p
}

// macs are the machines of the site by a short name; whoever has none here has another one.
func macs() map[string]string {
	return map[string]string{
		"c1": "44:19:b6:00:00:01", "c2": "44:19:b6:00:00:02", "hall": "44:19:b6:00:00:03", "porch": "44:19:b6:00:00:04",
		"y1": "44:19:b6:00:00:05", "y2": "44:19:b6:00:00:06", "rack": "00:11:32:00:00:10", "nvr": "00:11:32:aa:bb:cc",
		"jump": "3c:52:82:00:00:09", "gw": "00:00:00:00:00:00",
	}
}

// probe is one line of a table: a packet, a moment, and the decision that it must get.
//
//	allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
//	blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/6300 : not-named
//
// After the service may stand reply, untracked, sport=N, oif=NAME, at=TIME, distrusted and, behind the word about, the first packet of the
// flow that an error quotes. Behind the colon stands the deciding block, or the reason.
type probe struct {
	line     string
	packet   policy.Packet
	at       policy.Moment
	verdict  policy.Verdict
	decision string
}

func parseProbe(t *testing.T, line string) probe {
	t.Helper()
	what, decision, found := strings.Cut(line, " : ")
	if !found {
		t.Fatalf("%s: no decision", line)
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(what), " ")
	p := probe{line: line, at: monday(), decision: strings.TrimSpace(decision)}
	switch word {
	case "allowed":
		p.verdict = policy.Allowed
	case "blocked":
	default:
		t.Fatalf("%s: neither allowed nor blocked", line)
	}
	first, quoted, isError := strings.Cut(rest, " about ")
	p.packet = p.read(t, strings.Fields(first))
	if isError {
		about := p.read(t, strings.Fields(quoted))
		about.MAC = policy.MAC{}
		p.packet.About = &about
	}
	return p
}

// read reads a packet: interface, machine, source, an arrow, destination, service and options.
func (p *probe) read(t *testing.T, f []string) policy.Packet {
	t.Helper()
	if len(f) < 6 || f[3] != ">" {
		t.Fatalf("%s: not a packet", p.line)
	}
	k := policy.Packet{IIF: f[0], Source: netip.MustParseAddr(f[2]), Destination: netip.MustParseAddr(f[4]), SourcePort: 40000}
	if k.IIF == "-" {
		k.IIF = ""
	}
	mac, known := macs()[f[1]]
	if !known {
		mac = "02:00:00:00:99:99"
	}
	var err error
	if k.MAC, err = policy.ParseMAC(mac); err != nil && f[1] != "gw" {
		t.Fatal(err)
	}
	p.service(t, &k, f[5])
	for _, option := range f[6:] {
		p.option(t, &k, option)
	}
	return k
}

// service reads tcp/443, udp/53, icmp/8, icmp/3.13 or proto/47.
func (p *probe) service(t *testing.T, k *policy.Packet, text string) {
	t.Helper()
	protocol, number, _ := strings.Cut(text, "/")
	whole, code, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(whole)
	if err != nil {
		t.Fatalf("%s: %v", p.line, err)
	}
	c, _ := strconv.Atoi(code)
	switch protocol {
	case "tcp", "udp":
		k.Protocol = map[string]policy.Protocol{"tcp": policy.TCP, "udp": policy.UDP}[protocol]
		k.DestinationPort = uint16(n)
	case "icmp", "icmp6":
		k.Protocol = map[string]policy.Protocol{"icmp": policy.ICMP, "icmp6": policy.ICMPv6}[protocol]
		k.ICMPType, k.ICMPCode, k.SourcePort = uint8(n), uint8(c), 0
	case "proto":
		k.Protocol, k.SourcePort = policy.Protocol(n), 0
	default:
		t.Fatalf("%s: no protocol %s", p.line, protocol)
	}
}

func (p *probe) option(t *testing.T, k *policy.Packet, option string) {
	t.Helper()
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "reply":
		k.State = policy.Reply
	case "untracked":
		k.State = policy.Untracked
	case "distrusted":
		p.at.Trusted = false
	case "at":
		p.at = policy.Moment{Time: moment(value).Time, Trusted: p.at.Trusted}
	case "oif":
		k.OIF = value
	case "sport":
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("%s: %v", p.line, err)
		}
		k.SourcePort = uint16(n)
	default:
		t.Fatalf("%s: no option %s", p.line, name)
	}
}

// said is a decision in the table's words.
func said(d simulate.Decision) string {
	if d.Reason == simulate.Named {
		return strings.TrimSpace(d.Kind + " " + d.Name)
	}
	return d.Reason.String()
}
