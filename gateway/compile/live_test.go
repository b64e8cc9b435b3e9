package compile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// noon is a moment that exceptions are compiled at.
func noon() policy.Moment {
	return policy.Moment{Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Trusted: true}
}

// temporary returns the school with what is limited: exceptions of every shape for an hour, and an allow with a schedule.
func temporary() policy.Policy {
	p := school()
	until := noon().Time.Add(time.Hour)
	p.Exceptions = []policy.Exception{
		{
			Name: "firmware", From: []policy.Endpoint{device("camera.gym", 0)}, To: []policy.Endpoint{literal("198.51.100.7/32", internet)},
			Services: []policy.Service{tcp("https", 443), {Name: "ntp", Ports: []policy.Ports{{Protocol: policy.UDP, First: 123, Last: 123}}}},
			Until:    until, Origin: at(100),
		},
		{
			Name: "cloud", From: []policy.Endpoint{device("camera.hall", 1)}, To: []policy.Endpoint{segment("segment.internet", internet)},
			Services: []policy.Service{{Name: "high", Ports: []policy.Ports{{Protocol: policy.UDP, First: 7000, Last: 7010}}}},
			Until:    until.Add(time.Hour), Origin: at(101),
		},
		{
			Name: "visit", From: []policy.Endpoint{segment("segment.office", office)}, To: []policy.Endpoint{device("camera.gym", 0)},
			Services: []policy.Service{tcp("http", 80), {Name: "ping", Ping: true}}, Until: until, Origin: at(102),
		},
		{
			Name: "over", From: []policy.Endpoint{device("camera.gym", 0)}, To: []policy.Endpoint{literal("198.51.100.9/32", internet)},
			Services: []policy.Service{tcp("ssh", 22)}, Until: noon().Time, Origin: at(103),
		},
	}
	p.Allows = append(p.Allows, policy.Allow{
		Name: "clean", From: []policy.Endpoint{device("host.jump", 4)}, To: []policy.Endpoint{device("camera.gym", 0)},
		Services: []policy.Service{tcp("ssh", 22)}, Origin: at(104),
		During: []policy.Window{{Days: [7]bool{1: true}, From: 11 * 60, To: 13*60 + 30}},
	})
	return p
}

func literal(network string, id policy.SegmentID) policy.Endpoint {
	return policy.Endpoint{
		Kind: policy.NetworkEndpoint, Name: network, Segments: []policy.SegmentID{id}, Network: prefixes(network)[0],
	}
}

// TestWhereEachLimitedOpeningStands holds the sets whose elements end, and that no other set holds anything of theirs.
func TestWhereEachLimitedOpeningStands(t *testing.T) {
	all := sets(compile.Ruleset(temporary(), "", noon()))
	cases := map[string][]string{
		"inet live4": {`10.50.0.9 . 10.30.0.21 . tcp . 22 timeout 5400s`},
		"inet live4_to.internet.": {
			`10.30.0.21 . 198.51.100.7 . tcp . 443 timeout 3600s`, `10.30.0.21 . 198.51.100.7 . udp . 123 timeout 3600s`,
		},
		"inet live4_udp_7000_7010_to.internet._to_outside": {`10.30.0.22 timeout 7200s`},
		"inet live4_from_10_50_0_0_24":                     {`10.30.0.21 . tcp . 80 timeout 3600s`},
		"inet live4_ping_from_172_16_0_0_12":               {`10.30.0.21 timeout 3600s`},
		"inet livequoted4":                                 {`10.50.0.9 . 10.30.0.21 . 6 . 22 timeout 5400s`},
		"inet livequoted4_to.internet.": {
			`10.30.0.21 . 198.51.100.7 . 6 . 443 timeout 3600s`, `10.30.0.21 . 198.51.100.7 . 17 . 123 timeout 3600s`,
		},
		"inet livequoted4_udp_7000_7010_to.internet._to_outside": {`10.30.0.22 timeout 7200s`},
		"inet livetranslated4": {`"wan0" . 10.30.0.21 timeout 3600s`, `"wan0" . 10.30.0.22 timeout 7200s`},
		"inet livecrossings": {
			`"cam0" . "lan0" timeout 5400s`, `"cam0" . "wan0" timeout 7200s`, `"lan0" . "cam0" timeout 5400s`, `"wan0" . "cam0" timeout 7200s`,
		},
		"netdev live4_to.internet.": {
			`10.30.0.21 . 198.51.100.7 . tcp . 443 timeout 3600s`, `10.30.0.21 . 198.51.100.7 . udp . 123 timeout 3600s`,
		},
		"netdev live4_udp_7000_7010_to.internet._to_outside": {`10.30.0.22 timeout 7200s`},
	}
	for name, want := range cases {
		if diff := cmp.Diff(want, elements(all[name])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	before := sets(compile.Ruleset(school(), "", noon()))
	for name, s := range all {
		word := strings.Fields(name)[1]
		if diff := cmp.Diff(elements(before[name]), elements(s)); diff != "" && !strings.HasPrefix(word, "live") {
			t.Errorf("%s changes with what is limited (-without +with):\n%s", name, diff)
		}
		if s.Timed != strings.HasPrefix(word, "live") {
			t.Errorf("%s: its elements may end: %t", name, s.Timed)
		}
	}
}

// TestHourIsElements holds that the hour changes neither chains nor rules nor routes, and that nothing limited is open while the clock may
// be wrong.
func TestHourIsElements(t *testing.T) {
	p := temporary()
	p.Exceptions = p.Exceptions[:3] // by a clock that may be wrong nothing is over
	open, _ := compile.State(p, "", noon())
	_, atNoon := compile.State(p, "", noon())
	for name, c := range map[string]struct {
		after   time.Duration
		trusted bool
		open    []string // in live4 and behind the uplink
	}{
		"now":                                  {0, true, []string{"5400s", "3600s", "3600s"}},
		"by a wrong clock":                     {0, false, nil},
		"an instant before the exceptions end": {time.Hour - time.Millisecond, true, []string{"1800s"}},
		"a second before":                      {time.Hour - time.Second, true, []string{"1801s", "1s", "1s"}},
	} {
		s, filter := compile.State(p, "", policy.Moment{Time: noon().Time.Add(c.after), Trusted: c.trusted})
		var left []string
		for _, text := range append(elements(sets(filter)["inet live4"]), elements(sets(filter)["inet live4_to.internet."])...) {
			left = append(left, text[strings.LastIndex(text, " ")+1:])
		}
		if diff := cmp.Diff(c.open, left); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(spelled(open.Rules), spelled(s.Rules)); diff != "" {
			t.Errorf("%s: policy routing differs (-noon +then):\n%s", name, diff)
		}
		for i := range filter.Tables {
			if diff := cmp.Diff(atNoon.Tables[i].Chains, filter.Tables[i].Chains); diff != "" {
				t.Errorf("%s: chains differ (-noon +then):\n%s", name, diff)
			}
		}
	}
	if lives(open) == 0 {
		t.Error("nothing is open at noon")
	}
}

func spelled[T interface{ String() string }](list []T) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].String()
	}
	return out
}

