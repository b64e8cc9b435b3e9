package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"cordon/gateway/compile"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/observe"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy"
)

// mendings is how often what is missing is put back in a row: the first reading may be of a machine in the middle of a change, and
// somebody else's transaction in between refuses ours.
const mendings = 4

// aim is a policy and what it means on this machine.
type aim struct {
	policy policy.Policy
	commit string
	wanted netstate.State
	// at is when wanted was compiled, less what has gone by since for its elements, and edge when something else is wanted; zero: never.
	at   policy.Moment
	edge time.Time
	// opening is the next hour at which something opens; zero: none.
	opening time.Time
	// known are sets that were read, held what is wanted, and that nobody has changed since by the kernel's word. What an element's own
	// time or a packet changes is none of them: of that the kernel says nothing.
	known nft.Known
}

// learn notes that every set holds what is wanted.
func (a *aim) learn() {
	a.known = nft.Known{}
	for i := range a.wanted.Tables {
		t := &a.wanted.Tables[i]
		for j := range t.Sets {
			if s := &t.Sets[j]; !s.Anonymous() && !s.Written() && !s.Timed() {
				a.known[wire.SetID{Table: t.ID(), Name: s.Name}] = s.Elements
			}
		}
	}
}

// doubt forgets what some sets hold.
func (a *aim) doubt(sets []wire.SetID) {
	for _, id := range sets {
		delete(a.known, id)
	}
}

// doubtAll forgets what any set holds.
func (a *aim) doubtAll() { a.known = nil }

// aimAt compiles a policy as it is at this hour.
func (g *Gateway) aimAt(p policy.Policy, commit string) *aim {
	a := &aim{policy: p, commit: commit}
	a.compile(g.clock())
	return a
}

// compile makes what is wanted anew.
func (a *aim) compile(at policy.Moment) {
	at.Time = at.Time.Round(0) // hours are the wall clock's
	a.wanted, _ = compile.State(a.policy, a.commit, at)
	a.at, a.edge, a.opening = at, time.Time{}, time.Time{}
	if !a.policy.DependsOnTime() {
		return
	}
	a.edge = compile.Edge(a.policy, at)
	if next, ok := a.policy.NextOpening(at.Time); ok {
		a.opening = next.At
	}
}

// follow makes what is wanted that of a later moment. A policy is compiled again where the clock has crossed an edge, was set back, or is
// believed now and was not; in between, what is left to its elements goes by.
func (a *aim) follow(at policy.Moment) {
	at.Time = at.Time.Round(0)
	switch {
	case !a.policy.DependsOnTime():
	case at.Trusted != a.at.Trusted, at.Time.Before(a.at.Time), !a.edge.IsZero() && !at.Time.Before(a.edge):
		a.compile(at)
	default:
		gone := at.Time.Sub(a.at.Time).Truncate(time.Millisecond)
		a.at.Time = a.at.Time.Add(gone)
		age(a.wanted.Tables, uint64(gone/time.Millisecond)) //nolint:gosec // not before
	}
}

// age takes milliseconds off what is left to elements. Before an edge none has less than that.
func age(tables []wire.Table, gone uint64) {
	for i := range tables {
		for j := range tables[i].Sets {
			elements := tables[i].Sets[j].Elements
			for k := range elements {
				if left := elements[k].Timeout; left != 0 {
					elements[k].Timeout = max(1, left-min(left, gone))
				}
			}
		}
	}
}

// mended is what had to be put back.
type mended struct {
	broken  bool          // something was missing
	turned  bool          // and nothing but what the hour opens or closes
	changes []plan.Change // and what; nothing for what no policy names, such as a chain too many
	cut     int
	absent  []string // the policy's interfaces that are not there: what belongs to them waits
}

// add notes what was put back now. The machine may have been read in the middle of a change, so that there is more the next time.
func (m *mended) add(of policy.Policy, p plan.Plan) {
	m.join(mended{broken: true, turned: p.Network.Empty() && p.Turned(), changes: described(of, p)})
}

