package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/gateway/compile"
	"cordon/policy"
	"cordon/policy/message"
)

// validateVerb says everything that is wrong with a policy.
func (a *app) validateVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "validate [POLICY...]", Short: a.words.Text("verb.validate", nil), Args: arguments(0, -1)}
	strict := cmd.Flags().Bool("strict", false, a.words.Text("flag.strict", nil))
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Validate{}
		r, err := a.read(cmd, args)
		if err != nil {
			return answer{document: document}, err
		}
		document.Digest = r.policy.Digest
		if err := a.judge(r, document, *strict); err != nil {
			return answer{document: document}, err
		}
		if err := promptly(ctx, func() { compile.State(r.policy, "", policy.Moment{}) }); err != nil {
			return answer{document: document}, err
		}
		summarise(document, r.policy)
		return answer{document: document, text: a.validText(document)}, nil
	})
	return cmd
}

func summarise(document *api.Validate, p policy.Policy) {
	document.Site, document.Segments, document.Allows = p.Site.Name, len(p.Segments), len(p.Allows)
	document.Cameras, document.Recorders = devices(p, policy.Camera), devices(p, policy.Recorder)
	document.Hosts = devices(p, policy.Host)
}

func (a *app) validText(d *api.Validate) func(io.Writer) error {
	if a.flags.quiet {
		return nil
	}
	return func(out io.Writer) error {
		_, err := fmt.Fprintln(out, a.words.Text("validate.done", message.Args{
			"site": d.Site, "segments": a.number(d.Segments), "cameras": a.number(d.Cameras), "recorders": a.number(d.Recorders),
			"allows": a.number(d.Allows),
		}))
		return err
	}
}
