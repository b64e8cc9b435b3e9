package kernel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cordon/gateway/kernel/beside"
	"cordon/gateway/kernel/conntrack"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/kernel/route"
	"cordon/gateway/kernel/sysctl"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/wire"

	"golang.org/x/sys/unix"
)

// Kernel is the machine's network namespace, by one lasting socket for each netlink family. It is not for several goroutines.
type Kernel struct {
	filter *nft.Conn
	route  *route.Conn
	track  *conntrack.Conn
	tree   *sysctl.Tree
}

// Settings is where the kernel shows its settings as files.
const Settings = "/proc/sys"

// Open opens the network namespace of the calling thread. Settings are read below a folder, which is Settings but in tests.
func Open(settings string) (*Kernel, error) {
	k := &Kernel{}
	var err error
	if k.filter, err = nft.Open(); err != nil {
		return nil, fmt.Errorf("open nf_tables: %w", err)
	}
	if k.route, err = route.Open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the routing tables: %w", err), k.Close())
	}
	if k.track, err = conntrack.Open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the connection tracking: %w", err), k.Close())
	}
	if k.tree, err = sysctl.Open(settings); err != nil {
		return nil, errors.Join(fmt.Errorf("open the kernel settings: %w", err), k.Close())
	}
	return k, nil
}

// Close closes what is open.
func (k *Kernel) Close() error {
	var all []error
	if k.filter != nil {
		all = append(all, k.filter.Close())
	}
	if k.route != nil {
		all = append(all, k.route.Close())
	}
	if k.track != nil {
		all = append(all, k.track.Close())
	}
	if k.tree != nil {
		all = append(all, k.tree.Close())
	}
	return errors.Join(all...)
}

// Reading is the machine at one moment: the generation is that of its packet filter.
type Reading struct {
	State      netstate.State
	Generation uint32
}

// Read reads the machine, and of its settings those that are named, where netstate.EveryGoverned stands for each governed interface.
func (k *Kernel) Read(ctx context.Context, settings []string) (Reading, error) {
	return k.ReadBut(ctx, settings, nil)
}

// ReadBut is Read for somebody who knows the elements of some sets already.
func (k *Kernel) ReadBut(ctx context.Context, settings []string, known nft.Known) (Reading, error) {
	tables, err := k.filter.ReadBut(ctx, known)
	if err != nil {
		return Reading{}, fmt.Errorf("read the packet filter: %w", err)
	}
	state, err := k.route.Read()
	if err != nil {
		return Reading{}, fmt.Errorf("read links, addresses, routes and rules: %w", err)
	}
	state.Tables = tables.Ours
	for _, id := range tables.Foreign {
		state.Foreign = append(state.Foreign, netstate.ForeignTable{Family: id.Family.String(), Name: id.Name})
	}
	if state.Sysctls, err = k.tree.Read(each(settings, state.Links)...); err != nil {
		return Reading{}, fmt.Errorf("read the kernel settings: %w", err)
	}
	return Reading{state.Canonical(), tables.Generation}, nil
}

