package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/gateway/compile"
)

// renderVerb prints the packet filter of a policy in nft's syntax.
func (a *app) renderVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "render [POLICY...]", Short: a.words.Text("verb.render", nil), Args: arguments(0, -1)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Render{}
		r, err := a.usable(cmd, args, document)
		if err != nil {
			return answer{document: document}, err
		}
		text := ""
		if err := promptly(ctx, func() { text = compile.Ruleset(r.policy, "", a.clock()()).String() }); err != nil {
			return answer{document: document}, err
		}
		document.Digest, document.NFT = r.policy.Digest, text
		return answer{document: document, text: func(out io.Writer) error {
			_, err := io.WriteString(out, document.NFT)
			return err
		}}, nil
	})
	return cmd
}
