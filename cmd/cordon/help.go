package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/policy/message"
)

// help prints what a verb is for and what it takes. Cobra's own template speaks English only.
func (a *app) help(cmd *cobra.Command, _ []string) {
	cmd.DisableFlagsInUseLine = true // cobra's word for them is English
	out := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s\n\n%s\n  %s\n", strings.TrimSpace(cmd.Short+"\n"+cmd.Long), a.words.Text("command.usage", nil), cmd.UseLine())
	a.helpVerbs(out, cmd)
	a.helpFlags(out, "command.flags", cmd.LocalNonPersistentFlags())
	a.helpFlags(out, "command.global", cmd.Root().PersistentFlags())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s\n", a.words.Text("command.more", nil))
	}
	// Help that cannot be written has no reader to tell.
	_ = out.Flush()
}

func (a *app) helpVerbs(out io.Writer, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	fmt.Fprintf(out, "\n%s\n", a.words.Text("command.verbs", nil))
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() {
			fmt.Fprintf(out, "  %s\t%s\n", verb.Name(), verb.Short)
		}
	}
}

func (a *app) helpFlags(out io.Writer, title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(out, "\n%s\n", a.words.Text(title, nil))
	set.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		short := "    "
		if flag.Shorthand != "" {
			short = "-" + flag.Shorthand + ", "
		}
		value, purpose := pflag.UnquoteUsage(flag)
		purpose += a.standing(flag)
		fmt.Fprintf(out, "  %s%s\t%s\n", short, strings.TrimSpace("--"+flag.Name+" "+strings.ToUpper(value)), purpose)
	})
}

// helpVerb is `cordon help VERB`.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: a.words.Text("verb.help", nil),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return verbNames(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownVerb(cmd.Root(), args)
			}
			return about.Help()
		},
	}
}

// standing says what a flag is where nobody gives it; nothing of one that is off or empty then.
func (a *app) standing(flag *pflag.Flag) string {
	value := strings.Trim(flag.DefValue, "[]") // of a list
	if value == "" || flag.Value.Type() == "bool" {
		return ""
	}
	return " " + a.words.Text("command.default", message.Args{"value": value})
}
