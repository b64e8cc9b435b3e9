package compile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// oneBridge is the school with its cameras and recorders on one bridge: gym at p1, hall at p1 or p2, the recorders at p3 or p4.
func oneBridge() policy.Policy {
	p := school()
	p.Segments[cameras].Ports = []string{"p1", "p2"}
	shared := &p.Segments[recorders]
	shared.Interface, shared.Ports, shared.Addresses = "cam0", []string{"p3", "p4"}, p.Segments[cameras].Addresses
	p.Devices[0].Port = "p1"
	p.Devices[2].Addresses, p.Devices[2].Port = addrs("10.30.0.10", "fd30::10"), "p3"
	p.Devices[3].Addresses = addrs("10.30.0.11")
	return p
}

// onOneBridge are the elements that oneBridge puts into the sets.
func onOneBridge() map[string][]string {
	return map[string][]string{
		"bridge ports":    {`"p1"`, `"p2"`, `"p3"`, `"p4"`},
		"bridge cameras":  {`"p1"`, `"p2"`},
		"bridge observed": nil,
		// The bridge learns from every port, so that a MAC is its device's at all of them.
		"netdev taken": {
			`"p1" . 00:11:32:aa:bb:cc`, `"p1" . 44:19:b6:00:00:01`, `"p1" . 44:19:b6:00:00:02`,
			`"p2" . 00:11:32:aa:bb:cc`, `"p2" . 44:19:b6:00:00:01`, `"p2" . 44:19:b6:00:00:02`,
			`"p3" . 00:11:32:aa:bb:cc`, `"p3" . 44:19:b6:00:00:01`, `"p3" . 44:19:b6:00:00:02`,
			`"p4" . 00:11:32:aa:bb:cc`, `"p4" . 44:19:b6:00:00:01`, `"p4" . 44:19:b6:00:00:02`,
		},
		// nvr-2 has no port of its own, hall neither.
		"bridge paths": {
			`"p1" . "p3" : goto judge`, `"p1" . "p4" : goto judge`, `"p2" . "p3" : goto judge`, `"p2" . "p4" : goto judge`,
			`"p3" . "p1" : goto judge`, `"p3" . "p2" : goto judge`, `"p4" . "p1" : goto judge`, `"p4" . "p2" : goto judge`,
		},
		"bridge devices4": {
			`"p1" . 44:19:b6:00:00:01 . 10.30.0.21`, `"p1" . 44:19:b6:00:00:02 . 10.30.0.22`,
			`"p2" . 44:19:b6:00:00:02 . 10.30.0.22`, `"p3" . 00:11:32:aa:bb:cc . 10.30.0.10`,
		},
		"bridge bare4": {`"p3" . 10.30.0.11`, `"p4" . 10.30.0.11`},
		"bridge flows4": {
			`10.30.0.10 . 10.30.0.21 . tcp . 80`, `10.30.0.10 . 10.30.0.21 . tcp . 554`,
			`10.30.0.10 . 10.30.0.22 . tcp . 80`, `10.30.0.10 . 10.30.0.22 . tcp . 554`,
			`10.30.0.11 . 10.30.0.21 . tcp . 80`, `10.30.0.11 . 10.30.0.21 . tcp . 554`,
			`10.30.0.11 . 10.30.0.22 . tcp . 80`, `10.30.0.11 . 10.30.0.22 . tcp . 554`,
		},
		"bridge flows6":               {`fd30::10 . fd30::21 . tcp . 80`, `fd30::10 . fd30::21 . tcp . 554`},
		"bridge flows4_udp_6100_6299": {`10.30.0.21 . 10.30.0.10`, `10.30.0.22 . 10.30.0.10`},
		"bridge flows6_udp_6100_6299": {`fd30::21 . fd30::10`},
		"bridge themselves6": {
			`0xfd300000000000000000000000000010 . 0xfd300000000000000000000000000010`,
			`0xfd300000000000000000000000000021 . 0xfd300000000000000000000000000021`,
		},
		"inet flows4_udp_6100_6299": nil,
		"inet crossings":            {`"cam0" . "lan0"`, `"lan0" . "cam0"`, `"lan0" . "wan0"`, `"wan0" . "lan0"`},
		"inet bridged":              {`"cam0" . "cam0"`},
		"inet doors":                {`"cam0" : goto camera`, `"lan0" : goto home`, `"lo" : accept`, `"wan0" : goto uplink`},
		"inet stands4": {
			`"cam0" . 10.30.0.0-10.30.0.255`,
			`"lan0" . 10.50.0.0-10.50.0.255`,
			`"lan0" . 172.16.0.0-172.31.255.255`,
		},
		"inet tcpanswers6": {
			`"cam0" . 44:19:b6:00:00:01 . fd30::21 . fd30::10 . 80`,
			`"cam0" . 44:19:b6:00:00:01 . fd30::21 . fd30::10 . 554`,
			`"p1" . 44:19:b6:00:00:01 . fd30::21 . fd30::10 . 80`,
			`"p1" . 44:19:b6:00:00:01 . fd30::21 . fd30::10 . 554`,
		},
		"netdev gateway4": {
			`"cam0" . 10.30.0.1`,
			`"p1" . 10.30.0.1`,
			`"p1" . 10.30.0.10`,
			`"p1" . 10.30.0.11`,
			`"p2" . 10.30.0.1`,
			`"p2" . 10.30.0.10`,
			`"p2" . 10.30.0.11`,
			`"p3" . 10.30.0.1`,
			`"p3" . 10.30.0.21`,
			`"p3" . 10.30.0.22`,
			`"p4" . 10.30.0.1`,
			`"p4" . 10.30.0.21`,
			`"p4" . 10.30.0.22`,
		},
	}
}

