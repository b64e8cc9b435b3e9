package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/policy"
)

// live is a set of tables as compile writes them: an allow and an exception, whose elements have so many seconds left; 0 is shut.
func live(clean, firmware int) []wire.Table {
	set := ruleset.Set{Name: "live4", Key: []ruleset.Field{ruleset.IPSource}, Timed: true, Size: 64}
	for i, left := range []int{clean, firmware} {
		if left > 0 {
			set.Elements = append(set.Elements, ruleset.Element{
				Key: string([]byte{10, 0, 0, byte(i + 1)}), Timeout: left, Comment: fmt.Sprintf("f0:%d", 10*(i+1)),
			})
		}
	}
	memo := ruleset.Chain{Name: "origins"}
	for _, line := range []string{"f0 site.hcl", "f0:10 allow 00000001 clean", "f0:20 exception 00000002 firmware"} {
		memo.Rules = append(memo.Rules, ruleset.Rule{
			Comment: line, Statements: []ruleset.Statement{ruleset.Verdict{Kind: ruleset.ReturnPacket}},
		})
	}
	return wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{
		Family: ruleset.Inet, Name: "cordon", Sets: []ruleset.Set{set}, Chains: []ruleset.Chain{memo},
	}}})
}

// aged returns tables as the kernel lists them some milliseconds later: elements keep the time that they began with, and have less left.
func aged(tables []wire.Table, passed uint64) []wire.Table {
	for i := range tables {
		for j := range tables[i].Sets {
			for k := range tables[i].Sets[j].Elements {
				e := &tables[i].Sets[j].Elements[k]
				e.Expiration = e.Timeout - passed
			}
		}
	}
	return tables
}

// TestWindows holds what a plan says when only the hour has changed.
func TestWindows(t *testing.T) {
	cases := []struct {
		name         string
		live, wanted []wire.Table
		want         string
	}{
		{"nothing", aged(live(60, 0), 0), live(60, 0), ""},
		{"time passes on both", aged(live(60, 60), 20_000), live(40, 40), ""},
		{"read a little later", aged(live(60, 60), 22_500), live(40, 40), ""},
		{"one opens", aged(live(0, 60), 0), live(60, 60), "allow clean opens site.hcl:10"},
		{"one closes", aged(live(60, 60), 0), live(60, 0), "exception firmware closes site.hcl:20"},
		{"one is longer", aged(live(60, 60), 0), live(60, 600), "exception firmware moves site.hcl:20"},
		{"one is shorter", aged(live(600, 60), 0), live(60, 60), "allow clean moves site.hcl:10"},
		{"both", aged(live(0, 60), 0), live(60, 0), "allow clean opens site.hcl:10, exception firmware closes site.hcl:20"},
	}
	for _, c := range cases {
		p := plan.Between(policy.Policy{}, netstate.State{Tables: c.live}, netstate.State{Tables: c.wanted}, 1)
		var got []string
		for _, change := range p.Changes {
			got = append(got, fmt.Sprintf("%s %s %s %s", change.Kind, change.Name, change.Window, change.Origin))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if (len(got) == 0) != p.Tables.Empty() {
			t.Errorf("%s: %d changes, and the transaction is empty: %t", c.name, len(got), p.Tables.Empty())
		}
		if p.Turned() == p.Tables.Empty() {
			t.Errorf("%s: it is the hour's doing: %t", c.name, p.Turned())
		}
	}
}

// TestDamageIsNotTheHour holds that what somebody broke is not called the hour's, also where the hour changes something beside it.
func TestDamageIsNotTheHour(t *testing.T) {
	with := func(tables []wire.Table, elements int, rules int) []wire.Table {
		flows := ruleset.Set{Name: "flows4", Key: []ruleset.Field{ruleset.IPSource}, Size: 64}
		for i := range elements {
			flows.Elements = append(flows.Elements, ruleset.Element{Key: string([]byte{10, 0, 1, byte(i)})})
		}
		forward := ruleset.Chain{Name: "forward"}
		for range rules {
			forward.Rules = append(forward.Rules, ruleset.Rule{Statements: []ruleset.Statement{ruleset.Verdict{Kind: ruleset.DropPacket}}})
		}
		more := wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{{
			Family: ruleset.Inet, Name: "cordon", Sets: []ruleset.Set{flows}, Chains: []ruleset.Chain{forward},
		}}})
		tables[0].Sets = append(tables[0].Sets, more[0].Sets...)
		tables[0].Chains = append(tables[0].Chains, more[0].Chains...)
		return tables
	}
	for _, c := range []struct {
		name   string
		live   []wire.Table
		turned bool
	}{
		{"the hour alone", with(aged(live(0, 60), 0), 2, 1), true},
		{"an element is gone", with(aged(live(60, 60), 0), 1, 1), false},
		{"an element is gone at the hour", with(aged(live(0, 60), 0), 1, 1), false},
		{"a rule is gone at the hour", with(aged(live(0, 60), 0), 2, 0), false},
		{"a table is gone", nil, false},
		{"nothing", with(aged(live(60, 60), 0), 2, 1), false},
	} {
		p := plan.Needed(netstate.State{Tables: c.live}, netstate.State{Tables: with(live(60, 60), 2, 1)}, 1)
		if p.Turned() != c.turned {
			t.Errorf("%s: it is the hour's doing: %t", c.name, p.Turned())
		}
	}
}
