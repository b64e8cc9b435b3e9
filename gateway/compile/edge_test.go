package compile_test

import (
	"reflect"
	"testing"
	"time"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// withoutTime takes out of a state what is left to each element, and returns it in milliseconds.
func withoutTime(s netstate.State) (netstate.State, []uint64) {
	var left []uint64
	for i := range s.Tables {
		for j := range s.Tables[i].Sets {
			elements := s.Tables[i].Sets[j].Elements
			for k := range elements {
				if elements[k].Timeout != 0 {
					left = append(left, elements[k].Timeout)
					elements[k].Timeout = 1
				}
			}
		}
	}
	return s, left
}

// scheduled is the temporary school with windows that meet, that cross midnight, that a policy's end cuts off, and that never end.
func scheduled() policy.Policy {
	p := temporary()
	every := [7]bool{true, true, true, true, true, true, true}
	p.Exceptions[0].During = []policy.Window{{Days: every, From: 12*60 + 10, To: 12*60 + 20}, {Days: every, From: 12*60 + 20, To: 12*60 + 30}}
	p.Exceptions[2].During = []policy.Window{{Days: every, From: 12*60 + 45, To: 14 * 60}}
	clean := p.Allows[len(p.Allows)-1]
	night, always := clean, clean
	night.Name, night.During = "night", []policy.Window{{Days: every, From: 22 * 60, To: 6 * 60}}
	always.Name, always.During = "always", []policy.Window{{Days: every, From: 0, To: 24 * 60}}
	night.Services, always.Services = []policy.Service{tcp("http", 80)}, []policy.Service{tcp("https", 443)}
	p.Allows = append(p.Allows, night, always)
	return p
}

// TestEdge walks a day from edge to edge: in between nothing but the time that is left changes, and goes by as it should; at an edge
// something else does. The control counts where it does.
func TestEdge(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		p, at, edges, changed := scheduled(), policy.Moment{Time: noon().Time, Trusted: trusted}, 0, 0
		for edges < 20 {
			whole, _ := compile.State(p, "", at)
			before, left := withoutTime(whole)
			edge := compile.Edge(p, at)
			if !edge.After(at.Time) {
				t.Fatalf("the edge after %s is %s", at.Time, edge)
			}
			step := edge.Sub(at.Time)
			for _, d := range []time.Duration{step / 7, step / 3, step / 2, step * 6 / 7, step - time.Nanosecond} {
				again, _ := compile.State(p, "", policy.Moment{Time: at.Time.Add(d), Trusted: trusted})
				between, now := withoutTime(again)
				if !reflect.DeepEqual(before, between) {
					t.Fatalf("between %s and %s, at +%s, something changes", at.Time, edge, d)
				}
				for i := range left {
					aged := left[i] - min(left[i], uint64(d.Milliseconds()))
					if aged > now[i]+1000 || now[i] > aged+1000 {
						t.Fatalf("after %s of %d ms %d are left, want %d", d, left[i], now[i], aged)
					}
				}
			}
			at.Time = edge
			whole, _ = compile.State(p, "", at)
			if after, _ := withoutTime(whole); !reflect.DeepEqual(before, after) {
				changed++
			}
			edges++
		}
		t.Logf("trusted %t: %d of %d edges change something, the last at %s", trusted, changed, edges, at.Time)
		if trusted && changed < 10 || !trusted && changed != 0 {
			t.Errorf("control: %d edges change something", changed)
		}
	}
	if edge := compile.Edge(school(), noon()); !edge.IsZero() {
		t.Errorf("a policy without hours has an edge at %s", edge)
	}
}
