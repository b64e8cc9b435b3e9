package plan

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"time"

	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/policy"
)

// Back is the way back: all that a plan touches as it was before, whoever had made it. It is a value that can be kept on disk, and it
// leads back from wherever the machine has come to since, not only from where the plan led.
type Back struct {
	// Before is the part of the machine that a plan touches. Its links are exact.
	Before netstate.State
	// At is the time since boot at which the machine was read: what ends by itself has less time left later.
	At time.Duration
}

// Back returns the way back from a plan that was made at a time since boot.
func (p Plan) Back(at time.Duration) Back {
	b := Back{At: at, Before: netstate.State{Tables: written(p.before), Sysctls: present(p.live.Sysctls)}}
	touched := p.touched()
	for _, l := range p.live.Links {
		if l.Governed() || l.Ours() || touched[netstate.Link{Name: l.Name}] {
			l.Exact, l.Index = true, 0
			b.Before.Links = append(b.Before.Links, l)
		}
	}
	for _, a := range p.live.Addresses {
		if a.Ours() || touched[a] {
			b.Before.Addresses = append(b.Before.Addresses, a)
		}
	}
	for _, r := range p.live.Routes {
		if r.Ours() || touched[r] {
			b.Before.Routes = append(b.Before.Routes, r)
		}
	}
	for _, r := range p.live.Rules {
		if r.Ours() || touched[r] {
			b.Before.Rules = append(b.Before.Rules, r)
		}
	}
	for _, e := range p.live.Neighbours {
		governed := func(l netstate.Link) bool { return l.Name == e.Interface && l.Governed() }
		if touched[e] || slices.ContainsFunc(b.Before.Links, governed) {
			b.Before.Neighbours = append(b.Before.Neighbours, e)
		}
	}
	return b
}

// touched are the objects that the plan changes or removes, as they were; a link is known by its name alone.
func (p Plan) touched() map[netstate.Object]bool {
	objects := map[netstate.Object]bool{}
	for _, s := range slices.Concat(p.Tighten, p.Loosen, p.Forward) {
		object := s.Object
		if s.Action == Amend {
			object = s.Before
		}
		if l, ok := object.(netstate.Link); ok {
			object = netstate.Link{Name: l.Name}
		}
		if s.Action != Add {
			objects[object] = true
		}
	}
	return objects
}

// present leaves out the settings that the kernel did not have.
func present(settings []netstate.Sysctl) []netstate.Sysctl {
	return slices.DeleteFunc(slices.Clone(settings), func(s netstate.Sysctl) bool { return s.Missing })
}

// written returns tables without what rules themselves wrote into sets: it is not for us to bring back.
func written(tables []wire.Table) []wire.Table {
	tables = slices.Clone(tables)
	for i := range tables {
		tables[i].Sets = slices.Clone(tables[i].Sets)
		for j := range tables[i].Sets {
			if s := &tables[i].Sets[j]; s.Written() {
				s.Elements = nil
			}
		}
	}
	return tables
}

// Plan returns the plan from the live state back, at a time since boot.
func (b Back) Plan(live netstate.State, generation uint32, now time.Duration) Plan {
	wanted := b.Before
	wanted.Tables = later(wanted.Tables, now-b.At)
	return Between(policy.Policy{}, live, wanted, generation)
}

// later returns tables as they are after a while: what has a time has less of it left, or has ended.
func later(tables []wire.Table, passed time.Duration) []wire.Table {
	gone := uint64(max(0, passed.Milliseconds()))
	tables = restored(tables)
	for i := range tables {
		for j := range tables[i].Sets {
			s := &tables[i].Sets[j]
			if s.Written() {
				continue
			}
			s.Elements = slices.DeleteFunc(s.Elements, func(e wire.Element) bool { return e.Timeout != 0 && e.Timeout <= gone })
			for k := range s.Elements {
				if s.Elements[k].Timeout != 0 {
					s.Elements[k].Timeout -= gone
					s.Elements[k].Expiration = s.Elements[k].Timeout
				}
			}
		}
	}
	return tables
}

// backVersion is the version of the form in which a way back is kept. It reads no other.
const backVersion = 1

// MarshalBinary returns the form that is kept on disk.
func (b Back) MarshalBinary() ([]byte, error) {
	var out bytes.Buffer
	w := gob.NewEncoder(&out)
	type plain Back
	if err := w.Encode(backVersion); err != nil {
		return nil, err
	}
	if err := w.Encode(plain(b)); err != nil {
		return nil, fmt.Errorf("write the way back: %w", err)
	}
	return out.Bytes(), nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (b *Back) UnmarshalBinary(content []byte) error {
	type plain Back
	var version int
	r := gob.NewDecoder(bytes.NewReader(content))
	if err := r.Decode(&version); err != nil {
		return fmt.Errorf("read the way back: %w", err)
	}
	if version != backVersion {
		return fmt.Errorf("read the way back: version %d, want %d", version, backVersion)
	}
	if err := r.Decode((*plain)(b)); err != nil {
		return fmt.Errorf("read the way back: %w", err)
	}
	return nil
}
