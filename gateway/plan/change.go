package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cordon/gateway/wire"
	"cordon/policy"
)

// Action is what happens to something.
type Action string

// The actions, by their words in the JSON documents.
const (
	Add    Action = "add"
	Remove Action = "remove"
	Amend  Action = "change"
)

// Change is one sentence of a plan: what happens to what, and where the policy says so.
type Change struct {
	Action Action
	Kind   string // camera, recorder, host, allow, manage, segment, skeleton, route, rule, address, link, sysctl, neighbour
	Name   string
	Origin policy.Origin
	// Text is the object in words that need no translation: a device's address and MAC, a route as ip(8) writes it.
	Text string
	// Peers are the recorders that a camera gets.
	Peers []string
	// Window says what the hour does to an allow or exception that stays.
	Window Window
}

// Window is what becomes of an opening that depends on the hour.
type Window string

// What becomes of it; "" is nothing.
const (
	Opens  Window = "opens"
	Closes Window = "closes"
	Moves  Window = "moves" // it ends at another time than it would have
)

// tag is what the kernel remembers of one thing that a policy names: where it stood and what it said.
type tag struct {
	code string // f0:60
	says string // a digest of a block, the elements of a device
}

// tags is what the tables say that they hold: by kind and name.
type tags struct {
	things map[[2]string]tag
	files  map[string]string // f0 → school.hcl
}

// tagsOf reads the comments that compile writes: blocks from the chain "origins", devices from the sets that say who they are.
func tagsOf(tables []wire.Table) tags {
	t := tags{things: map[[2]string]tag{}, files: map[string]string{}}
	byFamily := func(a, b wire.Table) int { return cmp.Compare(a.Family, b.Family) }
	tables = slices.SortedFunc(slices.Values(tables), byFamily) // one that was made anew is listed last
	for i := range tables {
		if c := tables[i].Chain(memo); c != nil {
			for _, r := range c.Rules {
				t.block(wire.Comment(r.Userdata))
			}
		}
		for _, name := range [...]string{"devices4", "devices6", "bare4", "bare6"} {
			if s := tables[i].Set(name); s != nil {
				t.devices(s)
			}
		}
	}
	return t
}

// block reads "f0 school.hcl" or "f0:60 allow 9a3c11f0 record".
func (t tags) block(comment string) {
	code, rest, _ := strings.Cut(comment, " ")
	if !strings.Contains(code, ":") {
		t.files[code] = rest
		return
	}
	words := strings.SplitN(rest, " ", 3)
	if len(words) == 3 {
		t.things[[2]string{words[0], words[2]}] = tag{code, words[1]}
	}
}

// devices reads "f0:30 camera.gym" of every element, in an order of our own: the kernel lists a set's elements in none.
func (t tags) devices(s *wire.Set) {
	byKey := func(a, b wire.Element) int { return strings.Compare(a.Key, b.Key) }
	for _, e := range slices.SortedFunc(slices.Values(s.Elements), byKey) {
		code, reference, _ := strings.Cut(wire.Comment(e.Userdata), " ")
		kind, name, found := strings.Cut(reference, ".")
		if !found {
			continue
		}
		k := [2]string{kind, name}
		t.things[k] = tag{code, t.things[k].says + s.Name + e.Key}
	}
}

// origin returns the place behind a code.
func (t tags) origin(code string) policy.Origin {
	file, line, _ := strings.Cut(code, ":")
	o := policy.Origin{File: t.files[file]}
	for _, digit := range line {
		if digit < '0' || digit > '9' {
			return policy.Origin{}
		}
		o.Line = o.Line*10 + int(digit-'0')
	}
	return o
}

