package integration_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/gateway/compile"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	changes "cordon/gateway/plan"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/policy"
)

// limited are the things that an exception can open: out by an uplink and in by it, and between segments, in both families.
func limited() []flow {
	return []flow{
		{name: "firmware", from: c1, to: "198.51.100.7", protocol: policy.TCP, port: 443},
		{name: "firmware in IPv6", from: c1, to: "2001:db8:1::7", protocol: policy.TCP, port: 443},
		{name: "support", from: internet, to: "10.30.0.21", protocol: policy.TCP, port: 8443},
		{name: "support in IPv6", from: internet, to: "fd30::21", protocol: policy.TCP, port: 8443},
		{name: "visit", from: office, to: "10.30.0.22", protocol: policy.TCP, port: 8080},
		{name: "visit in IPv6", from: office, to: "fd30::21", protocol: policy.TCP, port: 8080},
		{name: "share", from: c1, to: "10.50.0.5", protocol: policy.TCP, port: 445},
		{name: "share in IPv6", from: c1, to: "fd50::5", protocol: policy.TCP, port: 446},
		{name: "migration", from: nvr, to: "10.30.0.21", protocol: policy.TCP, port: 9000},
		{name: "bare recorder", from: nvr2, to: "198.51.100.7", protocol: policy.TCP, port: 8080},
	}
}

// exceptions open all of limited until a moment.
func exceptions(until time.Time) string {
	at := until.Format(time.RFC3339)
	block := func(name, from, to, tcp string) string {
		return "service \"" + name + "\" {\n  tcp = [" + tcp + "]\n}\n" +
			"exception \"" + name + "\" {\n  from = [" + from + "]\n  to = [" + to + "]\n  services = [service." + name + "]\n" +
			"  until = \"" + at + "\"\n  reason = \"a test\"\n  owner = \"somebody\"\n}\n"
	}
	return block("firmware", "camera.c1", `"198.51.100.7", "2001:db8:1::7"`, `"443"`) +
		block("support", "segment.internet", "camera.c1", `"8443"`) +
		block("visit", "segment.office", "segment.cameras", `"8080"`) +
		block("share", "camera.c1", "segment.office", `"445-446"`) +
		block("migration", "recorder.nvr", "camera.c1", `"9000"`) +
		block("relay", "recorder.nvr2", "segment.internet", `"8080"`)
}

// throughExceptions opens a flow through each exception.
func throughExceptions(t *testing.T, l *lab.Lab) (running []*conversation) {
	t.Helper()
	served := map[string]bool{}
	for _, f := range limited() {
		if to := owner(netip.MustParseAddr(f.to)); !served[fmt.Sprint(to, f.port)] {
			served[fmt.Sprint(to, f.port)] = true
			echo(t, l, to, f.port)
		}
		running = append(running, dial(t, l, f.from, f.to, f.port))
	}
	return running
}

// lives counts the elements that end by themselves, in the kernel.
func lives(t *testing.T, l *lab.Lab) int {
	t.Helper()
	n := 0
	tables(t, l, func(conn *nft.Conn) error {
		reading, err := conn.Read(t.Context())
		for i := range reading.Ours {
			for j := range reading.Ours[i].Sets {
				if s := &reading.Ours[i].Sets[j]; strings.HasPrefix(s.Name, "live") {
					n += len(s.Elements)
				}
			}
		}
		return err
	})
	return n
}

// tables runs a function with the gateway's packet filter opened.
func tables(t *testing.T, l *lab.Lab, fn func(*nft.Conn) error) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		return fn(conn)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ended waits until the kernel has ended everything that it was to end.
func ended(t *testing.T, l *lab.Lab, until time.Time) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for lives(t, l) > 0 {
		if time.Since(until) > patience {
			t.Fatalf("%d elements outlive their end", lives(t, l))
		}
		<-tick.C
	}
	if early := time.Until(until); early > 2*time.Second {
		t.Errorf("everything ended %s early", early)
	}
}

