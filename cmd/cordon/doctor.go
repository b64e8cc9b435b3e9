package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/doctor"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// A terminal of 80 columns and 24 rows shows the whole answer: what is told one by one, and three rows that say what is not.
const (
	terminalColumns = 80
	toldRows        = 20
)

// doctorVerb says what makes isolation weaker or the box unhealthy, and the command that mends each.
func (a *app) doctorVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "doctor", Short: a.words.Text("verb.doctor", nil), Args: arguments(0, 0)}
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		document := &api.Doctor{Checks: []api.Check{}}
		box, err := a.box(ctx, cmd)
		if err != nil {
			return answer{document: document}, a.trouble("doctor", reading{}, err)
		}
		checks := doctor.Judge(box)
		for _, c := range checks {
			document.Checks = append(document.Checks, api.Check{
				ID: c.ID, Severity: c.Severity.String(), State: string(c.State), Sentence: a.words.Text(c.Sentence, c.Args),
				Command: a.next(c.Command),
			})
		}
		found := answer{document: document, text: a.doctorText(checks, document.Checks)}
		if worst, failed := doctor.Worst(checks); failed && worst == doctor.Error {
			found.code = exitNegative
		}
		return found, nil
	})
	return cmd
}

// box reads everything that is judged. What is overdue is said, and taken back by others.
func (a *app) box(ctx context.Context, cmd *cobra.Command) (doctor.Box, error) {
	box := doctor.Box{StateDir: a.flags.state, PolicyDir: a.flags.policy[0]}
	standing, err := gateway.Stand(history.In(a.flags.state))
	if err != nil {
		return box, err
	}
	box.Policy, box.Applied, box.Unusable = standing.Policy, standing.Policy != nil, standing.Unreadable
	for _, d := range standing.Damaged {
		box.Damaged = d.File
	}
	if aside := history.In(a.flags.state).Aside(); aside != "" {
		box.Damaged = aside
	}
	a.waiting(&box, standing)
	if err := a.onDisk(cmd, &box); err != nil {
		return box, err
	}
	if err := a.examine(ctx, standing, &box); err != nil {
		return box, err
	}
	box.Files = doctor.ReadFiles(a.tree, box.Governed())
	if box.Disk, err = doctor.ReadDisk(a.flags.state); err != nil {
		box.Files.Undisked(err)
	}
	return box, nil
}

// waiting says what waits for a confirmation and what is locked down.
func (a *app) waiting(box *doctor.Box, standing gateway.Standing) {
	if p := standing.Pending; p != nil {
		box.Pending = p.Wall
		if over, err := gateway.Overdue(*p); err == nil {
			box.Overdue = over
		}
	}
	if l := standing.Lockdown; standing.Locked {
		box.Lockdown = &doctor.Lockdown{Since: l.Since, Who: l.Who, Segments: l.Segments, Damaged: l.Since.IsZero()}
	}
}

// onDisk reads the policy's files, where there are any.
func (a *app) onDisk(cmd *cobra.Command, box *doctor.Box) error {
	if !allThere(a.flags.policy) {
		return nil
	}
	r, err := a.read(cmd, nil)
	if err != nil {
		return err
	}
	for _, d := range r.diagnostics {
		if d.Severity == message.Error {
			box.Wrong++
		}
	}
	if box.OnDisk = r.policy.Digest; box.Policy == nil && box.Wrong == 0 {
		box.Policy = &r.policy
	}
	return nil
}

// examine asks the kernel.
func (a *app) examine(ctx context.Context, standing gateway.Standing, box *doctor.Box) error {
	g, err := gateway.Open(a.clock())
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }() // it was only read
	if box.Status, err = g.Status(ctx, standing.Policy, standing.Commit()); err != nil {
		return err
	}
	box.Moment = g.Moment()
	box.Machine, err = g.Examine(ctx)
	return err
}

// doctorText writes what fails, the worst first, each with its command; how many others are well, and which for those who ask.
func (a *app) doctorText(checks []doctor.Check, told []api.Check) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		if a.flags.plain {
			for _, c := range told {
				fmt.Fprintln(&text, strings.Join([]string{c.State, c.Severity, c.ID, c.Sentence, c.Command}, "\t"))
			}
		} else {
			a.writeChecks(&text, checks, told)
		}
		_, err := out.Write(text.Bytes())
		return err
	}
}

// writeChecks keeps to one screen, but for those who ask for all.
func (a *app) writeChecks(text *bytes.Buffer, checks []doctor.Check, told []api.Check) {
	counts := map[doctor.State]int{}
	used, rest := 0, 0
	for i, c := range checks {
		counts[c.State]++
		switch {
		case c.State == doctor.Passed, c.Sentence == doctor.Without && !a.flags.verbose: // the counts say how many
		default:
			lines := a.checkLines(told[i])
			if used += rows(lines); used > toldRows && !a.flags.verbose {
				rest++
				continue
			}
			fmt.Fprintln(text, strings.Join(lines, "\n"))
		}
	}
	if rest > 0 {
		fmt.Fprintln(text, a.words.Text("doctor.more", message.Args{"count": a.number(rest)}))
		fmt.Fprintln(text, "  $ "+a.next("sudo cordon doctor -v"))
	}
	if counts[doctor.Passed] == len(checks) {
		fmt.Fprintln(text, a.words.Text("doctor.healthy", message.Args{"count": a.number(len(checks))}))
	} else {
		fmt.Fprintln(text, a.words.Text("doctor.counts", message.Args{
			"count": a.number(len(checks)), "failed": a.number(counts[doctor.Failed]),
			"unknown": a.number(counts[doctor.Unknown]), "passed": a.number(counts[doctor.Passed]),
		}))
	}
	for _, c := range told {
		if a.flags.verbose && c.State == string(doctor.Passed) {
			fmt.Fprintln(text, a.words.Text("doctor.line_passed", message.Args{"sentence": c.Sentence}))
		}
	}
}

// checkLines are one check that is not well, and what mends it.
func (a *app) checkLines(c api.Check) []string {
	kind := c.Severity
	if c.State == string(doctor.Unknown) {
		kind = c.State
	}
	return []string{a.words.Text("doctor.line_"+kind, message.Args{"sentence": c.Sentence}), "  $ " + c.Command}
}

// rows is how much of a terminal lines take.
func rows(lines []string) int {
	sum := 0
	for _, l := range lines {
		sum += max(1, (utf8.RuneCountInString(l)+terminalColumns-1)/terminalColumns)
	}
	return sum
}
