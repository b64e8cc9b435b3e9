package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// most is how long one mutant may take, the build included.
const most = 3 * time.Minute

// disagreement is what the property test says when it finds something.
const disagreement = "kernel and oracle disagree"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run tries the mutants whose names hold one of some words, all of them without a word, and prints a line for each. One run is
// without any: a test that fails anyway finds nothing.
func run(ctx context.Context, out io.Writer, words []string) error {
	work, err := os.MkdirTemp("", "cordon-mutants")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }() // what is left is in the folder for such things
	chosen := named(mutants(), words)
	if len(chosen) == 0 {
		return fmt.Errorf("no defect has %q in its name", words)
	}
	var clean verdict
	verdicts := make([]verdict, len(chosen))
	var group errgroup.Group
	group.SetLimit(2)
	group.Go(func() error {
		clean = mutant{name: "none"}.try(ctx, work)
		return nil
	})
	for i, m := range chosen {
		group.Go(func() error {
			verdicts[i] = m.try(ctx, filepath.Join(work, strconv.Itoa(i)))
			_, err := fmt.Fprintf(out, "%-9s %5.1f s  %s\n", verdicts[i].what, verdicts[i].took.Seconds(), m.name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if clean.what != survived {
		return fmt.Errorf("the property test fails without a defect:\n%s", clean.output)
	}
	return judge(out, chosen, verdicts)
}

// judge returns an error when a mutant was not found.
func judge(out io.Writer, chosen []mutant, verdicts []verdict) error {
	found := 0
	for i, v := range verdicts {
		if v.what == killed {
			found++
			continue
		}
		fmt.Fprintf(out, "\n%s: %s\n%s\n", chosen[i].name, v.what, v.output)
	}
	fmt.Fprintf(out, "%d of %d defects found\n", found, len(chosen))
	if found < len(chosen) {
		return errors.New("the property test is blind to a defect")
	}
	return nil
}

// named returns the mutants whose names hold one of some words.
func named(all []mutant, words []string) []mutant {
	if len(words) == 0 {
		return all
	}
	var list []mutant
	for _, m := range all {
		for _, w := range words {
			if strings.Contains(m.name, w) {
				list = append(list, m)
				break
			}
		}
	}
	return list
}

// mutant is a defect: a piece of a file of ours that stands there once, and what stands there instead.
type mutant struct{ name, file, old, new string }

// outcome is what became of a mutant.
type outcome string

// The outcomes. A broken mutant no longer applies, does not build, or makes the test fail in another way.
const (
	killed   outcome = "found"
	survived outcome = "SURVIVED"
	broken   outcome = "BROKEN"
)

// verdict is an outcome, how long it took, and what the test said.
type verdict struct {
	what   outcome
	took   time.Duration
	output string
}

// try plants the mutant and runs the property test in its short form.
func (m mutant) try(ctx context.Context, work string) verdict {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	args := []string{
		"test", "-count=1", "-vet=off", "-ldflags=-s -w", "-run", "TestKernelAgreesWithOracle", "-exec", "unshare --user --map-root-user --net",
	}
	if m.file != "" {
		overlay, err := m.plant(work)
		if err != nil {
			return verdict{what: broken, output: err.Error()}
		}
		args = append(args, "-overlay", overlay)
	}
	test := exec.CommandContext(ctx, "go", append(args, "cordon/integration/oracle")...)
	test.WaitDelay = time.Second
	output, err := test.CombinedOutput()
	v := verdict{what: broken, took: time.Since(begin), output: string(output)}
	switch {
	case err == nil:
		v.what = survived
	case bytes.Contains(output, []byte(disagreement)):
		v.what = killed
	}
	return v
}

// plant writes the file with the defect and the overlay that puts it in place, and returns the overlay's name.
func (m mutant) plant(work string) (string, error) {
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", m.file, err)
	}
	text, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("read what gets the defect: %w", err)
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return "", fmt.Errorf("%s holds %d times what the defect replaces: %s", m.file, n, m.old)
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	planted, overlay := filepath.Join(work, filepath.Base(m.file)), filepath.Join(work, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: planted}})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return overlay, errors.Join(
		os.WriteFile(planted, bytes.Replace(text, []byte(m.old), []byte(m.new), 1), 0o600),
		os.WriteFile(overlay, replace, 0o600))
}
