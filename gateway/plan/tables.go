package plan

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"cordon/gateway/wire"
)

// Count is how many of something a plan adds and removes.
type Count struct{ Added, Removed int }

// Tables is the packet filter's half of a plan: one transaction, and what it changes.
type Tables struct {
	Batch           *wire.Batch
	Elements, Rules Count
	// Made and Gone say which of our tables come and go as a whole.
	Made, Gone []wire.ID
	// Reshaped are chains whose rules change and sets that are made anew, as "inet cordon judge4".
	Reshaped []string
	// Entered and Left are the elements that change, by set.
	Entered, Left []SetElement
}

// SetElement is an element and the set that it stands in.
type SetElement struct {
	Table   wire.ID
	Set     string
	Element wire.Element
}

// Empty says whether the packet filter already is as it is wanted.
func (t Tables) Empty() bool { return t.Batch.Empty() }

// Touched returns the sets whose elements the plan changes; all says that there are others which are not named.
func (t Tables) Touched() (sets []wire.SetID, all bool) {
	for _, e := range slices.Concat(t.Left, t.Entered) {
		if id := (wire.SetID{Table: e.Table, Name: e.Set}); len(sets) == 0 || sets[len(sets)-1] != id {
			sets = append(sets, id)
		}
	}
	remade := func(name string) bool { return strings.HasPrefix(name, "set ") }
	return sets, len(t.Made)+len(t.Gone) > 0 || slices.ContainsFunc(t.Reshaped, remade)
}

// Turned says whether the hour alone explains the change: elements that end by themselves come and go, and nothing else.
func (t Tables) Turned() bool {
	if t.Empty() || len(t.Made)+len(t.Gone)+len(t.Reshaped) > 0 {
		return false
	}
	lasts := func(e SetElement) bool { return !strings.HasPrefix(e.Set, limited) }
	return !slices.ContainsFunc(t.Left, lasts) && !slices.ContainsFunc(t.Entered, lasts)
}

// TablesBetween returns the transaction that makes the live tables the wanted ones. It is bound to the generation that the live
// tables were read at: when somebody has changed anything since, the kernel takes none of it. Chains and sets that stay keep their
// counters and what rules wrote into them.
func TablesBetween(live, wanted []wire.Table, generation uint32) Tables {
	t := Tables{Batch: wire.NewBatch(generation)}
	for i := range live {
		if find(wanted, live[i].ID()) == nil {
			t.Batch.DeleteTable(live[i].ID())
			t.Gone = append(t.Gone, live[i].ID())
			t.count(&live[i], &t.Rules.Removed, &t.Elements.Removed)
		}
	}
	for i := range wanted {
		w := &wanted[i]
		l := find(live, w.ID())
		if l == nil {
			t.Batch.Add(w)
			t.Made = append(t.Made, w.ID())
			t.count(w, &t.Rules.Added, &t.Elements.Added)
			continue
		}
		t.amend(l, w)
	}
	return t
}

func find(tables []wire.Table, id wire.ID) *wire.Table {
	for i := range tables {
		if tables[i].ID() == id {
			return &tables[i]
		}
	}
	return nil
}

func (t *Tables) count(table *wire.Table, rules, elements *int) {
	for _, c := range table.Chains {
		*rules += len(c.Rules)
	}
	for i := range table.Sets {
		if s := &table.Sets[i]; !s.Anonymous() {
			*elements += len(s.Elements)
		}
	}
}

// amendment is what has to happen to one table that is there.
type amendment struct {
	live, wanted   *wire.Table // as they are: what is sent names their sets
	stable, target wire.Table  // their shapes, as they are compared
	id             wire.ID
	remade         map[string]bool // sets
	refilled       map[string]bool // chains whose rules are made anew
	rehung         map[string]bool // base chains whose hook changes
}

// amend changes a table in place. First the rules go that change, so that nothing refers to what goes next; everything that comes
// is made before the rules that refer to it.
func (t *Tables) amend(live, wanted *wire.Table) {
	a := compare(live, wanted)
	for _, c := range a.live.Chains {
		if a.refilled[c.Name] && !a.rehung[c.Name] {
			t.Batch.FlushChain(a.id, c.Name)
		}
	}
	t.amendElements(a)
	t.amendSetsAndChains(a)
	t.refill(a)
}

