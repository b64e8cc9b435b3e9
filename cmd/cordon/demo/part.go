package demo

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy/message"
)

const (
	// atOnce is how many attempts are made at the same time.
	atOnce = 6
	// patience bounds the wait for what has to come.
	patience = 2 * time.Second
	// retries is how often an attempt that has to arrive is made at most.
	retries = 4
	// settle is how long a connection may need to be heard of after it was answered.
	settle = time.Second
	// frames is how many more frames say that a recording goes on: a third of a second.
	frames = 5
)

// result is what came of an attempt.
type result struct {
	attempt

	arrived int
	answer  lab.Answer
	took    time.Duration
}

// tryAll makes attempts, several at a time, and shows each in its order as soon as it is known. One that has to arrive is made again
// when it did not: a busy machine may lose a packet, and what was never seen to arrive could not be claimed to be refused.
func (d *demo) tryAll(ctx context.Context, list []attempt, hasTo func(attempt) bool, show func(result)) error {
	results := make([]result, len(list))
	done := make([]chan struct{}, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce + 1)
	for i := range list {
		done[i] = make(chan struct{})
	}
	group.Go(func() error {
		for i := range results {
			select {
			case <-ctx.Done():
				return nil // whoever failed says why
			case <-done[i]:
				show(results[i])
			}
		}
		return nil
	})
	for i, a := range list {
		group.Go(func() (err error) {
			for range retries {
				results[i], err = d.try(ctx, a)
				if err != nil {
					return err
				}
				if results[i].arrived > 0 || !hasTo(a) {
					break
				}
			}
			close(done[i])
			return nil
		})
	}
	return group.Wait()
}

// try makes an attempt. What arrived is counted by the far side: the witness on its wire, or the gateway's own console.
func (d *demo) try(ctx context.Context, a attempt) (result, error) {
	t := a.try
	t.Name = a.id
	from, before := netip.Addr{}, 0
	if ownerOf(t.To.Addr()) == "" {
		m, err := d.lab.Machine(t.From)
		if err != nil {
			return result{}, err
		}
		from = m.Address(t.To.Addr())
		before, _ = d.console.of(from)
	}
	r, err := d.lab.Try(ctx, t)
	if err != nil {
		return result{}, err
	}
	if from.IsValid() {
		wait := time.Duration(0)
		if r.Answer == lab.Replied {
			wait = settle
		}
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		r.Arrived = d.console.await(ctx, from, before)
	}
	return result{a, r.Arrived, r.Answer, r.Took}, nil
}

// byPolicy says that an attempt has to arrive when the policy allows it.
func byPolicy(a attempt) bool { return a.allowed }

// playControl makes every attempt while nothing stands in its way.
func (d *demo) playControl(ctx context.Context) error {
	arrived, count := 0, 0
	for _, list := range [][]attempt{attempts(), forgeries()} {
		err := d.tryAll(ctx, list, func(attempt) bool { return true }, func(r result) {
			d.control[r.id] = r.arrived
			arrived, count = arrived+min(r.arrived, 1), count+1
			d.screen.control(r)
		})
		if err != nil {
			return err
		}
	}
	d.claim("control", arrived == count, message.Args{"arrived": strconv.Itoa(arrived), "count": strconv.Itoa(count)})
	return d.announce()
}

// playApply puts the policy in force.
func (d *demo) playApply(ctx context.Context) error {
	a, err := d.apply(ctx, d.policy)
	if err != nil {
		return err
	}
	d.claim("apply", a.outcome.Applied, a.args())
	return d.leaveOut(ctx)
}

// playRecording starts the recorder and somebody in the office who watches the entrance.
func (d *demo) playRecording(ctx context.Context) error {
	start := time.Now()
	var err error
	if d.recorder, err = d.record(ctx, nvr, north); err != nil {
		return err
	}
	if d.guard, err = d.record(ctx, office, entrance); err != nil {
		return err
	}
	got := d.recorder.more(ctx, frames)
	d.claim("recording", got >= frames && d.recorder.Lost() == 0, message.Args{
		"frames": strconv.Itoa(got), "bytes": strconv.Itoa(d.recorder.Bytes()), "lost": strconv.Itoa(d.recorder.Lost()),
		"ms": milliseconds(time.Since(start)),
	})
	seen := d.guard.more(ctx, frames)
	d.claim("watching", seen > 0, message.Args{"frames": strconv.Itoa(d.guard.Frames())})
	d.before = d.calls()
	return nil
}

func (d *demo) playAttempts(ctx context.Context) error {
	return d.tryAll(ctx, attempts(), byPolicy, func(r result) { d.judge("", r) })
}

func (d *demo) playForgeries(ctx context.Context) error {
	if err := d.tryAll(ctx, forgeries(), byPolicy, func(r result) { d.judge("", r) }); err != nil {
		return err
	}
	return d.announce()
}

// announce lets the camera whose address was forged say where it is (RFC 5227 §3): the switch learnt from the forgery, and would send
// what is the camera's to the forger until the camera speaks.
func (d *demo) announce() error {
	m, err := d.lab.Machine(entrance)
	if err != nil {
		return err
	}
	own := m.Addresses[0].Addr()
	arp := frame.ARP{Operation: frame.ARPRequest, SenderMAC: m.MAC, Sender: own, Target: own}
	return m.SendFrame(frame.Ethernet{Destination: frame.Broadcast(), Source: m.MAC, Type: frame.TypeARP, Payload: arp.Bytes()}.Bytes())
}