// named returns the changes of what a policy names, by kind and name.
func named(p policy.Policy, live, wanted []wire.Table) []Change {
	before, after := tagsOf(live), tagsOf(wanted)
	d := describer{policy: p, devices: map[string]policy.DeviceID{}, recorders: recordersOf(p)}
	for i := range p.Devices {
		d.devices[p.Devices[i].Reference()] = policy.DeviceID(i)
	}
	var changes []Change
	for _, k := range slices.SortedFunc(maps.Keys(after.things), compareNames) {
		w := after.things[k]
		l, there := before.things[k]
		switch {
		case !there:
			changes = append(changes, d.change(Add, k, after.origin(w.code)))
		case l.says != w.says:
			changes = append(changes, d.change(Amend, k, after.origin(w.code)))
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(before.things), compareNames) {
		if _, there := after.things[k]; !there {
			changes = append(changes, d.change(Remove, k, before.origin(before.things[k].code)))
		}
	}
	return changes
}

// windows returns the changes of openings that stay in the policy and that the hour opens or closes, by the elements that come and go.
func (t Tables) windows(live, wanted []wire.Table, known []Change) []Change {
	before, after := tagsOf(live), tagsOf(wanted)
	type turn struct{ entered, left bool }
	turns := map[string]turn{}
	for _, e := range t.Entered {
		if strings.HasPrefix(e.Set, limited) {
			turns[wire.Comment(e.Element.Userdata)] = turn{entered: true}
		}
	}
	for _, e := range t.Left {
		if code := wire.Comment(e.Element.Userdata); strings.HasPrefix(e.Set, limited) && before.same(after, code) {
			turns[code] = turn{entered: turns[code].entered, left: true}
		}
	}
	var changes []Change
	for _, k := range slices.SortedFunc(maps.Keys(after.things), compareNames) {
		turned, there := turns[after.things[k].code]
		same := func(c Change) bool { return c.Kind == k[0] && c.Name == k[1] }
		if !there || slices.ContainsFunc(known, same) {
			continue
		}
		c := Change{Action: Amend, Kind: k[0], Name: k[1], Origin: after.origin(after.things[k].code), Window: Moves}
		switch {
		case !turned.left:
			c.Window = Opens
		case !turned.entered:
			c.Window = Closes
		}
		changes = append(changes, c)
	}
	return changes
}

// limited is what the names of the sets begin with whose elements have a time.
const limited = "live"

// same says whether a code means the same place in both.
func (t tags) same(other tags, code string) bool { return t.origin(code) == other.origin(code) }

// compareNames orders by kind, in the order of a policy's blocks, then by name.
func compareNames(a, b [2]string) int {
	order := []string{"segment", "manage", "recorder", "host", "camera", "allow", "exception"}
	return cmp.Or(slices.Index(order, a[0])-slices.Index(order, b[0]), cmp.Compare(a[1], b[1]))
}

// describer puts what the policy knows of a device into its change.
type describer struct {
	policy    policy.Policy
	devices   map[string]policy.DeviceID
	recorders map[policy.DeviceID][]string
}

func (d describer) change(action Action, k [2]string, at policy.Origin) Change {
	c := Change{Action: action, Kind: k[0], Name: k[1], Origin: at}
	id, known := d.devices[k[0]+"."+k[1]]
	if !known || action == Remove {
		return c
	}
	device := &d.policy.Devices[id]
	words := make([]string, 0, len(device.Addresses)+1)
	for _, a := range device.Addresses {
		words = append(words, a.String())
	}
	if !device.MAC.IsZero() {
		words = append(words, device.MAC.String())
	}
	c.Text = strings.Join(words, " ")
	c.Origin = device.Origin
	c.Peers = d.recorders[id]
	return c
}

// recordersOf returns the recorders that an allow lets open each camera.
func recordersOf(p policy.Policy) map[policy.DeviceID][]string {
	list := map[policy.DeviceID][]string{}
	for _, a := range p.Allows {
		for _, from := range a.From {
			for _, id := range from.Devices {
				if p.Devices[id].Kind == policy.Recorder {
					record(list, a.To, p.Devices[id].Name)
				}
			}
		}
	}
	return list
}

func record(list map[policy.DeviceID][]string, to []policy.Endpoint, recorder string) {
	for _, e := range to {
		for _, id := range e.Devices {
			if !slices.Contains(list[id], recorder) {
				list[id] = append(list[id], recorder)
			}
		}
	}
}
