package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/policy/message"
)

const (
	// keptRepairs is how many repairs the service remembers for status; the log has all of them.
	keptRepairs = 100
	// shownRepairs is how many of them a screen shows, the last ones.
	shownRepairs = 5
)

// repaired remembers what the service put back. It is called in the loop, as is everything that reads it.
func (a *app) repaired(n gateway.News) {
	if n.What != gateway.Repaired {
		return
	}
	since := n.At.Add(-n.Took).Format(time.RFC3339)
	var by *string
	if len(n.By) > 0 {
		last := n.By[len(n.By)-1]
		text := last.Name + " (" + strconv.Itoa(int(last.PID)) + ")"
		by = &text
	}
	took := max(1, int(n.Took.Milliseconds()))
	for _, c := range n.Changes {
		a.repairs = append(a.repairs, api.Drift{
			Kind: c.Kind, Name: c.Name, Since: &since, Repaired: true, By: by, Milliseconds: took,
		})
	}
	a.repairs = slices.Clone(a.repairs[max(0, len(a.repairs)-keptRepairs):])
}

// writeRepairs says what was put back last.
func (a *app) writeRepairs(out io.Writer, drift []api.Drift) {
	done := slices.DeleteFunc(slices.Clone(drift), func(d api.Drift) bool { return !d.Repaired })
	for _, d := range done[max(0, len(done)-shownRepairs):] {
		by := a.words.Text("status.somebody", nil)
		if d.By != nil {
			by = *d.By
		}
		since := cmp.Or(d.Since, new(string))
		fmt.Fprintln(out, "  "+a.words.Text("status.repaired", message.Args{
			"what": a.words.Text("change."+d.Kind, message.Args{"name": d.Name}), "by": by, "time": *since, "ms": a.number(d.Milliseconds),
		}))
	}
}
