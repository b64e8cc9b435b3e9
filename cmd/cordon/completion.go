package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/catalog"
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

// completeAll says what a shell offers behind each verb and flag. What a verb takes stands in its usage line.
func (a *app) completeAll(root *cobra.Command) error {
	for _, verb := range root.Commands() {
		switch {
		case len(verb.ValidArgs) > 0:
		case strings.Contains(verb.Use, "FROM TO"):
			verb.ValidArgsFunction = a.completeNames
		case strings.Contains(verb.Use, "POLICY"), strings.Contains(verb.Use, "DIR"):
			verb.ValidArgsFunction = offer(cobra.ShellCompDirectiveFilterDirs)
		case strings.Contains(verb.Use, "PATH"):
			verb.ValidArgsFunction = offer(cobra.ShellCompDirectiveFilterFileExt, "hcl")
		default:
			verb.ValidArgsFunction = offer(cobra.ShellCompDirectiveNoFileComp)
		}
		if err := completeFlags(verb); err != nil {
			return err
		}
	}
	for flag, complete := range map[string]cobra.CompletionFunc{
		"lang":     offer(cobra.ShellCompDirectiveNoFileComp, string(message.English), string(message.French)),
		"var":      offer(cobra.ShellCompDirectiveNoFileComp),
		"settings": offer(cobra.ShellCompDirectiveFilterFileExt, "hcl"),
		"policy":   offer(cobra.ShellCompDirectiveFilterDirs),
		"state":    offer(cobra.ShellCompDirectiveFilterDirs),
		"run":      offer(cobra.ShellCompDirectiveFilterDirs),
	} {
		if err := root.RegisterFlagCompletionFunc(flag, complete); err != nil {
			return err
		}
	}
	return nil
}

// completeFlags offers nothing behind the verb's own flags that did not say what they take: it is no file.
func completeFlags(verb *cobra.Command) error {
	var all []error
	verb.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if _, said := verb.GetFlagCompletionFunc(f.Name); !said && f.Value.Type() != "bool" {
			all = append(all, verb.RegisterFlagCompletionFunc(f.Name, offer(cobra.ShellCompDirectiveNoFileComp)))
		}
	})
	return errors.Join(all...)
}

// offer completes always the same.
func offer(directive cobra.ShellCompDirective, words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, directive)
}

func verbNames(root *cobra.Command) []string {
	var names []string
	for _, verb := range root.Commands() {
		if verb.IsAvailableCommand() {
			names = append(names, verb.Name())
		}
	}
	return names
}

// completeNames offers what a policy names: two ends, then a service. A policy that cannot be read offers nothing.
func (a *app) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	r, err := a.read(cmd, nil)
	if err != nil || len(args) > 2 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) == 2 {
		return serviceNames(r.policy), cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range r.policy.Devices {
		names = append(names, r.policy.Devices[i].Reference())
	}
	for i := range r.policy.Segments {
		names = append(names, "segment."+r.policy.Segments[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func serviceNames(p policy.Policy) []string {
	var names []string
	for _, s := range catalog.Services() {
		names = append(names, s.Name)
	}
	for i := range p.Services {
		names = append(names, "service."+p.Services[i].Name)
	}
	return names
}