// compare finds out what differs.
func compare(live, wanted *wire.Table) amendment {
	a := amendment{
		live: live, wanted: wanted, id: wanted.ID(),
		stable: wire.Stable([]wire.Table{live.Shape()})[0], target: wire.Stable([]wire.Table{wanted.Shape()})[0],
		remade: map[string]bool{}, refilled: map[string]bool{}, rehung: map[string]bool{},
	}
	for i := range a.target.Sets {
		w := &a.target.Sets[i]
		l := a.stable.Set(w.Name)
		switch {
		case w.Anonymous():
			if l == nil || !l.SameDeclaration(w) || !slices.EqualFunc(l.Elements, w.Elements, sameElement) {
				a.refilled[strings.Fields(w.Name)[1]] = true
			}
		case l != nil && !l.SameDeclaration(w):
			a.remade[w.Name] = true
		}
	}
	a.compareChains()
	return a
}

func (a *amendment) compareChains() {
	for _, w := range a.target.Chains {
		l := a.stable.Chain(w.Name)
		switch {
		case l == nil:
			a.refilled[w.Name] = true
		case !reflect.DeepEqual(l.Hook, w.Hook):
			a.rehung[w.Name], a.refilled[w.Name] = true, true
		case !reflect.DeepEqual(l.Rules, w.Rules):
			a.refilled[w.Name] = true
		}
	}
	for _, l := range a.stable.Chains {
		// A set cannot be made anew while a rule looks into it, and a chain that goes takes its rules along.
		if len(a.remade) > 0 || a.target.Chain(l.Name) == nil {
			a.refilled[l.Name] = true
		}
	}
}

// sameElement compares two elements that have lost what lives.
func sameElement(a, b wire.Element) bool {
	return a.Key == b.Key && a.KeyEnd == b.KeyEnd && a.Flags == b.Flags && a.Data == b.Data && a.Timeout == b.Timeout &&
		a.Userdata == b.Userdata && slices.Equal(a.Exprs, b.Exprs)
}

// amendElements takes out and puts in the elements that differ, in every set that stays.
func (t *Tables) amendElements(a amendment) {
	var entering []func()
	for i := range a.wanted.Sets {
		w := &a.wanted.Sets[i]
		l := a.live.Set(w.Name)
		if w.Anonymous() || w.Written() || l == nil || a.remade[w.Name] {
			continue
		}
		if shared(l.Elements, w.Elements) {
			continue
		}
		left, entered := difference(l.Elements, w.Elements)
		if w.Ranges() {
			left, entered = differenceOfRanges(l.Elements, w.Elements)
		}
		t.note(&t.Left, &t.Elements.Removed, a.id, w.Name, left)
		t.note(&t.Entered, &t.Elements.Added, a.id, w.Name, entered)
		t.Batch.DeleteElements(a.id, w.Name, left)
		entering = append(entering, func() { t.Batch.AddElements(a.id, w.Name, entered) })
	}
	// What a map's new element names may be a chain that is not there yet; chains come before elements.
	t.addChains(a)
	for _, enter := range entering {
		enter()
	}
}

// shared says whether two lists are one: who read the one knew that it is the other.
func shared(a, b []wire.Element) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func (t *Tables) note(list *[]SetElement, count *int, id wire.ID, set string, elements []wire.Element) {
	*count += len(elements)
	for _, e := range elements {
		*list = append(*list, SetElement{id, set, e})
	}
}

// elementKey tells elements of one set apart: an interval's end has the next one's beginning as its key.
type elementKey struct {
	key, end string
	flags    uint32
}

// difference returns what has to leave a set and what has to enter it. An element that changes does both.
func difference(live, wanted []wire.Element) (left, entered []wire.Element) {
	known := make(map[elementKey]int, len(live))
	for i := range live {
		known[elementKey{live[i].Key, live[i].KeyEnd, live[i].Flags}] = i
	}
	for _, w := range wanted {
		k := elementKey{w.Key, w.KeyEnd, w.Flags}
		i, there := known[k]
		if there && lasting(live[i], w) {
			delete(known, k)
			continue
		}
		entered = append(entered, w)
	}
	for i := range live {
		if at, there := known[elementKey{live[i].Key, live[i].KeyEnd, live[i].Flags}]; there && at == i {
			left = append(left, live[i])
		}
	}
	return left, entered
}

// slack is how many milliseconds the remaining time of an element may differ from what is wanted: the wanted time is that of the moment
// at which the policy was compiled, and the tables are read a little later.
const slack = 10_000

