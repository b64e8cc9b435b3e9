package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy/message"
)

// completionVerb prints a shell's completion script. The script is data: with --json there is only the header.
func (a *app) completionVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     a.words.Text("verb.completion", nil),
		Args:      arguments(1, 1),
		ValidArgs: []string{"bash", "zsh", "fish"},
	}
	cmd.RunE = a.verb(func(_ context.Context, args []string) (answer, error) {
		scripts := map[string]func(io.Writer) error{
			"bash": func(out io.Writer) error { return cmd.Root().GenBashCompletionV2(out, true) },
			"zsh":  cmd.Root().GenZshCompletion,
			"fish": func(out io.Writer) error { return cmd.Root().GenFishCompletion(out, true) },
		}
		script, ok := scripts[args[0]]
		if !ok {
			return answer{}, wrongUsage(cmd, "usage.shell", message.Args{"value": args[0]})
		}
		return answer{document: &api.Header{}, text: script}, nil
	})
	return cmd
}
