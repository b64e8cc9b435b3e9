package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/integration/lab/device"
	"cordon/policy"
	"cordon/policy/message"
)

// Options say how the demo is shown.
type Options struct {
	Words message.Printer
	// Program is what the user types to run this program; empty means cordon.
	Program string
	// Out takes the text as it comes about; nil for none.
	Out io.Writer
	// Plain draws with ASCII only; Color marks with the terminal's colours; Verbose shows the whole policy.
	Plain, Color, Verbose bool
	// Without is the layer that is left out.
	Without Layer
}

// Step is one claim and what was measured of it. The two are sentences in the user's language.
type Step struct {
	ID              string
	Claim, Measured string
	Held            bool
}

// Report is what came of the demo.
type Report struct {
	Steps []Step
	Took  time.Duration
}

// Failed returns the steps whose claims did not hold.
func (r Report) Failed() []Step {
	var failed []Step
	for _, s := range r.Steps {
		if !s.Held {
			failed = append(failed, s)
		}
	}
	return failed
}

// demo is a demo that is being shown.
type demo struct {
	Options
	screen  screen
	lab     *lab.Lab
	console *console
	policy  policy.Policy
	steps   []Step
	// control is how often each attempt arrived without Cordon.
	control map[string]int

	// devices run until stop.
	devices         *errgroup.Group
	stop            context.CancelFunc
	camera          *device.Camera
	recorder, guard stream
	servers         []*lab.Server
	// before are how many calls the camera had made, and the internet had heard, when the policy was in force.
	before calls
}

// part is one act of the demo.
type part struct {
	key string
	run func(context.Context) error
}

// Run shows the demo. It needs the right to make network namespaces (see lab.Enter). The error is for a site or a gateway that could
// not be made; that a claim does not hold is a step of the report.
func Run(ctx context.Context, o Options) (Report, error) {
	start := time.Now()
	d := &demo{Options: o, screen: newScreen(o), control: map[string]int{}}
	err := d.play(ctx)
	err = errors.Join(err, d.close())
	if ctx.Err() != nil {
		return Report{}, ctx.Err()
	}
	r := Report{Steps: d.steps, Took: time.Since(start)}
	if err == nil {
		d.screen.end(r)
	}
	return r, err
}

// play builds the site and plays every part.
func (d *demo) play(ctx context.Context) error {
	if err := d.build(ctx); err != nil {
		return err
	}
	d.screen.site(d.policy)
	for i, p := range []part{
		{"control", d.playControl},
		{"apply", d.playApply},
		{"recording", d.playRecording},
		{"attempts", d.playAttempts},
		{"forgeries", d.playForgeries},
		{"tightening", d.playTightening},
		{"flush", d.playFlush},
		{"again", d.playAgain},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.screen.heading(i, p.key)
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("part %d of the demo, %s: %w", i, p.key, err)
		}
	}
	return nil
}

// claim judges a claim, by the key of its sentence.
func (d *demo) claim(id string, held bool, args message.Args) {
	s := Step{ID: id, Claim: d.Words.Text("demo.claim."+id, args), Measured: d.Words.Text("demo.measured."+id, args), Held: held}
	d.steps = append(d.steps, s)
	d.screen.step(s)
}

// applied is what an apply did and how long it took.
type applied struct {
	proposal gateway.Proposal
	outcome  gateway.Outcome
	took     time.Duration
}

// args are the words of a sentence about an apply.
func (a applied) args() message.Args {
	return message.Args{
		"changes": strconv.Itoa(len(a.proposal.Plan.Changes)), "cut": strconv.Itoa(a.outcome.Cut), "ms": milliseconds(a.took),
	}
}

// apply puts a policy in force on the gateway, unless the test leaves that out.
func (d *demo) apply(ctx context.Context, p policy.Policy, unless ...Layer) (applied, error) {
	var a applied
	err := d.inside(func(g *gateway.Gateway) error {
		start := time.Now()
		var err error
		if a.proposal, err = g.Propose(ctx, p, ""); err != nil {
			return err
		}
		if d.Without == Apply || slices.Contains(unless, d.Without) {
			return nil
		}
		a.outcome, err = g.Change(ctx, a.proposal)
		a.took = time.Since(start)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("apply: %w", err)
	}
	return a, d.lab.Ready(ctx)
}

// inside runs a function with the engine opened on the site's gateway.
func (d *demo) inside(fn func(*gateway.Gateway) error) error {
	return d.lab.Gateway().Do(func() error {
		g, err := gateway.Open(gateway.SystemClock(time.Now, true))
		if err != nil {
			return err
		}
		return errors.Join(fn(g), g.Close())
	})
}

// milliseconds rounds up, so that nothing takes none.
func milliseconds(t time.Duration) string {
	return strconv.FormatInt((t + time.Millisecond - 1).Milliseconds(), 10)
}
