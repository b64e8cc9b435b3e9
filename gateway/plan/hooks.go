package plan

import (
	"slices"

	"cordon/gateway/netstate"
	"cordon/gateway/wire"
)

// bound returns the wanted tables as the machine can have them now: hooks are bound to the interfaces that are there, and a chain none of
// whose interfaces is waits. A live chain that names an absent interface stays as it is: since 6.16 the kernel binds it by itself when the
// interface comes back. It returns as well which interfaces are absent.
func bound(live netstate.State, wanted []wire.Table, n Network) ([]wire.Table, []string) {
	there := map[string]bool{}
	for _, l := range live.Links {
		there[l.Name] = true
	}
	for _, name := range n.Fresh {
		there[name] = true
	}
	absent := n.Absent
	missing := func(name string) bool {
		if !there[name] && !slices.Contains(absent, name) {
			absent = append(slices.Clip(absent), name)
		}
		return !there[name]
	}
	tables := slices.Clone(wanted)
	for i := range tables {
		tables[i].Chains = boundChains(find(live.Tables, tables[i].ID()), tables[i].Chains, missing)
	}
	slices.Sort(absent)
	return tables, absent
}

func boundChains(live *wire.Table, wanted []wire.Chain, missing func(string) bool) []wire.Chain {
	chains := make([]wire.Chain, 0, len(wanted))
	for _, c := range wanted {
		if c.Hook == nil || len(c.Hook.Devices) == 0 {
			chains = append(chains, c)
			continue
		}
		devices := slices.DeleteFunc(slices.Clone(c.Hook.Devices), missing)
		if len(devices) < len(c.Hook.Devices) && !namesAll(live, c) {
			hook := *c.Hook
			hook.Devices = devices
			c.Hook = &hook
		}
		if len(c.Hook.Devices) > 0 {
			chains = append(chains, c)
		}
	}
	return chains
}

// namesAll says whether the live chain names every interface of the wanted one.
func namesAll(live *wire.Table, wanted wire.Chain) bool {
	if live == nil {
		return false
	}
	c := live.Chain(wanted.Name)
	return c != nil && c.Hook != nil && slices.Equal(slices.Sorted(slices.Values(c.Hook.Devices)),
		slices.Sorted(slices.Values(wanted.Hook.Devices)))
}
