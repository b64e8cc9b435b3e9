package nft_test

import (
	"net/netip"
	"reflect"
	"testing"

	"cordon/gateway/plan"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// The kernel takes every change of a set of ranges, from any to any: ranges that go, come, grow, shrink and touch.
func TestRangesChange(t *testing.T) {
	c := open(t)
	contents := [][]string{
		{},
		{"10.1.1.0/24"},
		{"10.1.1.0/25"},
		{"10.1.1.0/24", "10.2.2.0/24"},
		{"10.1.1.0/24", "10.1.2.0/24"},
		{"10.1.1.128/25", "10.1.3.0/24", "10.2.2.0/24"},
		{"10.3.3.0/24", "10.4.4.0/24"},
		{"0.0.0.0/8", "10.4.4.0/24", "192.0.0.0/2"},
		{"0.0.0.0/0"},
	}
	changes := 0
	for _, from := range contents {
		for _, to := range contents {
			wipe(t, c)
			if err := c.Commit(t.Context(), plan.TablesBetween(nil, ranges(from), 0).Batch); err != nil {
				t.Fatalf("%v: %v", from, err)
			}
			r := read(t, c)
			if err := c.Commit(t.Context(), plan.TablesBetween(r.Ours, ranges(to), r.Generation).Batch); err != nil {
				t.Errorf("%v → %v: %v", from, to, err)
				continue
			}
			got, want := wire.Stable(read(t, c).Ours)[0].Sets[0].Elements, wire.Stable(ranges(to))[0].Sets[0].Elements
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v → %v: the kernel holds %+v", from, to, got)
			}
			changes++
		}
	}
	if changes != len(contents)*len(contents) {
		t.Errorf("%d changes", changes)
	}
}

// ranges returns our table with one set that holds prefixes.
func ranges(prefixes []string) []wire.Table {
	set := ruleset.Set{Name: "networks", Key: []ruleset.Field{ruleset.IPSource}, Interval: true, Size: 64}
	for _, text := range prefixes {
		p := netip.MustParsePrefix(text)
		last := p.Addr().As4()
		for bit := p.Bits(); bit < 32; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		set.Elements = append(set.Elements, ruleset.Element{Key: ruleset.Addr(p.Addr()), End: ruleset.Addr(netip.AddrFrom4(last))})
	}
	return wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: "cordon", Sets: []ruleset.Set{set}}}})
}