// lasting says whether a live element is the wanted one, and ends when that one does.
func lasting(live, wanted wire.Element) bool {
	if live.Timeout != 0 && wanted.Timeout != 0 && live.Expiration <= wanted.Timeout+slack && wanted.Timeout <= live.Expiration+slack {
		live.Timeout = wanted.Timeout
	}
	return sameElement(live.Stable(), wanted.Stable())
}

// differenceOfRanges is difference for a set in which a range is two elements. They come and go together, the beginning first: the kernel
// finds an end only right behind its own beginning (measured on 6.18: ENOENT).
func differenceOfRanges(live, wanted []wire.Element) (left, entered []wire.Element) {
	have, want := rangesOf(live), rangesOf(wanted)
	for len(have)+len(want) > 0 {
		switch {
		case len(want) == 0 || len(have) > 0 && before(have[0][0], want[0][0]) < 0:
			left, have = append(left, have[0]...), have[1:]
		case len(have) == 0 || before(have[0][0], want[0][0]) > 0:
			entered, want = append(entered, want[0]...), want[1:]
		default:
			if !slices.EqualFunc(have[0], want[0], lasting) {
				left, entered = append(left, have[0]...), append(entered, want[0]...)
			}
			have, want = have[1:], want[1:]
		}
	}
	return left, entered
}

// rangesOf returns the elements in order, a beginning together with its end. What is before the first range, and a range without an end,
// stand alone.
func rangesOf(elements []wire.Element) [][]wire.Element {
	sorted := slices.Clone(elements)
	slices.SortFunc(sorted, before)
	var all [][]wire.Element
	for len(sorted) > 0 {
		n := 1
		if len(sorted) > 1 && !sorted[0].Ends() && sorted[1].Ends() {
			n = 2
		}
		all, sorted = append(all, sorted[:n]), sorted[n:]
	}
	return all
}

// before orders the elements of a set of ranges. Where one range begins at once behind another, the other has ended first.
func before(a, b wire.Element) int {
	if c := cmp.Compare(a.Key, b.Key); c != 0 || a.Ends() == b.Ends() {
		return c
	}
	if a.Ends() {
		return -1
	}
	return 1
}

func (t *Tables) addChains(a amendment) {
	for _, c := range a.wanted.Chains {
		if a.rehung[c.Name] {
			t.Batch.ReplaceChain(a.wanted, wire.Chain{Name: c.Name, Hook: c.Hook, Userdata: c.Userdata})
		}
		if a.live.Chain(c.Name) == nil {
			t.Batch.AddChain(a.id, c)
		}
	}
}

// amendSetsAndChains removes what nothing refers to any more and makes sets that are new or another.
func (t *Tables) amendSetsAndChains(a amendment) {
	for i := range a.live.Sets {
		if s := &a.live.Sets[i]; !s.Anonymous() && (a.remade[s.Name] || a.wanted.Set(s.Name) == nil) {
			t.Batch.DeleteSet(a.id, s.Name)
			t.Elements.Removed += len(s.Elements)
		}
	}
	for i := range a.wanted.Sets {
		s := &a.wanted.Sets[i]
		if s.Anonymous() || (a.live.Set(s.Name) != nil && !a.remade[s.Name]) {
			continue
		}
		t.Reshaped = append(t.Reshaped, "set "+a.id.String()+" "+s.Name)
		t.Batch.AddSet(a.id, s)
		t.Batch.AddElements(a.id, s.Name, s.Elements)
		t.Elements.Added += len(s.Elements)
	}
	for _, c := range a.live.Chains {
		if a.wanted.Chain(c.Name) == nil {
			t.Batch.DeleteChain(a.id, c.Name)
		}
	}
}

// memo is the chain that no packet meets: it only says what the tables were made from. Its rules are not counted when they change.
const memo = "origins"

// refill gives chains their rules again.
func (t *Tables) refill(a amendment) {
	for _, c := range a.live.Chains {
		if a.refilled[c.Name] && c.Name != memo {
			t.Rules.Removed += len(c.Rules)
		}
	}
	for _, c := range a.wanted.Chains {
		if !a.refilled[c.Name] {
			continue
		}
		t.Reshaped = append(t.Reshaped, "chain "+a.id.String()+" "+c.Name)
		for _, r := range c.Rules {
			t.Batch.AddRule(a.wanted, c.Name, r)
		}
		if c.Name != memo {
			t.Rules.Added += len(c.Rules)
		}
	}
}
