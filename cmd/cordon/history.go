package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy/message"
)

// historyVerb lists what was applied, newest first.
func (a *app) historyVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "history", Short: a.words.Text("verb.history", nil), Args: arguments(0, 0)}
	cmd.RunE = a.verb(func(ctx context.Context, _ []string) (answer, error) {
		document := &api.History{Entries: []api.Entry{}}
		if found, ok, err := a.serviced(ctx, "history", nil, nil, nil); ok {
			return orDocument(found, document), err
		}
		if _, err := a.stand(ctx, document); err != nil { // takes back what is overdue, so that it is listed as what it is
			return answer{document: document}, err
		}
		entries, err := history.In(a.flags.state).Entries()
		if damaged, ok := errors.AsType[*history.DamagedError](err); ok {
			a.remark(document, "state-damaged", message.Args{"file": damaged.File, "aside": damaged.SetAside, "cause": damaged.Cause.Error()})
		} else if err != nil {
			return answer{document: document}, a.trouble("history", reading{}, err)
		}
		for _, e := range entries {
			document.Entries = append(document.Entries, api.Entry{
				Revision: e.Revision, Time: e.Time.UTC().Format(time.RFC3339), Who: e.Who, Commit: e.Commit, Digest: e.Digest,
				Outcome: string(e.Outcome),
			})
		}
		return answer{document: document, text: a.historyText(document)}, nil
	})
	return cmd
}

// The first characters of a digest and of a commit tell them apart for people.
const (
	shortDigest = len("sha256:") + 12
	shortCommit = 8
)

// historyText is one line a revision.
func (a *app) historyText(d *api.History) func(io.Writer) error {
	return func(out io.Writer) error {
		if len(d.Entries) == 0 {
			_, err := fmt.Fprintln(out, a.words.Text("history.none", nil))
			return err
		}
		var text bytes.Buffer
		lines := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, e := range d.Entries {
			fmt.Fprintln(lines, strings.TrimRight(strings.Join([]string{
				strconv.Itoa(e.Revision), e.Time, e.Who, a.words.Text("history."+e.Outcome, nil),
				e.Digest[:min(shortDigest, len(e.Digest))], e.Commit[:min(shortCommit, len(e.Commit))],
			}, "\t"), "\t"))
		}
		_ = lines.Flush() // the buffer below it takes everything
		_, err := out.Write(text.Bytes())
		return err
	}
}