// judge makes a step of an attempt: it holds when the far side counted what the policy says, and the same attempt arrived before.
func (d *demo) judge(prefix string, r result) {
	control := d.control[r.id]
	args := message.Args{
		"attempt": d.Words.Text("demo.attempt."+r.id, nil), "arrived": strconv.Itoa(r.arrived), "control": strconv.Itoa(control),
		"answer": d.answer(r),
	}
	kind := "refused"
	if r.allowed {
		kind = "allowed"
	}
	s := Step{
		ID: prefix + r.id, Held: control > 0 && (r.arrived > 0) == r.allowed,
		Claim: d.Words.Text("demo.claim."+kind, args), Measured: d.Words.Text("demo.measured."+kind, args),
	}
	d.steps = append(d.steps, s)
	d.screen.attempt(s, r, control, d.answer(r), d.because(prefix, r))
}

// answer says what whoever tried got to hear.
func (d *demo) answer(r result) string {
	return d.Words.Text("demo.answer."+r.answer.String(), message.Args{"ms": milliseconds(r.took)})
}

// because says which line of the policy decides about an attempt.
func (d *demo) because(prefix string, r result) string {
	switch {
	case prefix != "":
		return ""
	case r.allowed:
		return d.Words.Text("demo.why.allowed", message.Args{"place": allowOf(d.policy, r.id).Origin.String()})
	}
	return d.Words.Text("demo.why."+r.why.key, message.Args{"place": r.why.place(d.policy).String()})
}

// playTightening takes an allow out of the policy while its flow is running.
func (d *demo) playTightening(ctx context.Context) error {
	d.screen.removed(allowOf(d.policy, "watch"))
	tightened, err := read(withoutAllow(d.text(), "watch"))
	if err != nil {
		return err
	}
	a, err := d.apply(ctx, tightened, Revocation)
	if err != nil {
		return err
	}
	d.policy = tightened
	kept := d.recorder.more(ctx, 1) // what is on its way arrives
	last := d.guard.Frames()
	kept += d.recorder.more(ctx, frames+2)
	more := d.guard.Frames() - last
	flows, err := d.flowsOf("10.50.0.5", "10.30.0.22")
	if err != nil {
		return err
	}
	args := a.args()
	args["frames"], args["before"], args["flows"] = strconv.Itoa(more), strconv.Itoa(last), strconv.Itoa(flows)
	d.claim("cut", more == 0 && last >= frames && flows == 0 && a.outcome.Cut > 0, args)
	d.claim("kept", kept > frames && d.recorder.Lost() == 0, message.Args{"frames": strconv.Itoa(kept)})
	return nil
}

// flowsOf counts the flows from one address to another that the gateway's kernel still tracks.
func (d *demo) flowsOf(from, to string) (int, error) {
	n := 0
	err := d.inside(func(g *gateway.Gateway) error {
		list, err := g.Flows()
		for _, f := range list {
			if f.Source == netip.MustParseAddr(from) && f.Destination == netip.MustParseAddr(to) {
				n++
			}
		}
		return err
	})
	return n, err
}

// playFlush takes the packet filter away, sees what holds without it, and puts it back.
func (d *demo) playFlush(ctx context.Context) error {
	if d.Without == Jail {
		if err := d.unlock(); err != nil {
			return err
		}
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	var list []attempt
	for _, a := range append(attempts(), forgeries()...) {
		if a.second {
			list = append(list, a)
		}
	}
	if err := d.tryAll(ctx, list, byPolicy, func(r result) { d.judge("flush.", r) }); err != nil {
		return err
	}
	got := d.recorder.more(ctx, frames)
	if err := d.announce(); err != nil {
		return err
	}
	d.claim("flush.recording", got >= frames, message.Args{"frames": strconv.Itoa(got)})
	return d.repair(ctx)
}

// repair applies the policy again, and makes every attempt once more.
func (d *demo) repair(ctx context.Context) error {
	a, err := d.apply(ctx, d.policy, Repair)
	if err != nil {
		return err
	}
	arrived, count := 0, 0
	err = d.tryAll(ctx, append(attempts(), forgeries()...), byPolicy, func(r result) {
		if !r.allowed {
			count++
			arrived += min(r.arrived, 1)
		}
	})
	if err != nil {
		return err
	}
	args := a.args()
	args["arrived"], args["count"] = strconv.Itoa(arrived), strconv.Itoa(count)
	d.claim("repair", a.outcome.Applied && arrived == 0, args)
	return nil
}

// playAgain applies the same policy once more, and looks at what went on all the time.
func (d *demo) playAgain(ctx context.Context) error {
	a, err := d.apply(ctx, d.policy)
	if err != nil {
		return err
	}
	d.claim("again", a.proposal.Empty(), a.args())
	now := d.calls()
	made, heard := now.made-d.before.made, now.heard-d.before.heard
	d.claim("calls", made > 0 && heard == 0 && d.before.heard > 0, message.Args{
		"made": strconv.Itoa(made), "heard": strconv.Itoa(heard), "before": strconv.Itoa(d.before.heard),
	})
	d.claim("calm", d.camera.Reboots() == 0, message.Args{"restarts": strconv.Itoa(d.camera.Reboots())})
	d.claim("whole", d.recorder.more(ctx, 1) > 0 && d.recorder.Lost() == 0, message.Args{
		"frames": strconv.Itoa(d.recorder.Frames()), "bytes": strconv.Itoa(d.recorder.Bytes()), "lost": strconv.Itoa(d.recorder.Lost()),
	})
	return nil
}
