package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"cordon/gateway"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
	"cordon/policy/message"
)

const (
	// shownChanges is how many changes of one kind are told one by one.
	shownChanges = 20
	// shownFlows is how many flows that end are told one by one.
	shownFlows = 10
)

// sentence says one change in the administrator's words, without what happens to it: camera "gym-04" (10.30.0.24), recorded by nvr-1.
func (a *app) sentence(c plan.Change) string {
	text := a.words.Text("change."+c.Kind, message.Args{"name": c.Name})
	if c.Text != "" && c.Text != c.Name {
		text += " (" + strings.Join(strings.Fields(c.Text), ", ") + ")"
	}
	if c.Window != "" {
		text += a.words.Text("plan."+string(c.Window), nil)
	}
	if len(c.Peers) > 0 {
		text += a.words.Text("plan.recorded", message.Args{"recorders": strings.Join(c.Peers, ", ")})
	}
	return text
}

// sign is a plan's first column.
func sign(action plan.Action) string {
	switch action {
	case plan.Add:
		return "+"
	case plan.Remove:
		return "-"
	case plan.Amend:
		return "~"
	}
	return "?"
}

// internal says whether a kind of change is the machine's own business: it is counted, and listed for those who ask.
func internal(kind string) bool {
	return slices.Contains([]string{"skeleton", "route", "rule", "address", "link", "sysctl", "neighbour"}, kind)
}

// planText writes a proposal for people.
func (a *app) planText(p gateway.Proposal) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		if p.Empty() {
			fmt.Fprintln(&text, a.words.Text("plan.nothing", nil))
			a.writeObserved(&text, p.Policy)
			_, err := out.Write(text.Bytes())
			return err
		}
		a.writeChanges(&text, p.Plan.Changes)
		if len(p.Plan.Changes) == 0 && !p.Plan.Empty() {
			fmt.Fprintln(&text, a.words.Text("plan.places", nil))
		}
		a.writeFlows(&text, p)
		fmt.Fprintln(&text, a.words.Text("plan.counts", message.Args{
			"elements_added": a.number(p.Plan.Elements.Added), "elements_removed": a.number(p.Plan.Elements.Removed),
			"rules_added": a.number(p.Plan.Rules.Added), "rules_removed": a.number(p.Plan.Rules.Removed),
		}))
		a.writeObserved(&text, p.Policy)
		_, err := out.Write(text.Bytes())
		return err
	}
}

// writeObserved says which segments only count what they would refuse.
func (a *app) writeObserved(out io.Writer, p policy.Policy) {
	for _, name := range gateway.Observed(p) {
		fmt.Fprintln(out, a.words.Text("plan.observed", message.Args{"segment": name}))
	}
}

// writeChanges writes runs of changes of one kind, for they come in the order of kinds.
func (a *app) writeChanges(out io.Writer, changes []plan.Change) {
	lines := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, run := range runs(changes) {
		shown := shownChanges
		switch {
		case a.flags.verbose:
			shown = len(run)
		case internal(run[0].Kind):
			shown = 0
		}
		for _, c := range run[:min(shown, len(run))] {
			line := sign(c.Action) + " " + a.sentence(c)
			if at := c.Origin.String(); at != "" {
				line += "\t" + at
			}
			fmt.Fprintln(lines, line)
		}
		if rest := len(run) - shown; rest > 0 {
			fmt.Fprintf(lines, "%s %s\n", sign(run[0].Action), a.folded(run[0].Kind, rest, shown > 0))
		}
	}
	_ = lines.Flush() // the buffer below it takes everything
}

// folded says how many changes of a kind there are, or how many more.
func (a *app) folded(kind string, count int, more bool) string {
	text := a.words.Text("changes."+kind, message.Args{"count": a.number(count)})
	if more {
		return a.words.Text("plan.more", message.Args{"changes": a.words.Text("more."+kind, message.Args{"count": a.number(count)})})
	}
	return text
}

// runs gathers changes by kind and action, in the order in which each kind comes first.
func runs(changes []plan.Change) [][]plan.Change {
	type key struct {
		kind   string
		action plan.Action
	}
	var list [][]plan.Change
	places := map[key]int{}
	for _, c := range changes {
		k := key{c.Kind, c.Action}
		i, known := places[k]
		if !known {
			i = len(list)
			places[k] = i
			list = append(list, nil)
		}
		list[i] = append(list[i], c)
	}
	return list
}

// writeFlows says which running flows end.
func (a *app) writeFlows(out io.Writer, p gateway.Proposal) {
	if len(p.Cut) == 0 {
		return
	}
	fmt.Fprintln(out, a.words.Text("plan.cut", message.Args{"count": a.number(len(p.Cut))}))
	for _, f := range p.Cut[:min(len(p.Cut), shownFlows)] {
		fmt.Fprintln(out, "  "+flowText(p.Policy, f))
	}
	if rest := len(p.Cut) - shownFlows; rest > 0 {
		fmt.Fprintln(out, "  "+a.words.Text("plan.cut_more", message.Args{"count": a.number(rest)}))
	}
}

// flowText is a flow's tuple, and whom the policy knows of its ends.
func flowText(p policy.Policy, f netstate.Flow) string {
	var known []string
	for i := range p.Devices {
		d := &p.Devices[i]
		if slices.Contains(d.Addresses, f.Source) || slices.Contains(d.Addresses, f.Destination) {
			known = append(known, d.Reference())
		}
	}
	if len(known) == 0 {
		return f.String()
	}
	return f.String() + " (" + strings.Join(known, ", ") + ")"
}

// number writes a count as the language groups its digits: 3,980 in English, 3 980 with a no-break space in French.
func (a *app) number(n int) string {
	digits := strconv.Itoa(n)
	separator := a.words.Text("number.separator", nil)
	if separator == "nbsp" {
		separator = "\u00A0"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + separator + digits[i:]
	}
	return digits
}
