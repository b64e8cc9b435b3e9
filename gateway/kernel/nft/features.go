package nft

import (
	"context"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// Feature is something that our rules need of a kernel, and whether this one has it.
type Feature struct {
	Name string
	OK   bool
	Err  error // why not
}

// scratch is the table in which features are tried. No transaction that makes it ever ends.
const scratch = "cordon_probe"

// Features tries what our rules need, each in a table that the kernel checks and never puts into force. It needs the rights that a
// change needs; without them every feature carries EPERM.
func (c *Conn) Features(ctx context.Context) ([]Feature, error) {
	list := make([]Feature, 0, len(trials()))
	for _, t := range trials() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := wire.NewBatch(0)
		for _, table := range wire.Of(ruleset.Ruleset{Tables: []ruleset.Table{t.table}}) {
			b.Add(&table)
		}
		err := c.Check(ctx, b)
		list = append(list, Feature{t.name, err == nil, err})
	}
	return list, nil
}

// trial is a table that only a kernel with the feature takes.
type trial struct {
	name  string
	table ruleset.Table
}

func trials() []trial {
	const inet, netdev, bridge = ruleset.Inet, ruleset.Netdev, ruleset.Bridge
	iif, source := ruleset.IIFName, ruleset.IPSource
	ingress := ruleset.Hook{Point: ruleset.Ingress, Devices: []string{"lo"}}

	prerouting := ruleset.Hook{Point: ruleset.Prerouting, Priority: -300}
	limit := []ruleset.Statement{ruleset.Limit{Rate: 1, Burst: 1}}
	return []trial{
		{"inet ingress hook", tried(inet, &ingress)},
		{"netdev ingress hook", tried(netdev, &ingress)},
		{"netdev egress hook", tried(netdev, &ruleset.Hook{Point: ruleset.Egress, Devices: []string{"lo"}})},
		{"bridge forward hook", tried(bridge, &ruleset.Hook{Point: ruleset.Forward})},
		{"intervals in concatenations", asked(ruleset.Set{Key: []ruleset.Field{iif, source}, Size: 64, Interval: true, Timed: true})},
		{"verdict maps", asked(ruleset.Set{Key: []ruleset.Field{iif}, Size: 64, Verdicts: true})},
		{"dynamic sets with limit", asked(
			ruleset.Set{Key: []ruleset.Field{source}, Size: 64, Dynamic: true, Timeout: 60},
			ruleset.Update{Fields: []ruleset.Field{source}, Set: "s", Refresh: true, Statements: limit},
		)},
		{"dynamic sets that count flows", asked(
			ruleset.Set{Key: []ruleset.Field{source}, Size: 64, Dynamic: true},
			ruleset.Update{Fields: []ruleset.Field{source}, Set: "s", Statements: []ruleset.Statement{ruleset.Flows{Most: 1}}},
		)},
		{"counters in sets", asked(ruleset.Set{Key: []ruleset.Field{source}, Size: 64, Counted: true})},
		{"reject at ingress", tried(inet, &ingress, ruleset.Reject{})},
		{"notrack", tried(inet, &prerouting, ruleset.Notrack{})},
		{"ct direction", tried(inet, nil, ruleset.Compare{Field: ruleset.CTDirection, Values: []string{"\x00"}})},
		{"ct original address", tried(inet, nil, ruleset.In{Fields: []ruleset.Field{ruleset.CTOriginalSource}, Set: "s"})},
		{"interface groups", tried(inet, nil, ruleset.Compare{Field: ruleset.IIFGroup, Values: []string{ruleset.Word(1)}})},
		{"kinds of addresses", tried(inet, nil, ruleset.Compare{Field: ruleset.SourceKind, Values: []string{ruleset.Word(ruleset.KindLocal)}})},
		{"masquerade", tried(inet, &ruleset.Hook{NAT: true, Point: ruleset.Postrouting, Priority: 100}, ruleset.Masquerade{})},
		{"log", tried(inet, &ingress, ruleset.Log{Group: 30, SnapLen: 128, Prefix: "probe"})},
	}
}

// tried returns a table with one chain of one rule, and a set of addresses that the rule may ask.
func tried(family ruleset.Family, hook *ruleset.Hook, statements ...ruleset.Statement) ruleset.Table {
	t := ruleset.Table{Family: family, Name: scratch}
	t.Sets = []ruleset.Set{{Name: "s", Key: []ruleset.Field{ruleset.IPSource}, Size: 64}}
	t.Chains = []ruleset.Chain{{Name: "c", Hook: hook, Rules: []ruleset.Rule{{Statements: append(statements, ruleset.Counter{})}}}}
	return t
}

// asked returns a table with a set and a rule that looks into it, or that consists of the statements given.
func asked(s ruleset.Set, statements ...ruleset.Statement) ruleset.Table {
	s.Name = "s"
	if len(statements) == 0 {
		statements = []ruleset.Statement{ruleset.In{Fields: s.Key, Set: s.Name}}
		if s.Verdicts {
			statements = []ruleset.Statement{ruleset.Dispatch{Fields: s.Key, Map: s.Name}}
		}
	}
	t := tried(ruleset.Inet, nil, statements...)
	t.Sets = []ruleset.Set{s}
	return t
}
