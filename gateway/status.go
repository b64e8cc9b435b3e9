package gateway

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"cordon/gateway/compile"
	"cordon/gateway/kernel/listener"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy"
)

// LayerState is whether one layer of the defence is in force.
type LayerState string

// The states, by their words in the JSON documents.
const (
	On          LayerState = "on"
	Off         LayerState = "off"
	Unsupported LayerState = "unsupported"
)

// Layer is one layer of the defence and why it is not in force, in the kernel's words.
type Layer struct {
	Name    string
	State   LayerState
	Because string
}

// Stamp is what our tables say of the policy that they hold, and of the segments that are locked down.
type Stamp struct {
	Digest, Commit string
	Lockdown       []string
}

// Status is what the machine holds now, read from the kernel.
type Status struct {
	// Whole says that the kernel holds the whole policy: every layer is on and nothing differs. Enforcing says that beyond that no
	// segment is observed: whatever the policy refuses is refused.
	Whole, Enforcing bool
	Stamp            Stamp
	Layers           []Layer
	// Drift is what an apply of the same policy would change.
	Drift []plan.Change
	// Openings is what the policy opens for a time only: what the kernel holds open, then what is closed now.
	Openings []Opening
	// Foreign are other programs' tables, by name.
	Foreign []netstate.ForeignTable
	// NotServed are the services that the policy serves and nobody waits for, as segment/service. That somebody waits does not say that
	// the answers are right.
	NotServed []string
	// Down are the policy's interfaces that are absent or down.
	Down map[string]string
}

// Opening is an exception or an allow with a schedule. Left is how long the kernel still holds it open by itself; 0 where it is closed.
type Opening struct {
	plan.Opening

	// Until is the end of an exception; it is zero for an allow.
	Until time.Time
	// Unsure says that it is closed because the clock is not known to be right.
	Unsure bool
}

// openings compares what the kernel holds open with what the policy opens at some hours.
func openings(p policy.Policy, live []wire.Table, at policy.Moment) []Opening {
	var list []Opening
	open := plan.Openings(live)
	add := func(kind, name string, until time.Time) {
		o := Opening{Opening: plan.Opening{Kind: kind, Name: name}, Until: until, Unsure: !at.Trusted}
		same := func(held plan.Opening) bool { return held.Kind == kind && held.Name == name }
		if i := slices.IndexFunc(open, same); i >= 0 {
			o.Left, o.Unsure = open[i].Left, false
		}
		list = append(list, o)
	}
	for _, e := range p.Exceptions {
		add("exception", e.Name, e.Until)
	}
	for _, a := range p.Allows {
		if len(a.During) > 0 {
			add("allow", a.Name, time.Time{})
		}
	}
	slices.SortStableFunc(list, func(a, b Opening) int { return cmp.Compare(min(1, b.Left), min(1, a.Left)) })
	return list
}

// Status reads the machine and compares it with the policy that was applied last; without one it says what the kernel could do.
func (g *Gateway) Status(ctx context.Context, applied *policy.Policy, commit string) (Status, error) {
	if applied == nil {
		return g.unapplied(ctx)
	}
	wanted, _ := compile.State(*applied, commit, g.clock())
	live, err := g.kernel.Read(ctx, settings(wanted))
	if err != nil {
		return Status{}, err
	}
	needed := plan.Between(*applied, live.State, wanted, live.Generation)
	s := Status{
		Stamp: stampOf(live.State.Tables), Drift: needed.Changes, Foreign: live.State.Foreign,
		Openings: openings(*applied, live.State.Tables, g.clock()), Layers: layers(live.State, wanted, needed), Down: down(*applied, live.State),
	}
	if s.NotServed, err = notServed(*applied); err != nil {
		return Status{}, err
	}
	s.Whole = needed.Empty() && len(needed.Absent) == 0
	s.Enforcing = s.Whole && len(Observed(*applied)) == 0
	return s, nil
}

// notServed compares what a policy serves with the sockets that wait in the gateway's namespace.
func notServed(p policy.Policy) ([]string, error) {
	served := compile.ServedOf(p)
	if len(served) == 0 {
		return nil, nil
	}
	waiting, err := listener.Ports()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range served {
		silent := func(r policy.Ports) bool { return !waiting[listener.Port{Protocol: r.Protocol, Number: r.First}] }
		if slices.ContainsFunc(s.Ports, silent) {
			names = append(names, s.Segment+"/"+s.Name)
		}
	}
	return names, nil
}