func TestWhatStandsInTheBridgesTable(t *testing.T) {
	all := sets(compile.Ruleset(oneBridge(), "", policy.Moment{}))
	for name, want := range onOneBridge() {
		got := elements(all[name])
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"tcpopened4", "udpopened4", "tcpopened6", "udpopened6", "spoken4", "pinged4", "pinged6"} {
		if s := all["bridge "+name]; !s.Dynamic || s.Timeout == 0 || s.Size == 0 || len(s.Elements) > 0 {
			t.Errorf("%s is %+v", name, s)
		}
	}
}

// What is one interface for routing is wanted once, and no way leads from it back to itself.
func TestStateOfASharedBridge(t *testing.T) {
	p := oneBridge()
	s, _ := compile.State(p, "", policy.Moment{})
	count := map[string]int{}
	for _, l := range s.Links {
		count["link "+l.Name]++
	}
	for _, a := range s.Addresses {
		count["address "+a.String()]++
	}
	for _, x := range s.Sysctls {
		count["sysctl "+x.Name]++
	}
	for what, n := range count {
		if n != 1 {
			t.Errorf("%s is wanted %d times", what, n)
		}
	}
	for _, what := range []string{
		"link cam0", "link p1", "link p4", "address 10.30.0.1/24 dev cam0", "sysctl net/ipv6/conf/cam0/disable_ipv6",
	} {
		if count[what] == 0 {
			t.Errorf("%s is not wanted", what)
		}
	}
	tables := map[uint32]int{}
	for _, r := range s.Rules {
		if r.IIF == "cam0" && r.Priority == netstate.PeerPreference {
			tables[r.Table]++
		}
		if r.IIF == "cam0" && r.Table == netstate.CameraTable {
			t.Errorf("the bridge leads to itself: %s", r)
		}
	}
	if len(tables) != 1 {
		t.Errorf("the bridge's own tables: %v", tables)
	}
	for _, r := range s.Routes {
		if tables[r.Table] > 0 && r.Interface == "cam0" {
			t.Errorf("the bridge leads to itself: %s", r)
		}
	}
}

