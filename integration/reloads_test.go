package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/policy"
)

// streamRate is how many packets a second an allowed stream sends: forty megabits of a camera's video.
const streamRate = 2000

// steady sends a train's packets at the rate until it is told to end. What the machine was too busy to send in time it sends late.
func steady(r *train, end <-chan struct{}) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; {
		for n, due := 0, uint32(time.Since(begin).Seconds()*streamRate); n < 20 && r.sent < due; n++ { // more fill a queue
			if err := r.send(); errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
				break // the machine's queue is full: it is sent later
			} else if err != nil {
				return err
			}
		}
		select {
		case <-end:
			return nil
		case <-tick.C:
		}
	}
}

// passage is what came through while something went on.
type passage struct {
	forbidden     int // packets that were sent
	arrived       map[string]int
	sent, missing int // of the allowed stream
	took          time.Duration
}

// String says it in a line.
func (p passage) String() string {
	return fmt.Sprintf("%s, %d of %d packets lost, of %d forbidden ones %v arrived",
		p.took.Round(time.Millisecond), p.missing, p.sent, p.forbidden, p.arrived)
}

// through does something under the full forbidden flood, beside an allowed stream.
func through(t *testing.T, l *lab.Lab, do func()) passage {
	t.Helper()
	watching, stream := watchFlood(t, l), newTrain(t, l, c1, inRecorder, mediaPort)
	end, poured, sent := make(chan struct{}), make(chan int, 1), make(chan error, 1)
	frames := forbidden(t, l)
	unceasing := make(chan time.Time) // as fast as the machine takes them
	close(unceasing)
	go func() { poured <- send(l, frames, unceasing, end) }()
	go func() { sent <- steady(stream, end) }()
	begin := time.Now()
	do()
	p := passage{took: time.Since(begin)}
	close(end)
	p.forbidden = <-poured
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	within(t, stream.watch, int(stream.sent))
	p.sent, p.missing, p.arrived = int(stream.sent), int(stream.sent)-len(stream.numbers()), watching.arrived()
	return p
}

// versions are policies that an administrator may apply one after another: cameras, allows, services, modes and networks come and go.
// None of them opens what is forbidden, and all of them allow the stream.
func versions(t *testing.T) []policy.Policy {
	t.Helper()
	full := head + allows
	network := strings.Replace(full, `"10.40.0.1/24", "fd40::1/64"`, `"10.40.0.1/24", "10.41.0.1/24", "fd40::1/64"`, 1)
	fewer := strings.Replace(full, `services = ["https", "ping"]`, `services = ["ping"]`, 1)
	var list []policy.Policy
	for _, text := range []string{full, full + more, fewer, network + more, full + exceptions(time.Now().Add(time.Hour)), fewer + more} {
		list = append(list, read(t, text))
	}
	list = append(list, serving(t, "time = \"intercept\"\nnames = \"sinkhole\""))
	for i := range list {
		for j := range i {
			if list[i].Digest == list[j].Digest {
				t.Fatalf("versions %d and %d are one", j, i)
			}
		}
	}
	return list
}

// TestReloads applies one policy after another under a flood of what is forbidden, as fast as the machine sends it, beside an allowed
// stream of 2,000 packets a second. Nothing forbidden arrives, and the stream loses no more than in the same time without any reload.
// RELOADS says how many; the control is the same flood without the gateway's locks.
func TestReloads(t *testing.T) {
	n := 40
	if runtime.NumCPU() == 1 { // an emulated processor, beside the flood
		n = 4
	}
	if text := os.Getenv("RELOADS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t)
	serveAll(t, l, []flow{{to: inRecorder, protocol: policy.UDP, port: mediaPort}})
	list := versions(t)
	apply(t, l, list[0])
	var changed, made int
	reloaded := through(t, l, func() {
		inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
			for i := range n {
				proposal, err := g.Propose(ctx, list[(i+1)%len(list)], "")
				if err != nil {
					return err
				}
				outcome, err := g.Change(ctx, proposal)
				if err != nil {
					return err
				}
				if outcome.Applied {
					changed++
				}
				made += len(proposal.Plan.Changes)
			}
			return nil
		})
	})
	still := through(t, l, func() { <-time.After(reloaded.took) })
	t.Logf("%d reloads with %d changes: %s", n, made, reloaded)
	t.Logf("as long without: %s", still)
	for _, p := range []passage{reloaded, still} {
		if len(p.arrived) > 0 || p.forbidden < 100*n {
			t.Errorf("%d forbidden packets were sent, %v arrived", p.forbidden, p.arrived)
		}
	}
	if changed != n {
		t.Errorf("%d of %d reloads changed anything", changed, n)
	}
	// A thousandth is what a busy machine loses in a queue of the lab itself; an emulated one loses a half, whatever is done.
	if runtime.NumCPU() > 1 && reloaded.missing > still.missing+reloaded.sent/1000 {
		t.Errorf("with reloads %d of %d packets are lost, without %d of %d", reloaded.missing, reloaded.sent, still.missing, still.sent)
	}
	flushTables(t, l)
	flushRules(t, l)
	if open := through(t, l, func() { <-time.After(200 * time.Millisecond) }); len(open.arrived) < 3 {
		t.Errorf("control: without locks the flood reaches only %v", open.arrived)
	}
}