// Observed returns the names of the segments whose rules only count.
func Observed(p policy.Policy) []string {
	var names []string
	for i := range p.Segments {
		if p.Segments[i].Mode == policy.Observe {
			names = append(names, p.Segments[i].Name)
		}
	}
	return names
}

// unapplied says which layers the kernel can hold, by trying each.
func (g *Gateway) unapplied(ctx context.Context) (Status, error) {
	live, err := g.kernel.Read(ctx, nil)
	if err != nil {
		return Status{}, err
	}
	s := Status{Stamp: stampOf(live.State.Tables), Foreign: live.State.Foreign, Down: map[string]string{}}
	features, err := g.kernel.Features(ctx)
	if err != nil {
		return s, err
	}
	for _, f := range features {
		l := Layer{Name: f.Name, State: Off}
		if f.Err != nil {
			l.State, l.Because = Unsupported, f.Err.Error()
		}
		s.Layers = append(s.Layers, l)
	}
	return s, nil
}

// stampOf reads the chain that no packet meets.
func stampOf(tables []wire.Table) Stamp {
	var s Stamp
	for i := range tables {
		c := tables[i].Chain("origins")
		if c == nil {
			continue
		}
		for _, r := range c.Rules {
			kind, value, _ := strings.Cut(wire.Comment(r.Userdata), " ")
			switch kind {
			case "policy":
				s.Digest = value
			case "commit":
				s.Commit = value
			case "lockdown":
				s.Lockdown = append(s.Lockdown, value)
			}
		}
	}
	return s
}

// layers says of each base chain whether the kernel holds it as it is wanted, and of each other lock whether anything of it is missing.
func layers(live, wanted netstate.State, needed plan.Plan) []Layer {
	var list []Layer
	touched := map[string]bool{}
	for _, name := range needed.Reshaped {
		touched[name] = true
	}
	for i := range wanted.Tables {
		w := &wanted.Tables[i]
		l := tableOf(live.Tables, w.ID())
		for _, c := range w.Chains {
			if c.Hook == nil {
				continue
			}
			layer := Layer{Name: w.Family.String() + " " + c.Name, State: On}
			switch {
			case l == nil || l.Chain(c.Name) == nil:
				layer.State, layer.Because = Off, "the chain is not there"
			case touched["chain "+w.ID().String()+" "+c.Name]:
				layer.State, layer.Because = Off, "its rules or interfaces are not those of the policy"
			}
			list = append(list, layer)
		}
	}
	return append(list, locks(needed)...)
}

// locks are the layers outside the packet filter.
func locks(needed plan.Plan) []Layer {
	missing := map[string]string{}
	for _, c := range needed.Changes {
		if missing[c.Kind] == "" {
			missing[c.Kind] = string(c.Action) + " " + c.Text
		}
	}
	list := []Layer{{Name: "jail", State: On}, {Name: "neighbours", State: On}, {Name: "settings", State: On}}
	for i, kinds := range [...][]string{{"rule", "route"}, {"neighbour"}, {"sysctl", "link"}} {
		for _, k := range kinds {
			if missing[k] != "" {
				list[i].State, list[i].Because = Off, "an apply would "+missing[k]
			}
		}
	}
	if list[2].State == On && len(needed.Missing) > 0 {
		list[2].Because = "this kernel has no " + needed.Missing[0].Name
	}
	return list
}

func tableOf(tables []wire.Table, id wire.ID) *wire.Table {
	for i := range tables {
		if tables[i].ID() == id {
			return &tables[i]
		}
	}
	return nil
}

// down says which of the policy's interfaces carry nothing, and how.
func down(p policy.Policy, live netstate.State) map[string]string {
	states := map[string]string{}
	for i := range p.Segments {
		states[p.Segments[i].Interface] = "absent"
	}
	for _, l := range live.Links {
		if _, named := states[l.Name]; named && l.Up {
			delete(states, l.Name)
		} else if named {
			states[l.Name] = "down"
		}
	}
	return states
}
