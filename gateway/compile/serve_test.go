package compile_test

import (
	"net/netip"
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

// serving returns the school with everything served to its cameras.
func serving() policy.Policy {
	p := school()
	p.Segments[cameras].Serve = policy.Serve{
		Time: policy.TimeIntercept, Names: policy.NamesSinkhole, Discovery: []policy.SegmentID{office},
		Leases: &policy.Leases{
			First: netip.MustParseAddr("10.30.0.100"), Last: netip.MustParseAddr("10.30.0.199"), Lease: 12 * time.Hour,
		},
		Origin: at(5),
	}
	return p
}

func observing(p policy.Policy) policy.Policy {
	p.Segments = slices.Clone(p.Segments)
	p.Segments[cameras].Mode = policy.Observe
	return p
}

func TestWhereServedStands(t *testing.T) {
	all := sets(compile.Ruleset(serving(), "", policy.Moment{}))
	for name, want := range map[string][]string{
		"inet asked4": {
			`"cam0" . 10.30.0.1 . tcp . 53`, `"cam0" . 10.30.0.1 . udp . 53`, `"cam0" . 10.30.0.1 . udp . 67`,
			`"cam0" . 10.30.0.1 . udp . 123`, `"cam0" . 10.30.0.1 . udp . 3702`, `"cam0" . 239.255.255.250 . udp . 3702`,
			`"cam0" . 255.255.255.255 . udp . 67`, `"lan0" . 10.50.0.1 . udp . 3702`, `"lan0" . 239.255.255.250 . udp . 3702`,
		},
		"inet asked6": {
			`"cam0" . fd30::1 . tcp . 53`, `"cam0" . fd30::1 . udp . 53`, `"cam0" . fd30::1 . udp . 123`, `"cam0" . fd30::1 . udp . 3702`,
			`"cam0" . ff02::c . udp . 3702`,
		},
		"inet intercepted": {`"cam0" . tcp . 53`, `"cam0" . udp . 53`, `"cam0" . udp . 123`},
		"inet own4":        {"10.30.0.1", "10.40.0.1", "10.50.0.1", "203.0.113.2"},
		"inet askers4":     {`"cam0" . 10.30.0.21`, `"cam0" . 10.30.0.22`},
		"inet pool4":       {`"cam0" . 0.0.0.0`, `"cam0" . 10.30.0.100-10.30.0.199`},
		"inet macs":        {"00:11:32:aa:bb:cc", "3c:52:82:00:00:09", "44:19:b6:00:00:01", "44:19:b6:00:00:02"},
		"inet addresses4": {
			"10.30.0.1", "10.30.0.21", "10.30.0.22", "10.40.0.1", "10.40.0.10", "10.40.0.11", "10.50.0.1", "10.50.0.9", "203.0.113.2",
		},
	} {
		got := elements(all[name])
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, there := sets(compile.Ruleset(school(), "", policy.Moment{}))["inet asked4"]; there {
		t.Error("a policy that serves nothing has the sets of what is served")
	}
}

// TestInterceptedIsBeyond holds that whatever is intercepted is asked for where it goes: by ingress among the addresses of the policy, at
// input and output among all that the gateway has.
func TestInterceptedIsBeyond(t *testing.T) {
	r := compile.Ruleset(serving(), "", policy.Moment{})
	seen := 0
	for name, words := range map[string][]string{
		"known4": {"ip daddr != @own4"}, "known6": {"ip6 daddr != @own6"},
		"offered": {"fib daddr type != local fib daddr type != ", "ip6 daddr fe80::-febf:"},
		"answer":  {"fib saddr type != local fib saddr type != ", "ip6 saddr fe80::-febf:"},
	} {
		for _, text := range rules(t, r, ruleset.Inet, name) {
			if !strings.Contains(text, "@intercepted") {
				continue
			}
			seen++
			if !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) }) {
				t.Errorf("chain %s: %s", name, text)
			}
		}
	}
	if seen != 8 {
		t.Errorf("%d rules ask for what is intercepted", seen)
	}
}

// TestInterceptJail holds that intercepted questions have a way to the gateway itself, in both families, and none while the segment is
// observed; then its interface is held to no table either.
func TestInterceptJail(t *testing.T) {
	ways := func(p policy.Policy) []string {
		s, _ := compile.State(p, "", policy.Moment{})
		of := texts(s.Rules, func(r netstate.Rule) bool {
			return r.IIF == "cam0" && r.Priority != netstate.InboundPreference || r.Priority == netstate.ServedPreference
		})
		for i, text := range of {
			before, _, _ := strings.Cut(text, " lookup 88")
			of[i] = before
		}
		return append(of, texts(s.Routes, func(r netstate.Route) bool {
			return r.Table == netstate.ServedTable || r.Table == netstate.ShutTable && r.Destination.Contains(netip.MustParseAddr("10.30.0.21"))
		})...)
	}
	want := []string{
		"pref 874 from all iif cam0 ipproto tcp dport 53", "pref 874 from all iif cam0 ipproto tcp dport 53",
		"pref 874 from all iif cam0 ipproto udp dport 123", "pref 874 from all iif cam0 ipproto udp dport 123",
		"pref 874 from all iif cam0 ipproto udp dport 53", "pref 874 from all iif cam0 ipproto udp dport 53",
		"pref 880 from all iif cam0", "pref 880 from all iif cam0",
		"pref 875 from 10.30.0.0/24 iif cam0 fwmark 0x434f5245 ipproto icmp lookup 254",
		"blackhole 10.30.0.0/24 table 883 proto 67 metric 4278198272",
		"local ::/0 dev lo table 882 proto 67 metric 1024", "local default dev lo table 882 proto 67",
	}
	got := ways(serving())
	if len(got) != len(want) {
		t.Errorf("the jail holds (-want +got):\n%s", cmp.Diff(want, got))
	}
	for _, w := range want[:9] {
		if !slices.Contains(got, w) {
			t.Errorf("no %s in %q", w, got)
		}
	}
	if got := ways(observing(serving())); len(got) != 0 {
		t.Errorf("an observed segment is held by %q", got)
	}
}