// TestExceptionEnds holds that an exception opens what it names and nothing else, and that the kernel ends it, its running flows and its
// way through policy routing, while nothing of Cordon runs.
func TestExceptionEnds(t *testing.T) {
	l := open(t)
	plain := head + allows
	apply(t, l, read(t, plain))
	start := time.Now()
	for i, arrived := range whichArrive(t, l, limited()) {
		if arrived {
			t.Fatalf("control: %s arrives without an exception", limited()[i].name)
		}
	}
	until := time.Now().Add(5*time.Second + 4*time.Since(start)) // as fast as the machine is
	apply(t, l, read(t, plain+exceptions(until)))
	recording := stream(t, l, nvr, "10.30.0.21", 554)
	running := throughExceptions(t, l)
	for i, arrived := range whichArrive(t, l, beside()) {
		if arrived {
			t.Errorf("beside the exceptions, %s arrives", beside()[i].name)
		}
	}
	for _, c := range append(running, recording) {
		if !c.alive(t) {
			t.Errorf("%s is not answered while its exception lasts", c.name)
		}
	}
	if time.Until(until) < time.Second {
		t.Fatal("the machine was too slow for this test to mean anything")
	}
	ended(t, l, until)
	for _, c := range running {
		if c.alive(t) {
			t.Errorf("%s outlives its exception", c.name)
		}
	}
	if !recording.alive(t) {
		t.Error("the recording did not outlive the exceptions")
	}
	for _, priority := range []int{-150, 1<<31 - 1} {
		foreignMark(t, l, priority)
		for i, arrived := range whichArrive(t, l, limited()) {
			if arrived {
				t.Errorf("%s arrives after its exception, by a mark that somebody else sets at %d", limited()[i].name, priority)
			}
		}
	}
}

// foreignMark makes another program's table that gives every packet the mark of exceptions.
func foreignMark(t *testing.T, l *lab.Lab, priority int) {
	t.Helper()
	other := ruleset.Ruleset{Tables: []ruleset.Table{{
		Family: ruleset.Inet, Name: fmt.Sprintf("other%d", uint32(priority)), Chains: []ruleset.Chain{{
			Name: "prerouting", Hook: &ruleset.Hook{Point: ruleset.Prerouting, Priority: priority},
			Rules: []ruleset.Rule{{Statements: []ruleset.Statement{ruleset.SetMark{Value: netstate.ExceptionMark}}}},
		}},
	}}}
	tables(t, l, func(conn *nft.Conn) error {
		return conn.Commit(t.Context(), changes.TablesBetween(nil, wire.Of(other), 0).Batch)
	})
}

// beside are flows next to what the exceptions open.
func beside() []flow {
	return []flow{
		{name: "another port", from: c1, to: "198.51.100.7", protocol: policy.TCP, port: 444},
		{name: "another protocol", from: c1, to: "198.51.100.7", protocol: policy.UDP, port: 443},
		{name: "another host", from: c1, to: "203.0.113.80", protocol: policy.TCP, port: 443},
		{name: "another camera", from: c2, to: "198.51.100.7", protocol: policy.TCP, port: 443},
		{name: "another recorder", from: nvr, to: "198.51.100.7", protocol: policy.TCP, port: 8080},
		{name: "from the service's port", from: c1, to: "198.51.100.7", protocol: policy.UDP, port: 99, sport: 443},
		{name: "the internet at another camera", from: internet, to: "10.30.0.22", protocol: policy.TCP, port: 8443},
		{name: "the internet at a recorder", from: internet, to: "10.40.0.10", protocol: policy.TCP, port: 8443},
		{name: "the other way", from: office, to: "10.30.0.21", protocol: policy.TCP, port: 445},
		{name: "below the range", from: c1, to: "10.50.0.5", protocol: policy.TCP, port: 444},
		{name: "above the range", from: c1, to: "fd50::5", protocol: policy.TCP, port: 447},
		{name: "a stranger", from: stranger, to: "198.51.100.7", protocol: policy.TCP, port: 443},
		{name: "a stranger as the camera", from: stranger, to: "198.51.100.7", protocol: policy.UDP, port: 443, source: "10.30.0.21"},
	}
}

// wayless are those of limited that the site's allows give no way: policy routing knows peers, not services.
func wayless() []flow {
	return slices.DeleteFunc(limited(), func(f flow) bool { return f.name == "visit" || f.name == "share" || f.name == "migration" })
}

