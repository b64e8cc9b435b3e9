package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cordon/gateway/compile"
	"cordon/gateway/kernel"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
)

// Gateway changes and reads one machine. It is not for several goroutines.
type Gateway struct {
	kernel *kernel.Kernel
	clock  Clock
}

// Open opens the machine in the network namespace of the calling thread. The clock decides which schedules and exceptions are open.
func Open(clock Clock) (*Gateway, error) {
	k, err := kernel.Open(kernel.Settings)
	if err != nil {
		return nil, err
	}
	return &Gateway{k, clock}, nil
}

// Close closes the machine. What is in force stays in force.
func (g *Gateway) Close() error { return g.kernel.Close() }

// AbsentError says that the policy names interfaces that the machine does not have.
type AbsentError struct{ Interfaces, Present []string }

// Error names them.
func (e *AbsentError) Error() string {
	return "this machine has no interface " + strings.Join(e.Interfaces, ", ")
}

// OccupiedError says that an interface which Cordon is to make is there already, as something else that it did not make.
type OccupiedError struct{ Link netstate.Link }

// Error names it.
func (e *OccupiedError) Error() string {
	return "an interface of another kind has the name of one that is to be made: " + e.Link.String()
}

// SharedBridgeError says that several segments have ports of one bridge in a way that this version does not govern.
type SharedBridgeError struct{ Bridge string }

// Error names it.
func (e *SharedBridgeError) Error() string {
	return "segments that differ share the bridge " + e.Bridge + ", and this version cannot govern that: give each a bridge of its own"
}

// DiffersError says that the kernel, read back, does not hold what was applied to it.
type DiffersError struct{ Changes []plan.Change }

// Error names the first differences.
func (e *DiffersError) Error() string {
	var names []string
	for _, c := range e.Changes[:min(3, len(e.Changes))] {
		names = append(names, string(c.Action)+" "+c.Kind+" "+c.Name)
	}
	return fmt.Sprintf("the kernel does not hold what was applied: %d differences (%s)", len(e.Changes), strings.Join(names, "; "))
}

// Proposal is what would change, and what for.
type Proposal struct {
	Policy policy.Policy
	Plan   plan.Plan
	// Cut are the running flows that the policy no longer allows; Kept is how many others there are.
	Cut  []netstate.Flow
	Kept int
	// Live is the machine as it was read.
	Live netstate.State

	commit string
	wanted netstate.State
	doors  compile.Doors
}

// tries is how often a change is made out anew because an element was gone by itself: exceptions end at one moment each.
const tries = 5

// anew does something once more where the kernel says that what it should take away is not there: between the reading and the change, the
// time of an element ended. The kernel took nothing of it then.
func anew(do func() error) (err error) {
	for range tries {
		if err = do(); !kernel.Gone(err) {
			return err
		}
	}
	return err
}

// Propose compiles a policy, reads the machine, and says what would change. The kernel is asked whether it would take the packet
// filter; nothing is changed.
func (g *Gateway) Propose(ctx context.Context, p policy.Policy, commit string) (result Proposal, err error) {
	err = anew(func() (err error) {
		result, err = g.checked(ctx, p, commit)
		return err
	})
	return result, err
}

func (g *Gateway) checked(ctx context.Context, p policy.Policy, commit string) (Proposal, error) {
	result, err := g.propose(ctx, p, commit)
	// Hooks cannot be bound to interfaces that are not there yet: then only the change itself tells.
	if err != nil || len(result.Plan.Fresh) > 0 {
		return result, err
	}
	if err := g.kernel.Check(ctx, result.Plan); err != nil {
		return result, fmt.Errorf("this kernel does not take the packet filter: %w", err)
	}
	return result, nil
}

