package plan

import (
	"slices"
	"strings"

	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/policy"
)

// Plan is everything that has to happen, in the order in which it happens.
type Plan struct {
	Changes []Change
	Tables
	Network

	before, after []wire.Table
	live          netstate.State
}

// Restore returns the transaction that takes the packet filter back to what it was before the plan. It is bound to no generation: by
// then the plan itself has made another.
func (p Plan) Restore() *wire.Batch { return p.RestoreFrom(p.after) }

// RestoreFrom is Restore where the packet filter holds something else than the plan made.
func (p Plan) RestoreFrom(now []wire.Table) *wire.Batch {
	return TablesBetween(now, restored(p.before), 0).Batch
}

// restored returns tables whose elements have the time that they had left when they were read, not that which they began with.
func restored(tables []wire.Table) []wire.Table {
	tables = slices.Clone(tables)
	for i := range tables {
		tables[i].Sets = slices.Clone(tables[i].Sets)
		for j := range tables[i].Sets {
			s := &tables[i].Sets[j]
			s.Elements = slices.Clone(s.Elements)
			for k := range s.Elements {
				if s.Elements[k].Timeout != 0 {
					s.Elements[k].Timeout = max(1, s.Elements[k].Expiration)
				}
			}
		}
	}
	return tables
}

// Between returns the plan from the live state to the wanted one. The policy gives names their details; generation is the one that
// the live tables were read at.
func Between(p policy.Policy, live, wanted netstate.State, generation uint32) Plan {
	result := Needed(live, wanted, generation)
	result.Changes = result.Described(p)
	return result
}

// Needed is Between without the sentences, which take as long as all the rest and are of no use to a machine.
func Needed(live, wanted netstate.State, generation uint32) Plan {
	network := NetworkBetween(live, wanted)
	wanted.Tables, network.Absent = bound(live, wanted.Tables, network)
	return Plan{
		Tables:  TablesBetween(unhooked(live.Tables, network.Fresh), wanted.Tables, generation),
		Network: network,
		before:  live.Tables, after: wanted.Tables, live: live,
	}
}

// Described returns what the plan changes, in sentences. The policy gives names their details.
func (p Plan) Described(of policy.Policy) []Change {
	var changes []Change
	if !p.Tables.Empty() {
		changes = named(of, p.before, p.after)
		changes = append(changes, p.windows(p.before, p.after, changes)...)
		changes = append(changes, p.skeleton()...)
	}
	for _, steps := range [...][]Step{p.Tighten, p.Loosen, p.Forward} {
		for _, s := range steps {
			name := s.Object.String()
			changes = append(changes, Change{Action: s.Action, Kind: kindOf(s.Object), Name: name, Text: name})
		}
	}
	return changes
}

// Took says whether tables that were read are those that the plan makes.
func (p Plan) Took(tables []wire.Table) bool { return wire.Equal(tables, p.after) }

// Empty says whether the machine already is as it is wanted.
func (p Plan) Empty() bool { return p.Tables.Empty() && p.Network.Empty() }

// skeleton returns the changes of the packet filter's own shape.
func (t Tables) skeleton() []Change {
	var changes []Change
	for _, id := range t.Made {
		changes = append(changes, Change{Action: Add, Kind: "skeleton", Name: "table " + id.String()})
	}
	for _, id := range t.Gone {
		changes = append(changes, Change{Action: Remove, Kind: "skeleton", Name: "table " + id.String()})
	}
	for _, name := range t.Reshaped {
		if !strings.HasSuffix(name, " "+memo) {
			changes = append(changes, Change{Action: Amend, Kind: "skeleton", Name: name})
		}
	}
	return changes
}

func kindOf(o netstate.Object) string {
	switch o.(type) {
	case netstate.Sysctl:
		return "sysctl"
	case netstate.Link:
		return "link"
	case netstate.Address:
		return "address"
	case netstate.Route:
		return "route"
	case netstate.Rule:
		return "rule"
	default:
		return "neighbour"
	}
}