// TestRouteLockEnds holds the second lock alone: of the packet filter only the chain that marks is left, and its sets. The way opens with
// the elements and is shut when they end. The controls are the chain without policy routing's rules being asked, and the rules without it.
func TestRouteLockEnds(t *testing.T) {
	l := open(t)
	apply(t, l, read(t, head+allows+exceptions(time.Now().Add(time.Hour))))
	flushTables(t, l)
	start := time.Now()
	for i, arrived := range whichArrive(t, l, wayless()) {
		if arrived {
			t.Errorf("control: with the rules alone, %s arrives", wayless()[i].name)
		}
	}
	until := time.Now().Add(4*time.Second + 4*time.Since(start)) // as fast as the machine is
	p := read(t, head+allows+exceptions(until))
	only(t, l, p, "unlock")
	for i, arrived := range whichArrive(t, l, wayless()) {
		if !arrived {
			t.Errorf("%s does not arrive while its exception lasts", wayless()[i].name)
		}
	}
	ended(t, l, until)
	for i, arrived := range whichArrive(t, l, wayless()) {
		if arrived {
			t.Errorf("the way of %s outlives its exception", wayless()[i].name)
		}
	}
	only(t, l, p, "forward")
	for _, f := range []flow{wayless()[0], wayless()[3]} {
		if arrives(t, l, f) {
			t.Errorf("without the marking chain, %s arrives", f.name)
		}
	}
}

// only puts one base chain of the packet filter in force, with the chains that it leads to.
func only(t *testing.T, l *lab.Lab, p policy.Policy, name string) {
	t.Helper()
	filter := compile.Ruleset(p, "", gateway.SystemClock(time.Now, true)())
	for i := range filter.Tables {
		table := &filter.Tables[i]
		table.Chains = slices.DeleteFunc(table.Chains, func(c ruleset.Chain) bool { return c.Hook != nil && c.Name != name })
	}
	filter.Tables = slices.DeleteFunc(filter.Tables, func(table ruleset.Table) bool { return table.Family != ruleset.Inet })
	tables(t, l, func(conn *nft.Conn) error {
		reading, err := conn.Read(t.Context())
		if err != nil {
			return err
		}
		return conn.Commit(t.Context(), changes.TablesBetween(reading.Ours, wire.Of(filter), reading.Generation).Batch)
	})
}

// TestHours holds that a schedule opens with its hours as elements alone, and that one whose clock is not known to be right stays shut.
func TestHours(t *testing.T) {
	l := open(t)
	p := read(t, head+allows+"allow \"clean\" {\n  from = host.jump\n  to = camera.c2\n  services = [\"ssh\"]\n"+
		"  during {\n    days  = [\"mon\"]\n    hours = \"08:00-17:00\"\n  }\n}\n")
	f := flow{name: "clean", from: jump, to: "10.30.0.22", protocol: policy.TCP, port: 22}
	serveAll(t, l, []flow{f})
	monday := time.Date(2026, 11, 23, 7, 59, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		at      policy.Moment
		arrives bool
		window  changes.Window
	}{
		{"before", policy.Moment{Time: monday, Trusted: true}, false, ""},
		{"at the hour", policy.Moment{Time: monday.Add(time.Minute), Trusted: true}, true, changes.Opens},
		{"later", policy.Moment{Time: monday.Add(time.Hour), Trusted: true}, true, changes.Moves},
		{"by a clock that may be wrong", policy.Moment{Time: monday.Add(time.Hour)}, false, changes.Closes},
		{"trusted again", policy.Moment{Time: monday.Add(time.Hour), Trusted: true}, true, changes.Opens},
		{"at the end", policy.Moment{Time: monday.Add(9*time.Hour + time.Minute), Trusted: true}, false, changes.Closes},
		{"another day", policy.Moment{Time: monday.Add(25 * time.Hour), Trusted: true}, false, ""},
	} {
		proposal := applyAt(t, l, p, func() policy.Moment { return c.at })
		if got := arrives(t, l, f); got != c.arrives {
			t.Errorf("%s: arrived %t, want %t", c.name, got, c.arrives)
		}
		if c.name == "before" {
			continue
		}
		if len(proposal.Plan.Reshaped) != 0 || !proposal.Plan.Network.Empty() {
			t.Errorf("%s: the hour changes %v", c.name, proposal.Plan.Changes)
		}
		var got changes.Window
		for _, change := range proposal.Plan.Changes {
			got = change.Window
		}
		if got != c.window {
			t.Errorf("%s: the plan says %q, want %q", c.name, got, c.window)
		}
	}
}

