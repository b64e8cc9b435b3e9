package demo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/cmd/cordon/demo"
	"cordon/policy/message"
)

// show runs the demo and returns its report and its text.
func show(t *testing.T, o demo.Options) (demo.Report, string) {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	if o.Words.Keys() == nil {
		o.Words = message.In(message.English)
	}
	r, err := demo.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}

// ids returns the names of steps.
func ids(steps []demo.Step) []string {
	var list []string
	for _, s := range steps {
		list = append(list, s.ID)
	}
	return list
}

// Every claim holds, each is one of its own, and none of them is about nothing.
func TestEveryClaimHolds(t *testing.T) {
	t.Parallel()
	r, text := show(t, demo.Options{})
	for _, s := range r.Failed() {
		t.Errorf("%s: %s: %s", s.ID, s.Claim, s.Measured)
	}
	names := ids(r.Steps)
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != len(r.Steps) || n < 45 {
		t.Errorf("%d steps, %d names", len(r.Steps), n)
	}
	if r.Took > 10*time.Second {
		t.Errorf("the demo took %v", r.Took)
	}
	summary := fmt.Sprintf("%d of %d claims held", len(r.Steps), len(r.Steps))
	if !strings.Contains(text, summary) || strings.Contains(text, "✗") || strings.Contains(text, "Not held") {
		t.Errorf("the text does not say %q, or says that something was not held:\n%s", summary, text)
	}
	cited := regexp.MustCompile(`(no allow|not in manage|no block names it|bound to MAC, address|allowed): demo\.hcl:[1-9]`)
	if n := len(cited.FindAllString(text, -1)); n < 23 {
		t.Errorf("%d attempts cite a line of the policy", n)
	}
}

// Whichever layer is left out, the claims that rest on it fail, and the text names them.
func TestWithoutALayer(t *testing.T) {
	t.Parallel()
	cases := map[demo.Layer][]string{
		demo.Apply:      {"apply", "cloud", "files", "console", "cloud6", "mac", "cut", "flush.cloud", "repair", "again", "calls"},
		demo.Record:     {"recording", "kept", "flush.recording", "whole"},
		demo.Answers:    {"calm"},
		demo.Filter:     {"files", "console", "door", "address", "mac", "impostor"},
		demo.Forward:    {"clerk"},
		demo.Input:      {"door"},
		demo.Revocation: {"cut"},
		demo.Jail:       {"flush.cloud", "flush.time", "flush.office", "flush.recorder", "flush.intruder", "flush.cloud6", "calls"},
		demo.Repair:     {"repair", "again"},
	}
	for _, layer := range demo.Layers() {
		if len(cases[layer]) == 0 {
			t.Errorf("no claim rests on %s", layer)
		}
		t.Run(string(layer), func(t *testing.T) {
			t.Parallel()
			r, text := show(t, demo.Options{Without: layer, Plain: true})
			failed := ids(r.Failed())
			for _, want := range cases[layer] {
				if !slices.Contains(failed, want) {
					t.Errorf("the claim %s holds", want)
				}
				if !strings.Contains(text, "Not held: "+want+": ") {
					t.Errorf("the text does not name %s", want)
				}
			}
			if slices.Contains(failed, "control") {
				t.Error("the control is not about Cordon")
			}
		})
	}
}

// Both languages have every sentence of the demo, and none is the other's.
func TestLanguages(t *testing.T) {
	t.Parallel()
	english, french := message.In(message.English).Keys(), message.In(message.French).Keys()
	same := []string{"demo.mark.held", "demo.answer.silence"}
	count := 0
	for key, sentence := range english {
		if !strings.HasPrefix(key, "demo.") {
			continue
		}
		count++
		switch {
		case french[key] == "":
			t.Errorf("%s has no French", key)
		case french[key] == sentence && !slices.Contains(same, key):
			t.Errorf("%s is the same in both: %s", key, sentence)
		}
	}
	for key := range french {
		if strings.HasPrefix(key, "demo.") && english[key] == "" {
			t.Errorf("%s has no English", key)
		}
	}
	if count < 80 {
		t.Errorf("only %d sentences", count)
	}
}

// What is shown in French has no line of the English text but the drawing and the policy, no key in the place of a sentence, and ASCII
// where that is asked for; without colour there is none.
func TestText(t *testing.T) {
	t.Parallel()
	var english, french string
	var steps [2]demo.Report
	t.Run("both", func(t *testing.T) {
		t.Run("English", func(t *testing.T) {
			t.Parallel()
			steps[0], english = show(t, demo.Options{Plain: true, Verbose: true})
		})
		t.Run("French", func(t *testing.T) {
			t.Parallel()
			steps[1], french = show(t, demo.Options{Words: message.In(message.French), Color: true})
		})
	})
	ours := regexp.MustCompile(`gym-north +entrance|10\.|demo\.hcl:\d+ allow|examples/levis-school|fd30|^[ │┌─┐└┴┬┘┼|+-]*$`)
	lines := strings.Split(english, "\n")
	compared := 0
	for line := range strings.SplitSeq(french, "\n") {
		compared++
		if slices.Contains(lines, line) && !ours.MatchString(line) {
			t.Errorf("in both languages: %q", line)
		}
	}
	for i, s := range steps[1].Steps {
		if s.Claim == steps[0].Steps[i].Claim || s.ID != steps[0].Steps[i].ID {
			t.Errorf("%s in both languages: %s", s.ID, s.Claim)
		}
	}
	if compared < 80 {
		t.Errorf("%d lines were compared", compared)
	}
	for _, text := range []string{english, french} {
		if key := regexp.MustCompile(`demo\.[a-gi-z][a-z.]+|\{[a-z]+[|}]`).FindString(text); key != "" {
			t.Errorf("a key or an argument in the text: %q", key)
		}
	}
	if at := strings.IndexFunc(english, func(r rune) bool { return r > 126 }); at >= 0 {
		t.Errorf("not ASCII: %q", english[at:at+20])
	}
	if !strings.Contains(french, "\x1b[32m✓\x1b[0m") || strings.Contains(english, "\x1b") {
		t.Error("colours are where none, or not where some, are wanted")
	}
	if !strings.Contains(english, "\n    2  site \"demo\" {}\n") {
		t.Error("the whole policy is not shown")
	}
}

// An interruption ends the demo at once, and it says so.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := &watcher{seen: cancel}
	_, err := demo.Run(ctx, demo.Options{Words: message.In(message.English), Out: out})
	if !errors.Is(err, context.Canceled) || strings.Contains(out.String(), "claims held") {
		t.Errorf("error %v after %q", err, out.String())
	}
}

// watcher calls seen when the recording has begun.
type watcher struct {
	bytes.Buffer

	seen func()
}

func (w *watcher) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("The recorder records")) {
		w.seen()
	}
	return w.Buffer.Write(p)
}