// propose does so without asking the kernel whether it takes it.
func (g *Gateway) propose(ctx context.Context, p policy.Policy, commit string) (Proposal, error) {
	if shared, ok := compile.SharedBridge(p); ok {
		return Proposal{}, &SharedBridgeError{shared.Bridge}
	}
	at := g.clock()
	wanted, _ := compile.State(p, commit, at)
	result := Proposal{Policy: p, commit: commit, wanted: wanted, doors: compile.DoorsOf(p, at)}
	live, err := g.kernel.Read(ctx, settings(wanted))
	if err != nil {
		return result, err
	}
	result.Live = live.State
	result.Plan = plan.Between(p, live.State, wanted, live.Generation)
	if absent := result.Plan.Absent; len(absent) > 0 {
		return result, &AbsentError{absent, interfaces(live.State)}
	}
	if taken := result.Plan.Occupied; len(taken) > 0 {
		return result, &OccupiedError{taken[0]}
	}
	flows, err := g.kernel.Flows()
	if err != nil {
		return result, fmt.Errorf("list the running flows: %w", err)
	}
	for _, f := range flows {
		if result.refuses(f) {
			result.Cut = append(result.Cut, f)
		}
	}
	result.Kept = len(flows) - len(result.Cut)
	return result, nil
}

func (p *Proposal) refuses(f netstate.Flow) bool { return !p.doors.Permit(f) }

// Empty says whether the machine already is as the policy wants it, running flows included.
func (p *Proposal) Empty() bool { return p.Plan.Empty() && len(p.Cut) == 0 }

// settings are the names of the kernel's settings that a wanted state is compared by, and of those that a governed interface that it no
// longer names has to give back.
func settings(s netstate.State) []string {
	names := make([]string, 0, 2*len(s.Sysctls))
	for _, name := range compile.Strict() {
		names = append(names, name, plan.Template(name))
	}
	for _, setting := range s.Sysctls {
		names = append(names, setting.Name, plan.Template(setting.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func interfaces(s netstate.State) []string {
	var names []string
	for _, l := range s.Links {
		if l.Name != "lo" {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Outcome is what a change did.
type Outcome struct {
	Applied bool // false when there was nothing to do
	Cut     int  // flows that ended
}

// Change carries a proposal out; where the policy depends on the hour, what it means by now. Once it has begun it is not interrupted:
// the kernel is the old one or the new one. The machine is read again before forwarding begins and after it, and must then need nothing
// more; else everything is taken back.
func (g *Gateway) Change(ctx context.Context, p Proposal) (outcome Outcome, err error) {
	// What was proposed was checked, which takes a slow machine seconds: by then, what is to end would end as much too late.
	current := p.Empty() || !p.Policy.DependsOnTime()
	err = anew(func() (err error) {
		if !current {
			if p, err = g.propose(ctx, p.Policy, p.commit); err != nil {
				return err
			}
		}
		current = false
		outcome, err = g.carryOut(ctx, p)
		return err
	})
	return outcome, err
}

func (g *Gateway) carryOut(ctx context.Context, p Proposal) (Outcome, error) {
	if p.Empty() {
		return Outcome{}, nil
	}
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	ctx = context.WithoutCancel(ctx)
	cut, err := g.kernel.Apply(ctx, p.Plan, p.refuses, func(ctx context.Context, forwarding bool) error {
		return g.verify(ctx, p, forwarding)
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Applied: true, Cut: cut}, nil
}

// verify reads the machine and plans again. Until forwarding is on, what switches it on is all that may be missing.
func (g *Gateway) verify(ctx context.Context, p Proposal, forwarding bool) error {
	wanted := p.wanted
	if p.Policy.DependsOnTime() {
		wanted, _ = compile.State(p.Policy, p.commit, g.clock())
	}
	live, err := g.kernel.Read(ctx, settings(wanted))
	if err != nil {
		return err
	}
	again := plan.Between(p.Policy, live.State, wanted, live.Generation)
	if !forwarding {
		again.Forward = nil
	}
	if !again.Empty() {
		return &DiffersError{again.Changes}
	}
	return nil
}

// Flows returns the connections that the kernel tracks.
func (g *Gateway) Flows() ([]netstate.Flow, error) { return g.kernel.Flows() }
