package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// sets returns every set of a ruleset by table and name.
func sets(r ruleset.Ruleset) map[string]ruleset.Set {
	all := map[string]ruleset.Set{}
	for _, t := range r.Tables {
		for _, s := range t.Sets {
			all[t.Family.String()+" "+s.Name] = s
		}
	}
	return all
}

// rules returns the text of a chain's rules.
func rules(t *testing.T, r ruleset.Ruleset, family ruleset.Family, name string) []string {
	t.Helper()
	for _, table := range r.Tables {
		for _, c := range table.Chains {
			if table.Family != family || c.Name != name {
				continue
			}
			texts := make([]string, len(c.Rules))
			for i, rule := range c.Rules {
				texts[i] = rule.String()
			}
			return texts
		}
	}
	t.Fatalf("no chain %s %s", family, name)
	return nil
}

// elements returns a set's elements in nft's syntax, without their comments.
func elements(s ruleset.Set) []string {
	var texts []string
	for _, e := range s.Elements {
		e.Comment = ""
		texts = append(texts, s.Text(e))
	}
	return texts
}

func TestWhereEachOpeningStands(t *testing.T) {
	all := sets(compile.Ruleset(school(), "", policy.Moment{}))
	cases := map[string][]string{
		// Both ends have a MAC: one merged element a side, and nothing in flows4.
		"inet tcpcalls4": {
			`"rec0" . 00:11:32:aa:bb:cc . 10.40.0.10 . 10.30.0.21 . 80`, `"rec0" . 00:11:32:aa:bb:cc . 10.40.0.10 . 10.30.0.21 . 554`,
			`"rec0" . 00:11:32:aa:bb:cc . 10.40.0.10 . 10.30.0.22 . 80`, `"rec0" . 00:11:32:aa:bb:cc . 10.40.0.10 . 10.30.0.22 . 554`,
		},
		"inet tcpcalls6": {
			`"rec0" . 00:11:32:aa:bb:cc . fd40::10 . fd30::21 . 80`, `"rec0" . 00:11:32:aa:bb:cc . fd40::10 . fd30::21 . 554`,
		},
		"inet tcpanswers6": {
			`"cam0" . 44:19:b6:00:00:01 . fd30::21 . fd40::10 . 80`, `"cam0" . 44:19:b6:00:00:01 . fd30::21 . fd40::10 . 554`,
		},
		// A recorder without a MAC, and a host on a segment without a guard: forward decides.
		"inet flows4": {
			`10.40.0.11 . 10.30.0.21 . tcp . 80`, `10.40.0.11 . 10.30.0.21 . tcp . 554`,
			`10.40.0.11 . 10.30.0.22 . tcp . 80`, `10.40.0.11 . 10.30.0.22 . tcp . 554`,
			`10.50.0.9 . 10.30.0.22 . tcp . 22`,
		},
		"inet bare4":                     {`"rec0" . 10.40.0.11`},
		"inet bound4":                    {`"lan0" . 10.50.0.9`},
		"inet inward4":                   {`"lan0" . 10.40.0.10 . tcp . 443`},
		"inet inward4_ping":              {`"lan0" . 10.40.0.10`},
		"inet across4_any":               {`"lan0" . "wan0"`},
		"inet flows4_udp_6100_6299":      {`10.30.0.21 . 10.40.0.10`, `10.30.0.22 . 10.40.0.10`},
		"inet inward4_from_10_50_0_0_28": {`"lan0" . 10.30.0.21 . tcp . 443`},
		"inet manage4":                   {`"lan0" . tcp . 22`},
		"inet manage4_ping":              {`"lan0"`},
		"inet reach4": {
			`"cam0" . 10.40.0.10`, `"cam0" . 10.50.0.0-10.50.0.15`,
			`"rec0" . 10.30.0.0-10.30.0.255`, `"rec0" . 10.50.0.0-10.50.0.255`, `"rec0" . 172.16.0.0-172.31.255.255`,
		},
		"inet masquerade4": {`"wan0" . 10.50.0.0-10.50.0.255`, `"wan0" . 172.16.0.0-172.31.255.255`},
		"inet guarded4":    {`10.30.0.0-10.30.0.255`, `10.40.0.0-10.40.0.255`},
		"inet abroad4":     nil,
		"netdev devices4": {
			`"cam0" . 44:19:b6:00:00:01 . 10.30.0.21`, `"cam0" . 44:19:b6:00:00:02 . 10.30.0.22`,
			`"lan0" . 3c:52:82:00:00:09 . 10.50.0.9`, `"rec0" . 00:11:32:aa:bb:cc . 10.40.0.10`,
		},
		"netdev gateway4": {`"cam0" . 10.30.0.1`, `"rec0" . 10.40.0.1`},
	}
	for name, want := range cases {
		s, ok := all[name]
		if !ok {
			t.Errorf("no set %s", name)
			continue
		}
		if diff := cmp.Diff(want, elements(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// ministry returns a site of n cameras that one recorder records and an office may open.
func ministry(n int) policy.Policy {
	p := school()
	p.Segments[0].Addresses = prefixes("10.128.0.1/9")
	p.Devices = p.Devices[2:3]
	ids := make([]policy.DeviceID, n)
	for i := range n {
		ids[i] = policy.DeviceID(i + 1)
		p.Devices = append(p.Devices, policy.Device{
			Kind: policy.Camera, Name: fmt.Sprintf("c%d", i), MAC: policy.MAC{0x44, 0x19, 0xb6, byte(i >> 16), byte(i >> 8), byte(i)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 200, byte(i >> 8), byte(i)})},
			Origin:    policy.Origin{File: "cameras.csv", Line: i + 2},
		})
	}
	recorder := []policy.Endpoint{{Name: "recorder.nvr-1", Devices: []policy.DeviceID{0}}}
	cameras := []policy.Endpoint{{Name: "segment.cameras", Devices: ids}}
	p.Allows = []policy.Allow{
		{Name: "record", From: recorder, To: cameras, Services: p.Allows[0].Services, Origin: p.Allows[0].Origin},
		{Name: "media", From: cameras, To: recorder, Services: p.Allows[1].Services, Origin: p.Allows[1].Origin},
		{Name: "watch", From: p.Allows[2].From, To: cameras, Services: p.Allows[2].Services, Origin: p.Allows[2].Origin},
		{Name: "clean", From: p.Allows[3].From, To: cameras, Services: p.Allows[3].Services, Origin: p.Allows[3].Origin},
	}
	p.Files = []string{"school.hcl", "cameras.csv"}
	return p
}

// TestGrowth holds what makes the cost flat: one camera more is a bounded number of elements, none of them in a set that is searched
// for ranges, and no rule.
func TestGrowth(t *testing.T) {
	small, large := compile.Ruleset(ministry(100), "", policy.Moment{}), compile.Ruleset(ministry(101), "", policy.Moment{})
	before, after := sets(small), sets(large)
	if len(before) != len(after) {
		t.Fatalf("%d sets became %d", len(before), len(after))
	}
	grown := 0
	for name, s := range after {
		n := len(s.Elements) - len(before[name].Elements)
		grown += n
		if s.Interval && n != 0 {
			t.Errorf("%s is searched for ranges and grows by %d elements a camera", name, n)
		}
		// Two ports that the recorder may open are two elements; everything else is one.
		if n > 2 {
			t.Errorf("%s grows by %d elements a camera", name, n)
		}
	}
	if grown == 0 {
		t.Error("a camera more changed nothing")
	}
	for i := range small.Tables {
		for j, c := range small.Tables[i].Chains {
			if n := len(large.Tables[i].Chains[j].Rules) - len(c.Rules); n != 0 {
				t.Errorf("chain %s grows by %d rules a camera", c.Name, n)
			}
		}
	}
}

// TestEveryBaseChainDrops holds that no chain that decides ends without a rule that drops and counts, but for the two that only look
// at what leaves and the one that translates.
func TestEveryBaseChainDrops(t *testing.T) {
	seen := 0
	for _, table := range compile.Ruleset(school(), "", policy.Moment{}).Tables {
		for _, c := range table.Chains {
			if c.Hook == nil || !c.Hook.Drop {
				continue
			}
			seen++
			last := c.Rules[len(c.Rules)-1].String()
			ends := strings.Contains(last, "drop") || strings.HasPrefix(last, "goto ") || c.Name == "output"
			if !ends {
				t.Errorf("%s %s ends with %q", table.Family, c.Name, last)
			}
		}
	}
	if seen != 7 {
		t.Errorf("looked at %d base chains, want 7", seen)
	}
}

func TestScope(t *testing.T) {
	p := school()
	box := rules(t, compile.Ruleset(p, "", policy.Moment{}), ruleset.Inet, "prerouting")
	p.Site.Scope = policy.ScopeSegments
	segments := rules(t, compile.Ruleset(p, "", policy.Moment{}), ruleset.Inet, "prerouting")
	if diff := cmp.Diff([]string{
		`counter drop comment "an interface that the policy does not name"`, `goto uplink`,
	}, []string{box[len(box)-1], segments[len(segments)-1]}); diff != "" {
		t.Errorf("an interface without a name (-want +got):\n%s", diff)
	}
	crossings := elements(sets(compile.Ruleset(p, "", policy.Moment{}))["inet crossings"])
	for _, c := range crossings {
		if c == `"lan0" . "wan0"` {
			t.Error("scope segments decides about traffic that touches no governed segment")
		}
	}
	if len(crossings) != 6 {
		t.Errorf("crossings = %q, want cameras, recorders and the office with each other", crossings)
	}
}