// TestEveryHour holds that a schedule of the whole week has an element without an end, and none while the clock may be wrong.
func TestEveryHour(t *testing.T) {
	p := temporary()
	p.Exceptions = nil
	p.Allows[len(p.Allows)-1].During = []policy.Window{{Days: [7]bool{true, true, true, true, true, true, true}, To: 24 * 60}}
	for trusted, want := range map[bool][]string{true: {`10.50.0.9 . 10.30.0.21 . tcp . 22`}, false: nil} {
		all := sets(compile.Ruleset(p, "", policy.Moment{Time: noon().Time, Trusted: trusted}))
		if diff := cmp.Diff(want, elements(all["inet live4"])); diff != "" {
			t.Errorf("trusted %t (-want +got):\n%s", trusted, diff)
		}
	}
}

func lives(s netstate.State) int {
	n := 0
	for _, table := range s.Tables {
		for _, set := range table.Sets {
			for _, e := range set.Elements {
				if e.Timeout != 0 {
					n++
				}
			}
		}
	}
	return n
}

// TestLimitedWays holds that every rule of policy routing that an exception needs asks for the mark, its service and its peer.
func TestLimitedWays(t *testing.T) {
	with, _ := compile.State(temporary(), "", noon())
	without, _ := compile.State(school(), "", noon())
	seen := map[uint32]int{}
	for _, r := range with.Rules {
		if slices.Contains(without.Rules, r) {
			continue
		}
		seen[r.Priority]++
		closes := r.Priority == netstate.InsidePreference
		errors := r.Mark == netstate.ErrorMark && (r.Protocol == policy.ICMP || r.Protocol == policy.ICMPv6)
		if !closes && !errors && (r.Mark != netstate.ExceptionMark || r.Mask != 1<<32-1 || r.Protocol == 0 || r.IIF == "") {
			t.Errorf("rule %s opens more than an exception", r)
		}
	}
	if seen[netstate.LivePreference] < 6 || seen[netstate.ExceptionPreference] < 4 || seen[netstate.InsidePreference] == 0 {
		t.Errorf("rules by preference: %v", seen)
	}
	if diff := cmp.Diff(spelled(without.Routes), spelled(with.Routes)); diff != "" {
		t.Errorf("an exception changes routes (-without +with):\n%s", diff)
	}
}

// TestUnlockIsLast holds that the chain that marks clears both marks first.
func TestUnlockIsLast(t *testing.T) {
	list := rules(t, compile.Ruleset(temporary(), "", noon()), ruleset.Inet, "unlock")
	if want := "meta mark { 0x434f5244, 0x434f5245 } meta mark set 0x0"; !strings.HasPrefix(list[0], want) {
		t.Errorf("unlock begins with %q, want %q", list[0], want)
	}
}
