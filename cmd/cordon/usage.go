package main

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/policy/message"
)

// languageOf finds the language before the flags are parsed: what is wrong with a flag has to be said in it. After the flag the settings
// decide, then the locale in the order of POSIX.
func languageOf(args []string, setting string, getenv func(string) string) message.Language {
	named, _ := valueOf(args, "lang")
	return message.Match(cmp.Or(named, setting, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")))
}

// wrongUsage is a mistake in the command line: the verb's help is the next thing to read.
func wrongUsage(cmd *cobra.Command, sentence string, args message.Args) *failure {
	return &failure{code: exitUsage, sentence: sentence, args: args, next: cmd.CommandPath() + " --help"}
}

// flagError translates what the parser of flags says.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		bare    *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown):
		return wrongUsage(cmd, "usage.no_flag", message.Args{"flag": dashed(unknown.GetSpecifiedName())})
	case errors.As(err, &bare):
		return wrongUsage(cmd, "usage.flag_needs_value", message.Args{"flag": dashed(bare.GetSpecifiedName())})
	case errors.As(err, &value):
		return wrongUsage(cmd, "usage.flag_value", message.Args{"flag": dashed(value.GetFlag().Name), "value": value.GetValue()})
	case errors.As(err, &syntax):
		return wrongUsage(cmd, "usage.flag_syntax", message.Args{"flag": syntax.GetSpecifiedFlag()})
	}
	return &failure{code: exitUsage, next: cmd.CommandPath() + " --help", cause: err}
}

// dashed writes a flag's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// arguments accepts from least to most arguments of a verb; most below 0 is any number.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		want := strconv.Itoa(least)
		switch {
		case most < 0:
			want += "+"
		case most > least:
			want += "-" + strconv.Itoa(most)
		}
		return wrongUsage(cmd, "usage.arguments", message.Args{"got": strconv.Itoa(len(args)), "want": want})
	}
}

// knownVerb refuses a word that is no verb, and points to the one that resembles it.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := &failure{code: exitUsage, sentence: "usage.no_verb", args: message.Args{"verb": args[0]}, next: "cordon help"}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		f.next = "cordon " + near[0]
	}
	return f
}

// checkFlags refuses values of the global flags that no verb could work with.
func (a *app) checkFlags(cmd *cobra.Command) error {
	if slices.Contains([]string{"", string(message.English), string(message.French)}, a.flags.lang) {
		return a.checkVariables(cmd)
	}
	return wrongUsage(cmd, "usage.lang", message.Args{"value": a.flags.lang})
}

// verbName is the verb as the document names it: without the program, empty when none was given.
func verbName(cmd *cobra.Command) string {
	_, name, _ := strings.Cut(cmd.CommandPath(), " ")
	return name
}
