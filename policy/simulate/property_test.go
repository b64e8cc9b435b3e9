package simulate_test

import (
	"math/rand"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cordon/policy"
	"cordon/policy/simulate"
)

// machine is somebody who sends: at an interface, with a MAC and an address.
type machine struct {
	iif, mac, address string
}

// machines stand behind every interface; some of them are not whom they say.
func machines() []machine {
	return []machine{
		{"cam0", "c1", "10.30.0.21"},
		{"cam0", "c2", "10.30.0.22"},
		{"cam0", "c1", "fd30::21"},
		{"cam1", "hall", "10.31.0.21"},
		{"cam2", "porch", "10.32.0.21"},
		{"rec0", "nvr", "10.40.0.10"},
		{"rec0", "nvr", "fd40::10"},
		{"rec0", "bare", "10.40.0.11"},
		{"p1", "y1", "10.60.0.21"},
		{"p2", "y2", "10.60.0.22"},
		{"p3", "rack", "10.60.0.10"},
		{"lan0", "jump", "10.50.0.9"},
		{"lan0", "pc", "10.50.0.5"},
		{"lan0", "pc", "fd50::5"},
		{"lan1", "pc", "172.16.5.7"},
		{"wan0", "r", "198.51.100.7"},
		{"wan0", "r", "2001:db8:1::7"},
		{"wan1", "r", "192.0.2.7"},
		{"cam0", "c2", "10.30.0.21"},
		{"cam0", "x", "10.30.0.77"},
		{"lan0", "pc", "10.50.0.9"},
		{"wan0", "r", "10.30.0.21"},
		{"docker0", "r", "172.17.0.2"},
		{"lan0", "r", "172.20.0.5"},
	}
}

// honest are those of the machines who are whom they say.
func honest() []machine { return machines()[:17] }

// likely are flows that the site names, some at their hours alone: machines by their place in the list.
func likely() []struct {
	from, to int
	protocol policy.Protocol
	port     uint16
} {
	return []struct {
		from, to int
		protocol policy.Protocol
		port     uint16
	}{
		{5, 0, policy.TCP, 554},
		{0, 5, policy.UDP, 6100},
		{12, 5, policy.TCP, 443},
		{11, 1, policy.TCP, 443},
		{12, 15, 47, 0},
		{0, 15, policy.TCP, 443},
		{0, 15, policy.TCP, 22},
		{12, 0, policy.TCP, 22},
		{12, 0, policy.TCP, 37777},
		{10, 9, policy.TCP, 554},
		{8, 9, policy.TCP, 80},
		{15, 6, policy.TCP, 443},
		{5, 15, policy.TCP, 443},
		{12, 5, policy.ICMP, 0},
	}
}

// packetOf is a packet between two machines.
func packetOf(from, to machine, protocol policy.Protocol, port uint16) policy.Packet {
	k := policy.Packet{
		IIF: from.iif, Source: netip.MustParseAddr(from.address), Destination: netip.MustParseAddr(to.address), Protocol: protocol,
		SourcePort: 40000, DestinationPort: port,
	}
	k.MAC, _ = policy.ParseMAC(macs()[from.mac]) // whoever has none keeps the zero MAC
	if protocol == policy.ICMP || protocol == policy.ICMPv6 {
		k.ICMPType, k.SourcePort, k.DestinationPort = 8, 0, 0
		k.Protocol = policy.ICMP
		if k.Source.Is6() {
			k.ICMPType, k.Protocol = 128, policy.ICMPv6
		}
	}
	return k
}

// answer is the packet that answers another one.
func answer(k policy.Packet, from machine) policy.Packet {
	a := k
	a.IIF, a.Source, a.Destination, a.State = from.iif, k.Destination, k.Source, policy.Reply
	a.SourcePort, a.DestinationPort = k.DestinationPort, k.SourcePort
	a.MAC, _ = policy.ParseMAC(macs()[from.mac])
	if k.Protocol == policy.ICMP {
		a.ICMPType = 0
	}
	if k.Protocol == policy.ICMPv6 {
		a.ICMPType = 129
	}
	return a
}

