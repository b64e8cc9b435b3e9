package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"cordon/policy"

	"golang.org/x/sys/unix"

	"cordon/gateway/compile"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// applies measures how long a packet filter of that many cameras takes from memory into the kernel, against nft reading the same as
// text. Both sides' CPU time counts, the kernel's included.
func applies(ctx context.Context, cameras, rounds int) (lines []line, err error) {
	p, err := policyOf(cameras, "reject")
	if err != nil {
		return nil, err
	}
	filter := compile.Ruleset(p, "", policy.Moment{})
	text := filter.String()
	l, err := openSite(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var ours, theirs []float64
	err = l.Gateway().Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		for range rounds {
			if err := measureApply(ctx, conn, filter, text, &ours, &theirs); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a, b := summarise(ours), summarise(theirs)
	return []line{{
		What: fmt.Sprintf("the packet filter of %d cameras, memory to kernel", cameras), Against: "`nft -f` of the same", Unit: "ms",
		Ours: a, Other: b, Ratio: a.Median / b.Median, Note: fmt.Sprintf("%d octets of text", len(text)),
	}}, nil
}

// measureApply does both once. Each makes the tables anew from nothing; the kernel's clean-up of the old ones is in neither time.
func measureApply(ctx context.Context, conn *nft.Conn, filter ruleset.Ruleset, text string, ours, theirs *[]float64) error {
	if err := empty(ctx, conn, filter); err != nil {
		return err
	}
	begin, err := threadTime()
	if err != nil {
		return err
	}
	b := wire.NewBatch(0)
	for _, t := range wire.Of(filter) {
		b.Add(&t)
	}
	if err := conn.Commit(ctx, b); err != nil {
		return err
	}
	end, err := threadTime()
	if err != nil {
		return err
	}
	*ours = append(*ours, milliseconds(end-begin))
	if err := empty(ctx, conn, filter); err != nil {
		return err
	}
	spent, err := nftFile(ctx, text)
	*theirs = append(*theirs, milliseconds(spent))
	return err
}

// empty deletes the measured tables.
func empty(ctx context.Context, conn *nft.Conn, filter ruleset.Ruleset) error {
	b := wire.NewBatch(0)
	for _, t := range wire.Of(ruleset.Ruleset{Tables: bare(filter)}) {
		b.AddTable(&t)
		b.DeleteTable(t.ID())
	}
	return conn.Commit(ctx, b)
}

func bare(filter ruleset.Ruleset) []ruleset.Table {
	tables := make([]ruleset.Table, len(filter.Tables))
	for i, t := range filter.Tables {
		tables[i] = ruleset.Table{Family: t.Family, Name: t.Name}
	}
	return tables
}

// nftFile runs nft in the thread's namespace and returns the CPU time that it took.
func nftFile(ctx context.Context, text string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("nft -f: %w: %s", err, said.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*unix.Rusage)
	if !ok {
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
