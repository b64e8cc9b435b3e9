package compile_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// texts returns objects in the words of ip(8), sorted.
func texts[T interface{ String() string }](objects []T, wanted func(T) bool) []string {
	var list []string
	for _, o := range objects {
		if wanted(o) {
			list = append(list, o.String())
		}
	}
	slices.Sort(list)
	return list
}

func TestJail(t *testing.T) {
	s, _ := compile.State(school(), "", policy.Moment{})
	v4 := func(r netstate.Rule) bool { return r.Family == netstate.IPv4 }
	rules := texts(s.Rules, v4)
	// The numbers of the peers' tables follow from the interfaces' names.
	tables := map[string]string{}
	for _, r := range s.Rules {
		if v4(r) && r.Priority == netstate.PeerPreference {
			tables[r.IIF] = strings.Fields(r.String())[len(strings.Fields(r.String()))-1]
		}
	}
	if len(tables) != 2 || tables["cam0"] == tables["rec0"] {
		t.Fatalf("the governed interfaces have the tables %v", tables)
	}
	want := []string{
		"pref 875 from 10.30.0.0/24 iif cam0 fwmark 0x434f5245 ipproto icmp lookup 254",
		"pref 875 from 10.40.0.0/24 iif rec0 fwmark 0x434f5245 ipproto icmp lookup 254",
		"pref 875 from all to 10.30.0.0/24 iif lan0 fwmark 0x434f5245 ipproto icmp lookup 881",
		"pref 875 from all to 10.40.0.0/24 iif lan0 fwmark 0x434f5245 ipproto icmp lookup 881",
		"pref 879 from 10.50.0.0/24 to 10.40.0.0/24 iif lan0 lookup 881",
		"pref 879 from 10.50.0.0/28 to 10.30.0.0/24 iif lan0 lookup 881",
		"pref 879 from 10.50.0.9 to 10.30.0.0/24 iif lan0 lookup 881",
		"pref 879 from 172.16.0.0/12 to 10.40.0.0/24 iif lan0 lookup 881",
		"pref 879 from all iif lo lookup 881",
		"pref 880 from all iif cam0 lookup " + tables["cam0"],
		"pref 880 from all iif rec0 lookup " + tables["rec0"],
		"pref 881 from all lookup 883",
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	ways := texts(s.Routes, func(r netstate.Route) bool {
		return r.Family() == netstate.IPv4 && r.Opens() && r.Table >= netstate.FirstPeerTable
	})
	short := strings.NewReplacer(" table "+tables["cam0"], " of cam0", " table "+tables["rec0"], " of rec0", " proto 67", "")
	for i := range ways {
		ways[i] = short.Replace(ways[i])
	}
	want = []string{
		"10.30.0.0/24 dev cam0 of rec0",
		"10.40.0.10 dev rec0 of cam0",
		"10.40.0.11 dev rec0 of cam0",
		"10.50.0.0/24 dev lan0 of rec0",
		"10.50.0.0/28 dev lan0 of cam0",
		"172.16.0.0/12 via 10.50.0.254 dev lan0 of rec0",
	}
	if diff := cmp.Diff(want, ways); diff != "" {
		t.Errorf("ways to peers (-want +got):\n%s", diff)
	}
}

// TestJailThroughUplink holds that an allow through an uplink opens exactly its service in the second lock, both ways, and no more.
func TestJailThroughUplink(t *testing.T) {
	p := school()
	p.Allows = append(p.Allows, policy.Allow{
		Name: "cloud", From: []policy.Endpoint{{Name: "camera.gym", Devices: []policy.DeviceID{0}}},
		To: []policy.Endpoint{{
			Kind: policy.NetworkEndpoint, Name: "198.51.100.7", Segments: []policy.SegmentID{3},
			Network: netip.MustParsePrefix("198.51.100.7/32"),
		}},
		Services: []policy.Service{
			{Name: "https", Ports: []policy.Ports{{Protocol: policy.TCP, First: 443, Last: 443}}},
			{Name: "media", Ports: []policy.Ports{{Protocol: policy.UDP, First: 40000, Last: 65535}}},
		},
	})
	s, _ := compile.State(p, "", policy.Moment{})
	got := texts(s.Rules, func(r netstate.Rule) bool { return r.Priority == netstate.ExceptionPreference })
	want := []string{
		"pref 877 from 10.30.0.0/24 iif cam0 fwmark 0x434f5245 ipproto icmp lookup 254",
		"pref 877 from 10.30.0.0/24 to 198.51.100.7 iif cam0 ipproto tcp dport 443 lookup 254",
		"pref 877 from 10.30.0.0/24 to 198.51.100.7 iif cam0 ipproto udp lookup 254",
		"pref 877 from 198.51.100.7 to 10.30.0.0/24 iif wan0 ipproto tcp sport 443 lookup 881",
		"pref 877 from 198.51.100.7 to 10.30.0.0/24 iif wan0 ipproto udp lookup 881",
		"pref 877 from all to 10.30.0.0/24 iif wan0 fwmark 0x434f5245 ipproto icmp lookup 881",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMachine(t *testing.T) {
	s, _ := compile.State(school(), "", policy.Moment{})
	all := func(netstate.Neighbour) bool { return true }
	want := []string{
		"10.30.0.21 lladdr 44:19:b6:00:00:01 dev cam0", "10.30.0.22 lladdr 44:19:b6:00:00:02 dev cam0",
		"10.40.0.10 lladdr 00:11:32:aa:bb:cc dev rec0", "10.50.0.9 lladdr 3c:52:82:00:00:09 dev lan0",
		"fd30::21 lladdr 44:19:b6:00:00:01 dev cam0", "fd40::10 lladdr 00:11:32:aa:bb:cc dev rec0",
		"fe80::211:32ff:feaa:bbcc lladdr 00:11:32:aa:bb:cc dev rec0", "fe80::4619:b6ff:fe00:1 lladdr 44:19:b6:00:00:01 dev cam0",
		"fe80::4619:b6ff:fe00:2 lladdr 44:19:b6:00:00:02 dev cam0",
	}
	if diff := cmp.Diff(want, texts(s.Neighbours, all)); diff != "" {
		t.Errorf("neighbours (-want +got):\n%s", diff)
	}
	governed := map[string]bool{}
	for _, l := range s.Links {
		governed[l.Name] = l.Governed()
	}
	if diff := cmp.Diff(map[string]bool{"cam0": true, "rec0": true, "lan0": false, "wan0": false}, governed); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// TestSettings holds which interfaces' settings are touched: in scope "segments" only those of governed ones.
func TestSettings(t *testing.T) {
	value := func(p policy.Policy, name string) string {
		s, _ := compile.State(p, "", policy.Moment{})
		for _, v := range s.Sysctls {
			if v.Name == name {
				return v.Value
			}
		}
		return "untouched"
	}
	box, segments, old, silent := school(), school(), school(), school()
	silent.Segments[0].Refuse, silent.Segments[1].Refuse = policy.RefuseDrop, policy.RefuseDrop
	segments.Site.Scope = policy.ScopeSegments
	for i := range old.Segments {
		is6 := func(a netip.Prefix) bool { return a.Addr().Is6() }
		old.Segments[i].Addresses = slices.DeleteFunc(slices.Clone(old.Segments[i].Addresses), is6)
	}
	for _, c := range []struct {
		name   string
		policy policy.Policy
		want   string
	}{
		{"net/ipv4/conf/cam0/rp_filter", box, "1"},
		{"net/ipv4/conf/wan0/rp_filter", box, "1"},
		{"net/ipv4/conf/all/rp_filter", box, "1"},
		{"net/ipv4/conf/cam0/rp_filter", segments, "1"},
		{"net/ipv4/conf/wan0/rp_filter", segments, "untouched"},
		{"net/ipv4/conf/all/rp_filter", segments, "untouched"},
		{"net/ipv6/conf/cam0/disable_ipv6", box, "0"},
		{"net/ipv6/conf/cam0/disable_ipv6", old, "1"},
		{"net/ipv6/conf/cam0/accept_ra", box, "0"},
		{"net/ipv4/icmp_ratemask", box, "6160"},
		{"net/ipv4/icmp_ratemask", silent, "untouched"},
		{"net/ipv4/ip_forward", box, "1"},
		{"net/ipv6/conf/all/forwarding", box, "1"},
		{"net/ipv6/conf/all/forwarding", old, "0"},
	} {
		if got := value(c.policy, c.name); got != c.want {
			t.Errorf("%s in scope %d is %s, want %s", c.name, c.policy.Site.Scope, got, c.want)
		}
	}
}

// TestStrict holds that whatever a governed interface is given is read from every governed interface, so that it can be given back; what
// other interfaces are given is not.
func TestStrict(t *testing.T) {
	strict, used := map[string]bool{}, map[string]bool{}
	for _, name := range compile.Strict() {
		strict[name] = true
	}
	for _, scope := range []policy.Scope{policy.ScopeBox, policy.ScopeSegments} {
		p := school()
		p.Site.Scope = scope
		s, _ := compile.State(p, "", policy.Moment{})
		for _, l := range s.Links {
			if !l.Governed() {
				continue
			}
			for _, v := range s.Sysctls {
				before, after, on := strings.Cut(v.Name, "/"+l.Name+"/")
				every := before + "/" + netstate.EveryGoverned + "/" + after
				if on && !strict[every] {
					t.Errorf("%s is set and never given back", v.Name)
				}
				used[every] = used[every] || on
			}
		}
	}
	for name := range strict {
		if !used[name] && !strings.HasSuffix(name, "/src_valid_mark") { // with an uplink only
			t.Errorf("%s is given back and never set", name)
		}
	}
	if len(strict) < 20 {
		t.Errorf("%d settings", len(strict))
	}
}