func drawPacket(t *rapid.T, list []machine) (k policy.Packet, from, to machine) {
	from, to = rapid.SampledFrom(list).Draw(t, "from"), rapid.SampledFrom(list).Draw(t, "to")
	protocol := rapid.SampledFrom([]policy.Protocol{policy.TCP, policy.UDP, policy.ICMP, 47}).Draw(t, "protocol")
	port := rapid.SampledFrom([]uint16{22, 53, 80, 123, 443, 554, 6099, 6100, 6299, 37777}).Draw(t, "port")
	if rapid.Bool().Draw(t, "likely") {
		l := rapid.SampledFrom(likely()).Draw(t, "flow")
		from, to, protocol, port = machines()[l.from], machines()[l.to], l.protocol, l.port
	}
	k = packetOf(from, to, protocol, port)
	if rapid.Bool().Draw(t, "answers") {
		k.SourcePort, k.DestinationPort = k.DestinationPort, k.SourcePort
		k.State = policy.Reply
	}
	return k, from, to
}

func drawMoment(t *rapid.T) policy.Moment {
	at := moment("2026-11-20T00:00:00-05:00").Time.Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(t, "minutes")) * time.Minute)
	return policy.Moment{Time: at, Trusted: rapid.Bool().Draw(t, "trusted")}
}

// drawAllow makes an allow from the ends and services of those that the site has.
func drawAllow(t *rapid.T, p policy.Policy) policy.Allow {
	from, to := rapid.SampledFrom(p.Allows).Draw(t, "from of"), rapid.SampledFrom(p.Allows).Draw(t, "to of")
	a := policy.Allow{Name: "drawn", From: from.From, To: to.To, Services: rapid.SampledFrom(p.Allows).Draw(t, "services of").Services}
	if rapid.Bool().Draw(t, "turned") {
		a.From, a.To = to.To, from.From
	}
	if rapid.Bool().Draw(t, "limited") {
		a.During = rapid.SampledFrom(p.Exceptions).Draw(t, "hours of").During
	}
	return a
}

// counted makes sure that a property has seen both verdicts.
func counted(t *testing.T, property func(t *rapid.T, seen map[policy.Verdict]int)) {
	t.Helper()
	seen := map[policy.Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			property(t, seen)
		}
	})
	if seen[policy.Allowed] == 0 || seen[policy.Blocked] == 0 {
		t.Errorf("the packets were %v", seen)
	}
}

func TestAnAllowNeverBlocks(t *testing.T) {
	p := read(t, scope("box")+body)
	opened := 0
	counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
		more := p
		for range rapid.IntRange(1, 6).Draw(t, "allows") {
			more.Allows = append(slices.Clone(more.Allows), drawAllow(t, p))
		}
		k, _, _ := drawPacket(t, machines())
		at := drawMoment(t)
		before, after := simulate.Packet(p, at, k).Verdict, simulate.Packet(more, at, k).Verdict
		seen[before]++
		if before == policy.Allowed && after != policy.Allowed {
			t.Fatalf("%+v was allowed, and is blocked by one more allow", k)
		}
		if before != after {
			opened++
		}
	})
	t.Logf("%d packets were opened", opened)
}

// TestReplies: whatever may be opened is answered, and nothing else is.
func TestReplies(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
		k, from, to := drawPacket(t, honest())
		if k.Source.Is4() != k.Destination.Is4() || k.Protocol == policy.ICMP || from.iif == "cam1" && k.DestinationPort == 123 {
			return // what is served has no other end
		}
		k = packetOf(from, to, k.Protocol, k.DestinationPort)
		at := drawMoment(t)
		there, back := o.Packet(at, k), o.Packet(at, answer(k, to))
		if there.Kind == "serve" || there.Reason == simulate.OwnTraffic || back.Reason == simulate.OwnTraffic || back.Kind == "serve" {
			return // the gateway's own
		}
		seen[there.Verdict]++
		if there.Verdict != back.Verdict || (there.Verdict == policy.Allowed && there != back) {
			t.Fatalf("%+v: %v, its answer %v", k, there, back)
		}
	})
}