// applyAt puts a policy in force as it is at a moment, and plans it again, which must find nothing to do.
func applyAt(t *testing.T, l *lab.Lab, p policy.Policy, clock gateway.Clock) gateway.Proposal {
	t.Helper()
	var proposal gateway.Proposal
	err := l.Gateway().Do(func() error {
		g, err := gateway.Open(clock)
		if err != nil {
			return err
		}
		defer g.Close()
		if proposal, err = g.Propose(t.Context(), p, ""); err != nil {
			return err
		}
		if _, err = g.Change(context.Background(), proposal); err != nil {
			return err
		}
		again, err := g.Propose(t.Context(), p, "")
		if err == nil && !again.Empty() {
			t.Errorf("a second apply would change %v", again.Plan.Changes)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return proposal
}

// TestUndoneExceptionKeepsItsEnd holds that a change which is taken back gives an exception the time that it had left, not its whole time
// again.
func TestUndoneExceptionKeepsItsEnd(t *testing.T) {
	l := open(t)
	clock := gateway.SystemClock(time.Now, true)
	start := time.Now()
	applyAt(t, l, read(t, head+allows), clock)
	until := time.Now().Add(3*time.Second + 4*time.Since(start)) // as fast as the machine is
	p := read(t, head+allows+exceptions(until))
	applyAt(t, l, p, clock)
	other, _ := compile.State(read(t, head+allows), "", clock())
	tables(t, l, func(conn *nft.Conn) error {
		reading, err := conn.Read(t.Context())
		if err != nil {
			return err
		}
		change := changes.Between(p, netstate.State{Tables: reading.Ours}, other, reading.Generation)
		if err := conn.Commit(t.Context(), change.Batch); err != nil {
			return err
		}
		if n := lives(t, l); n != 0 {
			t.Errorf("control: %d elements are left without the exceptions", n)
		}
		return conn.Commit(t.Context(), change.Restore())
	})
	if lives(t, l) == 0 {
		t.Error("nothing was put back")
	}
	ended(t, l, until)
}

// TestLongException holds that the kernel keeps the longest time that an exception may have, as it was told.
func TestLongException(t *testing.T) {
	l := open(t)
	p := read(t, head+allows+exceptions(time.Now().Add(29*24*time.Hour)))
	applyAt(t, l, p, gateway.SystemClock(time.Now, true))
	if f := limited()[1]; !arrives(t, l, f) {
		t.Errorf("%s does not arrive", f.name)
	}
}

// dying has the elements of exceptions end one behind the other, two milliseconds each. It returns how many.
func dying(t *testing.T, l *lab.Lab) (n int) {
	t.Helper()
	tables(t, l, func(conn *nft.Conn) error {
		reading, err := conn.Read(t.Context())
		if err != nil {
			return err
		}
		out, in := wire.NewBatch(0), wire.NewBatch(0)
		for i := range reading.Ours {
			table := &reading.Ours[i]
			for _, s := range table.Sets {
				if !strings.HasPrefix(s.Name, "live") || len(s.Elements) == 0 {
					continue
				}
				list := slices.Clone(s.Elements)
				for k := range list {
					n++
					list[k].Timeout, list[k].Expiration = uint64(2*n), 0
				}
				out.DeleteElements(table.ID(), s.Name, s.Elements)
				in.AddElements(table.ID(), s.Name, list)
			}
		}
		if err := conn.Commit(t.Context(), out); err != nil {
			return err
		}
		return conn.Commit(t.Context(), in)
	})
	return n
}

// TestEndsWhileItIsChanged holds that a change does not fail because the time of an element that it takes away ends between the reading
// and the change.
func TestEndsWhileItIsChanged(t *testing.T) {
	l := open(t)
	clock := gateway.SystemClock(time.Now, true)
	lasting, plain := read(t, head+allows+exceptions(time.Now().Add(time.Hour))), read(t, head+allows)
	for range 5 {
		applyAt(t, l, lasting, clock)
		if n := dying(t, l); n < 20 {
			t.Fatalf("%d elements were to end", n)
		}
		applyAt(t, l, plain, clock)
	}
}
