package demo

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cordon/policy"
	"cordon/policy/message"
)

// screen prints the demo for people as it comes about.
type screen struct {
	out                   io.Writer
	words                 message.Printer
	program               string
	plain, color, verbose bool
}

func newScreen(o Options) screen {
	out := o.Out
	if out == nil {
		out = io.Discard
	}
	return screen{out: out, words: o.Words, program: cmp.Or(o.Program, "cordon"), plain: o.Plain, color: o.Color, verbose: o.Verbose}
}

// The colours of a terminal (ECMA-48 §8.3.117).
const (
	bold  = "1"
	red   = "31"
	green = "32"
	faint = "2"
)

// paint colours a text where colours are wanted.
func (s screen) paint(color, text string) string {
	if !s.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// say prints a line. Whoever closed the output misses it, and nothing else.
func (s screen) say(line string) {
	if s.plain {
		line = strings.NewReplacer("─", "-", "│", "|", "┌", "+", "┐", "+", "└", "+", "┘", "+", "┬", "+", "┴", "+", "┼", "+", "→", "->", "–", "-").
			Replace(line)
	}
	_, _ = fmt.Fprintln(s.out, strings.TrimRight(line, " "))
}

func (s screen) text(key string, args message.Args) string { return s.words.Text("demo."+key, args) }

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// site draws the site and the policy that will be applied to it.
func (s screen) site(p policy.Policy) {
	s.say(s.paint(bold, s.text("title", nil)))
	s.say("")
	known := s.text("unnamed", nil)
	for _, line := range []string{
		"   gym-north      entrance       visitor             " + "internet",
		"   10.30.0.21     10.30.0.22     10.30.0.99          " + "198.51.100.86, 2001:db8:1::86",
		"   fd30::21       fd30::22       " + pad(known, 20) + "│",
		"      └──────────────┼──────────────┘                │",
		"                     │ cam0 10.30.0.1                │ wan0 203.0.113.2",
		"              ┌──────┴───────────────────────────────┴──────┐",
		"              │" + center(s.text("gateway", nil), 45) + "│",
		"              └──────┬───────────────────────────────┬──────┘",
		"                     │ rec0 10.40.0.1                │ lan0 10.50.0.1",
		"                     │                               │",
		"                  nvr-1 10.40.0.10                office 10.50.0.5",
	} {
		s.say(line)
	}
	s.say("")
	s.policy(p)
}

// center puts a text in the middle of a width.
func center(text string, width int) string {
	left := (width - utf8.RuneCountInString(text)) / 2
	return pad(strings.Repeat(" ", max(0, left))+text, width)
}

// policy shows what the policy allows, or all of its text.
func (s screen) policy(p policy.Policy) {
	s.say(s.text("policy", message.Args{"file": policyFile}))
	if s.verbose {
		for i, line := range strings.Split(strings.TrimSuffix(Policy, "\n"), "\n") {
			s.say(fmt.Sprintf("  %3d  %s", i+1, line))
		}
		return
	}
	for _, a := range p.Allows {
		s.say("  " + s.allow(a))
	}
}

// allow is an allow in one line.
func (s screen) allow(a policy.Allow) string {
	services := make([]string, len(a.Services))
	for i, service := range a.Services {
		services[i] = service.Name
	}
	return pad(a.Origin.String(), 12) + pad("allow \""+a.Name+"\"", 16) +
		pad(endpoints(a.From)+" → "+endpoints(a.To), 36) + strings.Join(services, ", ")
}

func endpoints(list []policy.Endpoint) string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name
	}
	return strings.Join(names, ", ")
}

// heading begins a part.
func (s screen) heading(number int, key string) {
	s.say("")
	s.say(s.paint(bold, strconv.Itoa(number)+"  "+s.text("part."+key, nil)))
	if note := s.text("note."+key, nil); note != "demo.note."+key {
		s.say("   " + s.paint(faint, note))
	}
}

// mark says whether a claim held.
func (s screen) mark(held bool) string {
	switch {
	case held && s.plain:
		return pad(s.text("mark.held", nil), 4)
	case held:
		return s.paint(green, "✓")
	case s.plain:
		return pad(s.text("mark.failed", nil), 4)
	}
	return s.paint(red, "✗")
}

// step prints a claim with what was measured.
func (s screen) step(step Step) {
	s.say(" " + s.mark(step.Held) + " " + step.Claim + ": " + step.Measured)
}

// control prints what became of an attempt without Cordon.
func (s screen) control(r result) {
	word := "arrives"
	if r.arrived == 0 {
		word = "lost"
	}
	s.say("   " + pad(s.text("attempt."+r.id, nil), s.room()) + s.text("control."+word, nil))
}

// room returns how wide the longest name of an attempt is, with the space behind it.
func (s screen) room() int {
	width := 0
	for _, a := range append(attempts(), forgeries()...) {
		width = max(width, utf8.RuneCountInString(s.text("attempt."+a.id, nil)))
	}
	return width + 2
}

// attempt prints what became of an attempt.
func (s screen) attempt(step Step, r result, control int, answer, why string) {
	s.say(" " + s.mark(step.Held) + " " + pad(s.text("attempt."+r.id, nil), s.room()) +
		pad(strconv.Itoa(r.arrived)+" ("+strconv.Itoa(control)+")", 8) + pad(answer, 18) + why)
}

// removed shows the allow that is taken out of the policy.
func (s screen) removed(a *policy.Allow) {
	if a != nil {
		s.say("   " + s.paint(red, "- "+s.allow(*a)))
	}
}

// end prints what came of the demo, and what to type next.
func (s screen) end(r Report) {
	failed := r.Failed()
	s.say("")
	args := message.Args{
		"held": strconv.Itoa(len(r.Steps) - len(failed)), "count": strconv.Itoa(len(r.Steps)), "seconds": s.seconds(r.Took),
	}
	for _, f := range failed {
		s.say(" " + s.mark(false) + " " + s.text("failed", message.Args{"id": f.ID, "claim": f.Claim, "measured": f.Measured}))
	}
	color := green
	if len(failed) > 0 {
		color = red
	}
	s.say(s.paint(color, s.text("end", args)))
	if len(failed) > 0 {
		return
	}
	s.say("")
	s.say(s.text("next", nil))
	for _, command := range []string{
		s.program + " validate examples/levis-school",
		"sudo " + s.program + " plan examples/levis-school",
		"sudo " + s.program + " apply examples/levis-school --yes",
	} {
		s.say("  $ " + command)
	}
}

// seconds writes a duration as the language writes decimals.
func (s screen) seconds(t time.Duration) string {
	return strings.Replace(strconv.FormatFloat(t.Seconds(), 'f', 1, 64), ".", s.text("decimal", nil), 1)
}