// Of the two ends of what may meet, the recorder's is not isolated; whoever meets nobody is.
func TestIsolatedPorts(t *testing.T) {
	among := func(p *policy.Policy) { // nvr-1 among the cameras
		p.Devices[2].Segment, p.Devices[2].Port = cameras, "p2"
		p.Devices[0].Port, p.Devices[1].Port = "p1", "p1"
		p.Devices[3].Segment, p.Devices[3].Port = cameras, "p2"
	}
	equals := func(p *policy.Policy) {
		p.Devices[1].Port = "p2"
		p.Allows = []policy.Allow{{
			Name: "call", From: []policy.Endpoint{device("camera.gym", 0)}, To: []policy.Endpoint{device("camera.hall", 1)},
			Services: []policy.Service{tcp("rtsp", 554)}, Origin: at(60),
		}}
	}
	cases := []struct {
		name   string
		change func(p *policy.Policy)
		want   []string
	}{
		{"recorders beside cameras", func(*policy.Policy) {}, []string{"p1", "p2"}},
		{"a recorder that stands nowhere else", func(p *policy.Policy) { p.Devices[3].Port = "p3" }, []string{"p1", "p2", "p4"}},
		{"no allow", func(p *policy.Policy) { p.Allows = nil }, []string{"p1", "p2", "p3", "p4"}},
		{"among the cameras", among, []string{"p1", "p3", "p4"}},
		{"between cameras", equals, []string{"p1", "p3", "p4"}},
		{"observed", func(p *policy.Policy) {
			p.Segments[cameras].Mode, p.Segments[recorders].Mode = policy.Observe, policy.Observe
		}, nil},
	}
	for _, c := range cases {
		p := oneBridge()
		c.change(&p)
		s, _ := compile.State(p, "", policy.Moment{})
		var got []string
		for _, l := range s.Links {
			if l.Isolated {
				got = append(got, l.Name)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// What is open for a time stands in the bridge's table with its end, and its pairs of ports and neighbours while it is shut, too.
func TestLimitedOnABridge(t *testing.T) {
	p := oneBridge()
	p.Allows = nil
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	p.Exceptions = []policy.Exception{{
		Name: "visit", From: []policy.Endpoint{device("camera.gym", 0)}, To: []policy.Endpoint{device("recorder.nvr-1", 2)},
		Services: []policy.Service{tcp("https", 443), {Name: "ping", Ping: true}}, Until: now.Add(time.Hour), Origin: at(60),
	}}
	for _, trusted := range []bool{true, false} {
		r := compile.Ruleset(p, "", policy.Moment{Time: now, Trusted: trusted})
		all := sets(r)
		want := map[string][]string{
			"bridge live4":            {`10.30.0.21 . 10.30.0.10 . tcp . 443 timeout 3600s`},
			"bridge live6":            {`fd30::21 . fd30::10 . tcp . 443 timeout 3600s`},
			"bridge live4_ping":       {`10.30.0.21 . 10.30.0.10 timeout 3600s`},
			"bridge livequoted4":      {`10.30.0.21 . 10.30.0.10 . 6 . 443 timeout 3600s`},
			"bridge livequoted4_ping": {`10.30.0.21 . 10.30.0.10 timeout 3600s`},
			"inet live4":              {`10.30.0.21 . 10.30.0.10 . tcp . 443 timeout 3600s`},
		}
		for name, elementsOpen := range want {
			if _, there := all[name]; !there {
				t.Errorf("no set %s", name)
			}
			if !trusted {
				elementsOpen = nil
			}
			if diff := cmp.Diff(elementsOpen, elements(all[name])); diff != "" {
				t.Errorf("trusted %t, %s (-want +got):\n%s", trusted, name, diff)
			}
		}
		if got := elements(all["bridge paths"]); !slices.Equal(got, []string{`"p1" . "p3" : goto judge`, `"p3" . "p1" : goto judge`}) {
			t.Errorf("trusted %t: paths %v", trusted, got)
		}
		if got := elements(all["inet livecrossings"]); len(got) > 0 {
			t.Errorf("trusted %t: it is routed, too: %v", trusted, got)
		}
		opens := rules(t, r, ruleset.Bridge, "open4")
		if !slices.Contains(opens, "ip saddr . ip daddr . meta l4proto . th dport @live4 goto note4") {
			t.Errorf("open4 is %q", opens)
		}
	}
}

// A bridge whose ports meet nobody has the chains that refuse and no more.
func TestABridgeWithoutMeetings(t *testing.T) {
	p := school()
	p.Segments[cameras].Ports = []string{"p1", "p2"}
	r := compile.Ruleset(p, "", policy.Moment{})
	got := rules(t, r, ruleset.Bridge, "forward")
	want := []string{"iifname @ports goto refuse", "oifname @ports goto refuse", `accept comment "another bridge"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, table := range compile.Ruleset(school(), "", policy.Moment{}).Tables {
		if table.Family == ruleset.Bridge {
			t.Error("control: a site without a bridge has the table")
		}
	}
}
