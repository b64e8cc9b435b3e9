package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/message"
)

// statusVerb says what the machine holds, read from the kernel.
func (a *app) statusVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: a.words.Text("verb.status", nil), Args: arguments(0, 0)}
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		document := emptyStatus()
		if found, ok, err := a.serviced(ctx, "status", nil, nil, nil); ok {
			return orDocument(found, document), err
		}
		document.Service = a.writer != nil
		last, err := a.stand(ctx, document)
		if err != nil {
			return answer{document: document}, err
		}
		s, err := a.inspect(ctx, last)
		if err != nil {
			return answer{document: document}, a.trouble("status", reading{}, err)
		}
		describe(document, s, last)
		document.Drift = append(document.Drift, a.repairs...)
		found := answer{code: exitNegative, document: document, text: a.statusText(document, s, last)}
		if s.Enforcing {
			found.code = exitDone
		}
		return found, nil
	})
	return cmd
}

// remark is a diagnostic that is about no line of a policy.
func (a *app) remark(document api.Document, code string, args message.Args) {
	a.say(document, []message.Diagnostic{{Code: code, Severity: message.Warning, Args: a.where(args)}})
}

// inspect opens the machine for one look.
func (a *app) inspect(ctx context.Context, last gateway.Standing) (gateway.Status, error) {
	g, err := gateway.Open(a.clock())
	if err != nil {
		return gateway.Status{}, err
	}
	defer func() { _ = g.Close() }() // it was only read
	return g.Status(ctx, last.Policy, last.Commit())
}

// emptyStatus is a status whose lists are lists before anything is known.
func emptyStatus() *api.Status {
	return &api.Status{
		Lockdown: []string{}, Drift: []api.Drift{}, Layers: []api.Layer{}, Segments: []api.Segment{}, NotServed: []string{}, Foreign: []string{},
		Openings: []api.Opening{},
	}
}

// describe fills the document in.
func describe(document *api.Status, s gateway.Status, last gateway.Standing) {
	document.Enforcing = s.Enforcing
	document.Lockdown = append(document.Lockdown, s.Stamp.Lockdown...)
	if last.Pending != nil {
		document.Pending = pendingOf(*last.Pending)
	}
	if s.Stamp.Digest != "" {
		document.Policy = &api.Applied{Digest: s.Stamp.Digest, Commit: s.Stamp.Commit}
		if last.Applied != nil && last.Applied.Digest == s.Stamp.Digest {
			when := last.Applied.Time.Format(time.RFC3339)
			document.Policy.Applied, document.Policy.Who = &when, last.Applied.Who
		}
	}
	for _, c := range s.Drift {
		document.Drift = append(document.Drift, api.Drift{Kind: c.Kind, Name: c.Name})
	}
	for _, l := range s.Layers {
		document.Layers = append(document.Layers, api.Layer{Name: l.Name, State: string(l.State), Because: l.Because})
	}
	document.NotServed = append(document.NotServed, s.NotServed...)
	for _, o := range s.Openings {
		opening := api.Opening{Kind: o.Kind, Name: o.Name, Open: o.Left > 0, Left: int(o.Left.Round(time.Second).Seconds()), Clock: !o.Unsure}
		if !o.Until.IsZero() {
			until := o.Until.Format(time.RFC3339)
			opening.Until = &until
		}
		document.Openings = append(document.Openings, opening)
	}
	for _, f := range s.Foreign {
		document.Foreign = append(document.Foreign, f.String())
	}
	if last.Policy == nil {
		return
	}
	document.Cameras.Named = devices(*last.Policy, policy.Camera)
	for i := range last.Policy.Segments {
		segment := &last.Policy.Segments[i]
		state, carriesNothing := s.Down[segment.Interface]
		if !carriesNothing {
			state = "up"
		}
		document.Segments = append(document.Segments, api.Segment{
			Name: segment.Name, Kind: segment.Kind.String(), Interface: segment.Interface, Mode: segment.Mode.String(), State: state,
		})
	}
}