// join notes what was put back another time.
func (m *mended) join(other mended) {
	if !other.broken {
		return
	}
	m.turned = (m.turned || !m.broken) && other.turned
	m.broken = true
	known := map[[2]string]bool{}
	for _, c := range m.changes {
		known[[2]string{c.Kind, c.Name}] = true
	}
	for _, c := range other.changes {
		if !known[[2]string{c.Kind, c.Name}] {
			m.changes = append(m.changes, c)
		}
	}
}

// touched are the sets that the kernel says somebody changed, and all of the tables where it names none.
func touched(seen observe.Event) []plan.Change {
	var changes []plan.Change
	for _, id := range seen.Sets {
		changes = append(changes, plan.Change{Action: plan.Amend, Kind: "skeleton", Name: "set " + id.Table.String() + " " + id.Name})
	}
	if len(changes) == 0 {
		return []plan.Change{{Action: plan.Amend, Kind: "skeleton", Name: "tables cordon"}}
	}
	return changes
}

// what is the news of it. Where the kernel has said that somebody changed something, it was not the hour.
func (m mended) what(seen observe.Event) What {
	if m.turned && seen.Empty() {
		return Turned
	}
	return Repaired
}

// mend makes the machine what an aim wants, as far as its interfaces are there, and reads it until nothing is missing. Nothing that fails
// keeps the rest from coming back.
func (g *Gateway) mend(ctx context.Context, a *aim) (mended, error) {
	result, err := mended{}, error(nil)
	for range mendings {
		needed, readErr := g.needed(ctx, a)
		if readErr != nil {
			return result, errors.Join(readErr, err)
		}
		result.absent = needed.Absent
		if needed.Empty() {
			a.learn()
			return result, occupied(needed)
		}
		doors := compile.DoorsOf(a.policy, g.clock())
		refused := func(f netstate.Flow) bool { return !doors.Permit(f) }
		var cut int
		cut, err = g.kernel.Mend(context.WithoutCancel(ctx), needed, refused, func(ctx context.Context) error {
			return g.allButForwarding(ctx, a)
		})
		result.cut += cut
		result.add(a.policy, needed)
		if sets, all := needed.Touched(); all {
			a.doubtAll()
		} else {
			a.doubt(sets)
		}
		if ctx.Err() != nil {
			return result, errors.Join(ctx.Err(), err)
		}
	}
	if err == nil {
		err = &DiffersError{result.changes}
	}
	return result, err
}

// described are a plan's changes and, where nothing that the policy names changes, the sets whose elements do.
func described(of policy.Policy, p plan.Plan) []plan.Change {
	changes, named := p.Described(of), map[string]bool{}
	for _, e := range slices.Concat(p.Left, p.Entered) {
		name := "set " + e.Table.String() + " " + e.Set
		if !named[name] {
			changes = append(changes, plan.Change{Action: plan.Amend, Kind: "skeleton", Name: name})
		}
		named[name] = true
	}
	return changes
}

// needed reads the machine and says what it lacks.
func (g *Gateway) needed(ctx context.Context, a *aim) (plan.Plan, error) {
	a.follow(g.clock())
	live, err := g.kernel.ReadBut(ctx, settings(a.wanted), a.known)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Needed(live.State, a.wanted, live.Generation), nil
}

// allButForwarding says what is missing before forwarding may begin.
func (g *Gateway) allButForwarding(ctx context.Context, a *aim) error {
	p, err := g.needed(ctx, a)
	p.Forward = nil
	if err == nil && !p.Empty() {
		err = &DiffersError{p.Described(a.policy)}
	}
	return err
}

// occupied is an error where somebody has made an interface of one's own name.
func occupied(p plan.Plan) error {
	if len(p.Occupied) == 0 {
		return nil
	}
	return &OccupiedError{p.Occupied[0]}
}

// settingsDiffer says whether a setting is not what an aim wants. The kernel says so by itself only of a few.
func (g *Gateway) settingsDiffer(a *aim) (bool, error) {
	wanted := map[string]string{}
	names := make([]string, len(a.wanted.Sysctls))
	for i, s := range a.wanted.Sysctls {
		names[i], wanted[s.Name] = s.Name, s.Value
	}
	live, err := g.kernel.Settings(names)
	for _, s := range live {
		if !s.Missing && s.Value != wanted[s.Name] {
			return true, err
		}
	}
	return false, err
}