// TestModeIsElements holds that the modes differ in elements alone: no chain, no rule, no set and no size of one.
func TestModeIsElements(t *testing.T) {
	for name, p := range map[string]policy.Policy{"plain": school(), "serving": serving(), "many": ministry(300)} {
		one, other := compile.Ruleset(p, "", policy.Moment{}), compile.Ruleset(observing(p), "", policy.Moment{})
		changed := 0
		for i := range one.Tables {
			for j := range one.Tables[i].Sets {
				a, b := one.Tables[i].Sets[j], other.Tables[i].Sets[j]
				if !cmp.Equal(a.Elements, b.Elements) {
					changed++
				}
				a.Elements, b.Elements = nil, nil
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("%s: set %s (-enforce +observe):\n%s", name, a.Name, diff)
				}
			}
			chains := func(list []ruleset.Chain) []ruleset.Chain {
				return slices.DeleteFunc(slices.Clone(list), func(c ruleset.Chain) bool { return c.Name == "origins" })
			}
			if diff := cmp.Diff(chains(one.Tables[i].Chains), chains(other.Tables[i].Chains)); diff != "" {
				t.Errorf("%s: chains (-enforce +observe):\n%s", name, diff)
			}
		}
		if changed < 6 {
			t.Errorf("%s: only %d sets differ", name, changed)
		}
	}
}

// TestStampHasNoPointers holds that two readings of one text are one policy, whatever stands behind a pointer.
func TestStampHasNoPointers(t *testing.T) {
	stamp := func(p policy.Policy) []string {
		return rules(t, compile.Ruleset(p, "", policy.Moment{}), ruleset.Inet, "origins")
	}
	trunk := func() policy.Policy {
		p := serving()
		p.Segments[cameras].VLAN = &policy.VLAN{Parent: "eth1", ID: 30}
		return p
	}
	if diff := cmp.Diff(stamp(trunk()), stamp(trunk())); diff != "" {
		t.Errorf("one policy has two stamps:\n%s", diff)
	}
	other := trunk()
	other.Segments[cameras].Serve.Leases.Lease = time.Hour
	if cmp.Equal(stamp(trunk()), stamp(other)) {
		t.Error("control: another lease has the same stamp")
	}
}

// TestAllowedPacketsMeetNothingNew holds that observing and serving cost an allowed packet nothing: no chain on its way asks for the mode,
// and where one asks what is served, the rules that let a flow go on to forward are all that stand behind it.
func TestAllowedPacketsMeetNothingNew(t *testing.T) {
	asks := func(text string) bool {
		for _, word := range []string{
			"@observed", "@enforced", "@macs", "@addresses", "@asked", "@intercepted", "overlook", "whoever", "unnamed",
		} {
			if strings.Contains(text, word) {
				return true
			}
		}
		return false
	}
	seen := 0
	for name, p := range map[string]policy.Policy{"plain": school(), "serving": serving()} {
		r := compile.Ruleset(p, "", policy.Moment{})
		for _, c := range []string{
			"cameras", "recorders", "camera4", "camera6", "recorder4", "recorder6", "prerouting", "camera", "recorder", "home", "uplink",
			"forward", "judge", "judge4", "judge6", "reply4", "reply6", "postrouting", "leaving",
		} {
			for _, text := range rules(t, r, ruleset.Inet, c) {
				seen++
				if asks(text) {
					t.Errorf("%s: chain %s: %s", name, c, text)
				}
			}
		}
		if list := rules(t, r, ruleset.Netdev, "speaks"); !asks(list[len(list)-2]) || slices.ContainsFunc(list[:len(list)-2], asks) {
			t.Errorf("%s: chain speaks: %q", name, list)
		}
		for _, c := range []string{"known4", "known6"} {
			list := rules(t, r, ruleset.Inet, c)
			reach := slices.IndexFunc(list, func(text string) bool { return strings.Contains(text, "@reach") })
			before := slices.IndexFunc(list, asks)
			if served := name == "serving"; reach < 0 || (before < reach) != served || !asks(list[len(list)-2]) {
				t.Errorf("%s: chain %s: %q", name, c, list)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d rules were looked at", seen)
	}
}