// statusText writes one screen.
func (a *app) statusText(d *api.Status, s gateway.Status, last gateway.Standing) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		fmt.Fprintln(&text, a.verdict(d, s, last))
		if last.Policy == nil {
			fmt.Fprintln(&text, "  $ "+a.next("cordon plan "+shellWord(a.flags.policy[0])))
		} else if !s.Whole {
			fmt.Fprintln(&text, "  $ "+a.next("cordon plan"))
		}
		a.writeStanding(&text, last, s)
		if d.Policy != nil {
			fmt.Fprintln(&text, a.policyLine(d.Policy))
		}
		a.writeSegments(&text, d)
		a.writeChanges(&text, s.Drift)
		a.writeRepairs(&text, d.Drift)
		a.writeOpenings(&text, d)
		a.writeLayers(&text, d.Layers, last.Policy != nil)
		for _, name := range d.NotServed {
			fmt.Fprintln(&text, a.words.Text("status.not_served", message.Args{"service": name}))
		}
		for _, name := range d.Foreign {
			fmt.Fprintln(&text, a.words.Text("status.foreign", message.Args{"table": name}))
		}
		_, err := out.Write(text.Bytes())
		return err
	}
}

// verdict is the first line: what is true now.
func (a *app) verdict(d *api.Status, s gateway.Status, last gateway.Standing) string {
	switch {
	case d.Enforcing:
		return a.words.Text("status.enforcing", message.Args{"cameras": a.number(d.Cameras.Named)})
	case last.Policy == nil && d.Policy == nil:
		return a.words.Text("status.nothing", nil)
	case last.Policy == nil:
		return a.words.Text("status.unknown", nil)
	case d.Policy == nil:
		return a.words.Text("status.gone", nil)
	case len(absent(d)) > 0:
		return a.words.Text("status.without", message.Args{"absent": strings.Join(absent(d), ", ")})
	case len(s.Drift) == 0 && len(watched(d)) > 0 && s.Whole:
		names := watched(d)
		return a.words.Text("status.observed", message.Args{"segments": strings.Join(names, ", "), "count": a.number(len(names))})
	case len(s.Drift) == 0:
		return a.words.Text("status.other", nil)
	}
	return a.words.Text("status.drifted", message.Args{"count": a.number(len(s.Drift))})
}

// watched are the segments that only count what they would refuse.
func watched(d *api.Status) []string {
	var names []string
	for _, s := range d.Segments {
		if s.Mode == policy.Observe.String() {
			names = append(names, s.Name)
		}
	}
	return names
}

// absent are the interfaces that the applied policy names and the machine does not have: what belongs to them is not in force.
func absent(d *api.Status) []string {
	var names []string
	for _, s := range d.Segments {
		if s.State == "absent" {
			names = append(names, s.Interface)
		}
	}
	return names
}

func (a *app) policyLine(p *api.Applied) string {
	if p.Applied == nil {
		return a.words.Text("status.policy", message.Args{"digest": p.Digest})
	}
	return a.words.Text("status.applied", message.Args{"digest": p.Digest, "time": *p.Applied, "who": p.Who})
}

func (a *app) writeSegments(out io.Writer, d *api.Status) {
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range d.Segments {
		state := a.words.Text("status."+s.State, nil)
		if s.Mode == policy.Observe.String() {
			state += ", " + a.words.Text("status.not_enforced", nil)
		}
		fmt.Fprintf(lines, "  %s\t%s\t%s\t%s\n", s.Name, a.words.Text("status.kind_"+s.Kind, nil), s.Interface, state)
	}
	_ = lines.Flush() // the buffer below it takes everything
}

// writeLayers says which layers are missing, or before an apply which the kernel could not hold; all of them for those who ask.
func (a *app) writeLayers(out io.Writer, layers []api.Layer, applied bool) {
	sentence, good := "status.layers", string(gateway.On)
	if !applied {
		sentence, good = "status.features", string(gateway.Off)
	}
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	count := 0
	for _, l := range layers {
		if l.State == good {
			count++
		}
	}
	fmt.Fprintln(lines, a.words.Text(sentence, message.Args{"on": a.number(count), "count": a.number(len(layers))}))
	for _, l := range layers {
		if l.State != good || l.Because != "" || a.flags.verbose {
			fmt.Fprintf(lines, "  %s\t%s\t%s\n", l.Name, a.words.Text("status.layer_"+l.State, nil), l.Because)
		}
	}
	_ = lines.Flush() // the buffer below it takes everything
}

// writeOpenings counts down what is open for a time only.
func (a *app) writeOpenings(out io.Writer, d *api.Status) {
	for _, o := range d.Openings {
		sentence := "status.opening_open"
		switch {
		case !o.Open && !o.Clock:
			sentence = "status.opening_unsure"
		case !o.Open:
			sentence = "status.opening_closed"
		}
		what := a.words.Text("change."+o.Kind, message.Args{"name": o.Name})
		left := (time.Duration(o.Left) * time.Second).String()
		fmt.Fprintln(out, "  "+a.words.Text(sentence, message.Args{"what": what, "left": left}))
	}
}