func TestOrderOfBlocksIsIrrelevant(t *testing.T) {
	p := read(t, scope("box")+body)
	o := simulate.Of(p)
	counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
		shuffled := p
		order := rand.New(rand.NewSource(rapid.Int64().Draw(t, "order")))
		shuffled.Allows, shuffled.Exceptions = slices.Clone(p.Allows), slices.Clone(p.Exceptions)
		order.Shuffle(len(p.Allows), func(i, j int) {
			shuffled.Allows[i], shuffled.Allows[j] = shuffled.Allows[j], shuffled.Allows[i]
		})
		slices.Reverse(shuffled.Exceptions)
		k, _, _ := drawPacket(t, machines())
		at := drawMoment(t)
		want := o.Packet(at, k)
		seen[want.Verdict]++
		if got := simulate.Packet(shuffled, at, k); got.Verdict != want.Verdict {
			t.Fatalf("%+v: %v in one order, %v in another", k, want, got)
		}
	})
}

// TestWhatIsOverIsNotThere: at its end an exception, and without a clock whatever depends on the hour, is as if it were not written.
func TestWhatIsOverIsNotThere(t *testing.T) {
	p := read(t, scope("box")+body)
	counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
		k, _, _ := drawPacket(t, machines())
		at := drawMoment(t)
		without := p
		if at.Trusted {
			without.Exceptions = slices.DeleteFunc(slices.Clone(p.Exceptions), func(e policy.Exception) bool { return !e.Until.After(at.Time) })
		} else {
			without.Exceptions = nil
			without.Allows = slices.DeleteFunc(slices.Clone(p.Allows), func(a policy.Allow) bool { return len(a.During) > 0 })
		}
		got, want := simulate.Packet(p, at, k).Verdict, simulate.Packet(without, at, k).Verdict
		seen[got]++
		if got != want {
			t.Fatalf("%+v: %v, %v without what is over", k, got, want)
		}
	})
}

// TestWhoLooksAwayRefusesLess: scope segments and an observed segment let pass whatever passes without them.
func TestWhoLooksAwayRefusesLess(t *testing.T) {
	strict := simulate.Of(read(t, scope("box")+body))
	for name, text := range map[string]string{"segments": scope("segments") + body, "observed": observing()} {
		t.Run(name, func(t *testing.T) {
			lenient := simulate.Of(read(t, text))
			opened := 0
			counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
				k, _, _ := drawPacket(t, machines())
				at := drawMoment(t)
				before, after := strict.Packet(at, k), lenient.Packet(at, k)
				seen[before.Verdict]++
				if before.Verdict == policy.Allowed && after.Verdict != policy.Allowed {
					t.Fatalf("%+v: %v, and %v", k, before, after)
				}
				if before.Verdict != after.Verdict {
					opened++
				}
			})
			if opened == 0 {
				t.Error("nothing passes that was refused")
			}
		})
	}
}

// TestNoPacketPanics decides packets that no network carries.
func TestNoPacketPanics(t *testing.T) {
	o := simulate.Of(read(t, scope("box")+body))
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "octets"))
		return a
	})
	interfaces := rapid.SampledFrom([]string{"", "lo", "cam0", "rec0", "lan0", "wan0", "wan1", "p1", "br0", "docker0"})
	counted(t, func(t *rapid.T, seen map[policy.Verdict]int) {
		k := policy.Packet{
			IIF: interfaces.Draw(t, "iif"), OIF: interfaces.Draw(t, "oif"), Source: address.Draw(t, "source"),
			Destination: address.Draw(t, "destination"), Protocol: policy.Protocol(rapid.Byte().Draw(t, "protocol")),
			ICMPType: rapid.Byte().Draw(t, "type"), State: policy.FlowState(rapid.IntRange(0, 2).Draw(t, "state")),
		}
		if rapid.Bool().Draw(t, "quotes") {
			about := k
			k.About = &about
		}
		seen[o.Packet(drawMoment(t), k).Verdict]++
	})
}
