package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"cordon/integration/escape"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run plays the sites, one or all, and prints what became of it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("play", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("site", "", "the one site to play; all without it")
	if err := flags.Parse(args); err != nil {
		return 64
	}
	var reports []escape.Report
	for _, site := range escape.Sites() {
		if *only != "" && site.Name != *only {
			continue
		}
		report, err := escape.Play(ctx, site)
		if err != nil {
			fmt.Fprintf(stderr, "play %s: %v\n", site.Name, err)
			return 1
		}
		reports = append(reports, report)
	}
	if len(reports) == 0 {
		fmt.Fprintf(stderr, "no site %q\n", *only)
		return 64
	}
	good, err := escape.Write(stdout, reports)
	if err != nil || !good {
		return 1
	}
	return 0
}
