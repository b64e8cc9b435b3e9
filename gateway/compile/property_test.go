package compile_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// network is a network that an allow names, which a segment owns.
func network(network string, id policy.SegmentID) policy.Endpoint {
	return policy.Endpoint{
		Kind: policy.NetworkEndpoint, Name: network, Segments: []policy.SegmentID{id}, Network: netip.MustParsePrefix(network),
	}
}

// ends are what the allows of a random policy name. The first one is every camera.
func ends() []policy.Endpoint {
	return []policy.Endpoint{
		device("segment.cameras", 0, 1), device("camera.gym", 0), device("camera.hall", 1), device("recorder.nvr-1", 2),
		device("recorder.nvr-2", 3), device("segment.recorders", 2, 3), device("host.jump", 4), segment("segment.office", office),
		segment("segment.internet", internet), network("10.50.0.0/28", office), network("172.16.0.0/16", office),
		network("198.51.100.0/24", internet), network("198.51.100.7/32", internet),
	}
}

// drawAllows draws allows of every shape.
func drawAllows(t *rapid.T) []policy.Allow {
	media := policy.Service{Name: "media", Ports: []policy.Ports{{Protocol: policy.UDP, First: 6100, Last: 6299}}}
	several := policy.Service{Name: "several", Ports: []policy.Ports{
		{Protocol: policy.UDP, First: 161, Last: 161}, {Protocol: policy.TCP, First: 8000, Last: 8010},
	}}
	services := []policy.Service{
		tcp("rtsp", 554), tcp("https", 443), media, several, {Name: "ping", Ping: true}, {Name: "any", Any: true},
	}
	list := make([]policy.Allow, rapid.IntRange(1, 6).Draw(t, "allows"))
	for i := range list {
		list[i] = policy.Allow{
			Name: fmt.Sprintf("a%d", i), Origin: at(100 + 6*i),
			From:     rapid.SliceOfN(rapid.SampledFrom(ends()), 1, 2).Draw(t, "from"),
			To:       rapid.SliceOfN(rapid.SampledFrom(ends()), 1, 2).Draw(t, "to"),
			Services: rapid.SliceOfN(rapid.SampledFrom(services), 1, 3).Draw(t, "services"),
		}
	}
	return list
}

// drawSchool draws the school with other allows, in either scope.
func drawSchool(t *rapid.T) policy.Policy {
	p := school()
	p.Allows = drawAllows(t)
	p.Site.Scope = rapid.SampledFrom([]policy.Scope{policy.ScopeBox, policy.ScopeSegments}).Draw(t, "scope")
	return p
}

// holding is what sets hold, as text without the places that elements carry.
type holding map[string]map[string]bool

// holdings returns what the sets of some ruleset hold. Intervals are left out of it where they are not asked for: one network inside
// another one is left out there.
func holdings(r ruleset.Ruleset, intervals bool) holding {
	h := holding{}
	for name, s := range sets(r) {
		if s.Interval && !intervals {
			continue
		}
		h[name] = map[string]bool{}
		for _, e := range elements(s) {
			h[name][e] = true
		}
	}
	return h
}

// chains returns the chains of a ruleset as text, and the declarations of its sets, without places and sizes. What only remembers the
// policy is left out.
func chains(r ruleset.Ruleset) map[string][]string {
	all := map[string][]string{}
	for _, table := range r.Tables {
		for _, c := range table.Chains {
			if c.Name == "origins" {
				continue
			}
			texts := []string{""}
			if h := c.Hook; h != nil {
				texts[0] = fmt.Sprint(h.NAT, h.Point, h.Priority, h.Drop, slices.Sorted(slices.Values(h.Devices)))
			}
			for _, rule := range c.Rules {
				texts = append(texts, rule.String())
			}
			all[table.Family.String()+" chain "+c.Name] = texts
		}
		for _, s := range table.Sets {
			s.Elements, s.Size = nil, 0
			all[table.Family.String()+" set "+s.Name] = []string{fmt.Sprintf("%+v", s)}
		}
	}
	return all
}

// missing returns the elements of one holding that another one does not have.
func (h holding) missing(from holding) []string {
	var list []string
	for name, held := range h {
		for e := range held {
			if !from[name][e] {
				list = append(list, name+" "+e)
			}
		}
	}
	return list
}

