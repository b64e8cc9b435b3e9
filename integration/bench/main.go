package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// line is one row of the table.
type line struct {
	What    string  `json:"what"`
	Against string  `json:"against"`
	Unit    string  `json:"unit"`
	Ours    summary `json:"ours"`
	Other   summary `json:"other"`
	// Ratio is ours over the other's, by medians.
	Ratio float64 `json:"ratio"`
	Note  string  `json:"note"`
}

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run measures every line and prints the table.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	cameras := flags.Int("cameras", 4000, "how many cameras the policy names")
	rounds := flags.Int("rounds", 15, "how often each side is measured")
	asJSON := flags.Bool("json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return 64
	}
	var lines []line
	var failed error
	for _, measure := range []func(context.Context, int, int) ([]line, error){packets, applies} {
		measured, err := measure(ctx, *cameras, *rounds)
		failed = errors.Join(failed, err)
		lines = append(lines, measured...)
	}
	// What could be measured is worth having: without root, nft's buffer does not hold 4,000 cameras.
	failed = errors.Join(failed, report(stdout, lines, *asJSON))
	if failed != nil {
		fmt.Fprintln(stderr, "bench:", failed)
		return 1
	}
	return 0
}

func report(w io.Writer, lines []line, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(lines)
	}
	if _, err := fmt.Fprintln(w, "| what | Cordon | against | its | ratio | |\n|---|--:|---|--:|--:|---|"); err != nil {
		return err
	}
	for _, l := range lines {
		_, err := fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %s |\n",
			l.What, l.Ours.text(l.Unit), l.Against, l.Other.text(l.Unit), l.Ratio, l.Note)
		if err != nil {
			return err
		}
	}
	return nil
}