// each returns the names of settings with the governed interfaces in the place of what stands for them, none of them twice.
func each(settings []string, links []netstate.Link) []string {
	var names []string
	for _, name := range settings {
		before, after, every := strings.Cut(name, "/"+netstate.EveryGoverned+"/")
		if !every {
			names = append(names, name)
			continue
		}
		for _, l := range links {
			if l.Governed() {
				names = append(names, before+"/"+l.Name+"/"+after)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Flows returns the connections that the kernel tracks.
func (k *Kernel) Flows() ([]netstate.Flow, error) { return k.track.Flows() }

// Check has the kernel look at a plan's transaction without taking it.
func (k *Kernel) Check(ctx context.Context, p plan.Plan) error { return k.filter.Check(ctx, p.Batch) }

// Apply carries a plan out. Flows that refused says yes to end after the packet filter changed; forwarding begins when verify has
// nothing to say against what the kernel then holds, and is verified in its turn. On an error everything that was done is undone, but
// for the flows that ended.
func (k *Kernel) Apply(
	ctx context.Context, p plan.Plan, refused func(netstate.Flow) bool, verify func(ctx context.Context, forwarding bool) error,
) (cut int, err error) {
	done := journal{kernel: k, plan: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, done.undo(context.WithoutCancel(ctx)))
		}
	}()
	if err := done.take(&done.tightened, p.Tighten); err != nil {
		return 0, err
	}
	if err := k.commit(ctx, p); err != nil {
		return 0, err
	}
	done.committed = true
	if err := done.take(&done.loosened, p.Loosen); err != nil {
		return 0, err
	}
	if cut, err = k.track.Remove(refused); err != nil {
		return cut, fmt.Errorf("end the flows that are no longer allowed: %w", err)
	}
	if err := verify(ctx, false); err != nil {
		return cut, err
	}
	if err := done.take(&done.loosened, p.Forward); err != nil {
		return cut, err
	}
	return cut, verify(ctx, true)
}

// Mend carries out as much of a plan as can be, and undoes nothing: the machine is not as it is wanted already, and whatever comes back is
// worth having although something else does not. What opens waits for the packet filter; forwarding waits for all the rest, and for verify.
func (k *Kernel) Mend(
	ctx context.Context, p plan.Plan, refused func(netstate.Flow) bool, verify func(context.Context) error,
) (cut int, err error) {
	err = k.each(p.Tighten)
	if commitErr := k.commit(ctx, p); commitErr != nil {
		return 0, errors.Join(err, commitErr)
	}
	err = errors.Join(err, k.each(p.Loosen))
	if !p.Tables.Empty() {
		var trackErr error
		if cut, trackErr = k.track.Remove(refused); trackErr != nil {
			err = errors.Join(err, fmt.Errorf("end the flows that are no longer allowed: %w", trackErr))
		}
	}
	if err != nil || len(p.Forward) == 0 {
		return cut, err
	}
	if err := verify(ctx); err != nil {
		return cut, err
	}
	return cut, k.each(p.Forward)
}

// each carries out every step, also behind one that fails.
func (k *Kernel) each(steps []plan.Step) error {
	var all []error
	for len(steps) > 0 {
		run := alike(steps)
		steps = steps[len(run):]
		if _, err := k.steps(run); err == nil {
			continue
		}
		for _, s := range run { // one by one: what is there already is fine
			if err := k.step(s); err != nil {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}

// commit sends the packet filter. Where the kernel's answer was lost, what it holds is the answer.
func (k *Kernel) commit(ctx context.Context, p plan.Plan) error {
	return settled(k.filter.Commit(ctx, p.Batch), func() (bool, error) {
		now, err := k.filter.Read(ctx)
		return p.Took(now.Ours), err
	})
}

// settled returns an error that says what became of a transaction: an unknown outcome is read back.
func settled(err error, took func() (bool, error)) error {
	if !errors.Is(err, nft.ErrOverrun) && !errors.Is(err, nft.ErrNoAnswer) {
		return err
	}
	held, readErr := took()
	if readErr == nil && held {
		return nil
	}
	return errors.Join(err, readErr)
}

// journal remembers what of a plan was carried out.
type journal struct {
	kernel              *Kernel
	plan                plan.Plan
	tightened, loosened []plan.Step
	committed           bool
}

func (j *journal) take(taken *[]plan.Step, steps []plan.Step) error {
	for len(steps) > 0 {
		run := alike(steps)
		done, err := j.kernel.steps(run)
		*taken = append(*taken, done...)
		if err != nil {
			return err
		}
		steps = steps[len(run):]
	}
	return nil
}

// alike returns the first step and those right behind it that add an object of the same kind: the kernel takes them together, and
// what stands in another place of the order never goes ahead of one that fails.
func alike(steps []plan.Step) []plan.Step {
	kind := reflect.TypeOf(steps[0].Object)
	n := 1
	for addition(steps[0]) && n < len(steps) && addition(steps[n]) && reflect.TypeOf(steps[n].Object) == kind {
		n++
	}
	return steps[:n]
}

// addition says whether a step adds what several requests at once may add.
func addition(s plan.Step) bool {
	_, setting := s.Object.(netstate.Sysctl)
	return s.Action == plan.Add && !setting
}

// undo takes everything back in the opposite order. It goes on after an error: each step that comes back is worth having.
func (j *journal) undo(ctx context.Context) error {
	all := j.back(j.loosened)
	if j.committed {
		if err := j.kernel.restore(ctx, j.plan); err != nil {
			all = append(all, fmt.Errorf("undo: %w", err))
		}
	}
	return errors.Join(append(all, j.back(j.tightened)...)...)
}

// restore takes the packet filter back to what it was before a plan. Where an element that the plan made has ended since, it does so from
// what is there now.
func (k *Kernel) restore(ctx context.Context, p plan.Plan) error {
	err := k.filter.Commit(ctx, p.Restore())
	for n := 0; n < tries && Gone(err); n++ {
		now, readErr := k.filter.Read(ctx)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		err = k.filter.Commit(ctx, p.RestoreFrom(now.Ours))
	}
	return err
}

// tries is how often the packet filter is taken back: exceptions end at one moment each.
const tries = 5

// Gone says whether the kernel refused a change because something that it should take away is not there: with nobody beside Cordon that
// is an element whose time ended behind the reading (measured on 6.1 and 6.18: ENOENT).
func Gone(err error) bool { return errors.Is(err, unix.ENOENT) }

func (j *journal) back(steps []plan.Step) []error {
	var all []error
	for _, s := range slices.Backward(steps) {
		if err := j.kernel.step(s.Undo()); err != nil {
			all = append(all, fmt.Errorf("undo: %w", err))
		}
	}
	return all
}

// steps carries out steps that are alike, and returns those that are done, also with an error.
func (k *Kernel) steps(run []plan.Step) (done []plan.Step, err error) {
	if len(run) == 1 {
		if err := k.step(run[0]); err != nil {
			return nil, err
		}
		return run, nil
	}
	objects := make([]netstate.Object, len(run))
	for i, s := range run {
		objects[i] = s.Object
	}
	added, err := k.route.AddAll(objects)
	for _, o := range added {
		done = append(done, plan.Step{Action: plan.Add, Object: o})
	}
	return done, err
}

// step carries out one step outside the packet filter.
func (k *Kernel) step(s plan.Step) error {
	if setting, ok := s.Object.(netstate.Sysctl); ok {
		return k.tree.Write(setting)
	}
	switch s.Action {
	case plan.Add:
		return k.route.Add(s.Object)
	case plan.Remove:
		return k.route.Remove(s.Object)
	case plan.Amend:
		return k.route.Change(s.Before, s.Object)
	}
	return fmt.Errorf("%s: no such step", s)
}

// Foreign reads other programs' tables, without their sets.
func (k *Kernel) Foreign(ctx context.Context) ([]wire.Table, error) { return k.filter.Foreign(ctx) }

// Programs reads what handles frames beside the packet filter.
func (k *Kernel) Programs() ([]netstate.Program, error) { return beside.Read() }

// Ports are the numbers of the sockets by which the packet filter and the rest are changed: what the kernel says of its own accord about
// a change carries the one that asked for it.
func (k *Kernel) Ports() (filter, route uint32) { return k.filter.Port(), k.route.Port() }

// Generation returns the number that each transaction of the packet filter raises, whoever's it is.
func (k *Kernel) Generation(ctx context.Context) (uint32, error) { return k.filter.Generation(ctx) }

// Settings reads the named settings.
func (k *Kernel) Settings(names []string) ([]netstate.Sysctl, error) { return k.tree.Read(names...) }

// Features tries what our rules need of this kernel, without leaving a trace.
func (k *Kernel) Features(ctx context.Context) ([]nft.Feature, error) { return k.filter.Features(ctx) }