// A camera more adds elements to sets, and changes no rule and no set: the kernel is told no more than that, however many there are.
func TestACameraAddsElementsOnly(t *testing.T) {
	most := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawSchool(t)
		before := compile.Ruleset(p, "", policy.Moment{})
		camera := policy.Device{Kind: policy.Camera, Name: "new", Segment: cameras, MAC: mac("44:19:b6:00:00:77"), Origin: at(400)}
		camera.Addresses = rapid.SampledFrom([][]netip.Addr{
			addrs("10.30.0.77"), addrs("fd30::77"), addrs("10.30.0.77", "fd30::77"),
		}).Draw(t, "addresses")
		p.Devices = append(slices.Clone(p.Devices), camera)
		for i := range p.Allows {
			for _, list := range [][]policy.Endpoint{p.Allows[i].From, p.Allows[i].To} {
				for j := range list {
					if list[j].Name == "segment.cameras" {
						list[j].Devices = []policy.DeviceID{0, 1, 5}
					}
				}
			}
		}
		after := compile.Ruleset(p, "", policy.Moment{})
		if diff := cmp.Diff(chains(before), chains(after)); diff != "" {
			t.Errorf("rules and sets (-before +after):\n%s", diff)
		}
		if gone := holdings(before, true).missing(holdings(after, true)); len(gone) > 0 {
			t.Errorf("the camera takes away %v", gone)
		}
		more := holdings(after, true).missing(holdings(before, true))
		if len(more) == 0 {
			t.Error("control: the camera adds nothing")
		}
		for _, e := range more {
			if !strings.Contains(e, "30.0.77") && !strings.Contains(e, "30::77") && !strings.Contains(strings.ToLower(e), "00:00:77") &&
				!strings.Contains(e, "::4619:b6ff:fe00:77") {
				t.Errorf("the camera adds what is not its own: %s", e)
			}
		}
		most = max(most, len(more))
	})
	if most < 12 {
		t.Errorf("no camera adds more than %d elements", most)
	}
}

// Allows add up: what several of them put into sets is what each of them puts there alone, so that one that is removed takes its own
// elements along and nobody else's. Ranges are compared in another way: one inside another is left out.
func TestAllowsAddUp(t *testing.T) {
	shared, whole := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawSchool(t)
		all := holdings(compile.Ruleset(p, "", policy.Moment{}), false)
		sum, parts := holding{}, 0
		for _, a := range p.Allows {
			alone := p
			alone.Allows = []policy.Allow{a}
			one := holdings(compile.Ruleset(alone, "", policy.Moment{}), false)
			for name, held := range one {
				if sum[name] == nil {
					sum[name] = map[string]bool{}
				}
				for e := range held {
					sum[name][e] = true
					parts++
				}
			}
		}
		if gone := sum.missing(all); len(gone) > 0 {
			t.Errorf("together they lose %v", gone)
		}
		if more := all.missing(sum); len(more) > 0 {
			t.Errorf("together they open %v", more)
		}
		none := p
		none.Allows = nil
		opened := all.missing(holdings(compile.Ruleset(none, "", policy.Moment{}), false))
		whole = max(whole, len(opened))
		if len(opened) > 0 && parts > len(opened) {
			shared++
		}
	})
	if whole < 30 || shared < 10 {
		t.Errorf("at most %d elements of allows; %d policies with several", whole, shared)
	}
}

// The order of blocks never matters: neither to the packet filter nor to routing, settings and neighbours.
func TestOrderOfBlocksNeverMatters(t *testing.T) {
	moved := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawSchool(t)
		q := shuffled(t, p)
		if p.Segments[0].Name != q.Segments[0].Name || p.Devices[0].Name != q.Devices[0].Name {
			moved++
		}
		one, first := compile.State(p, "", policy.Moment{})
		two, second := compile.State(q, "", policy.Moment{})
		if diff := cmp.Diff(chains(first), chains(second)); diff != "" {
			t.Errorf("rules and sets:\n%s", diff)
		}
		if lost, more := holdings(first, true).missing(holdings(second, true)), holdings(second, true).missing(holdings(first, true)); len(lost)+
			len(more) > 0 {
			t.Errorf("elements: lost %v, more %v", lost, more)
		}
		for _, s := range []*netstate.State{&one, &two} {
			s.Tables = nil
		}
		if diff := cmp.Diff(one, two, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("the machine:\n%s", diff)
		}
	})
	if moved < 20 {
		t.Errorf("%d policies in another order", moved)
	}
}

// shuffled returns a policy with its blocks in another order, and every reference led to where its block stands now.
func shuffled(t *rapid.T, p policy.Policy) policy.Policy {
	segmentsAt := rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "segments")
	devicesAt := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "devices")
	q := p
	q.Segments, q.Devices = make([]policy.Segment, 4), make([]policy.Device, 5)
	lead := func(ids []policy.SegmentID) []policy.SegmentID {
		var list []policy.SegmentID
		for _, id := range ids {
			list = append(list, policy.SegmentID(segmentsAt[id]))
		}
		return list
	}
	for i, s := range p.Segments {
		s.Masquerade = lead(s.Masquerade)
		q.Segments[segmentsAt[i]] = s
	}
	for i, d := range p.Devices {
		d.Segment = policy.SegmentID(segmentsAt[d.Segment])
		q.Devices[devicesAt[i]] = d
	}
	again := func(list []policy.Endpoint) []policy.Endpoint {
		list = rapid.Permutation(list).Draw(t, "ends")
		for i := range list {
			list[i].Segments = lead(list[i].Segments)
			var ids []policy.DeviceID
			for _, id := range list[i].Devices {
				ids = append(ids, policy.DeviceID(devicesAt[id]))
			}
			list[i].Devices = ids
		}
		return list
	}
	q.Allows = rapid.Permutation(p.Allows).Draw(t, "order")
	for i := range q.Allows {
		a := &q.Allows[i]
		a.From, a.To, a.Services = again(a.From), again(a.To), rapid.Permutation(a.Services).Draw(t, "services")
	}
	q.Manage = slices.Clone(p.Manage)
	for i := range q.Manage {
		q.Manage[i].From = again(q.Manage[i].From)
	}
	return q
}
