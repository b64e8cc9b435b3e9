package settings

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

const (
	// File is where the settings are when nobody says otherwise. It need not be there.
	File = "/etc/cordon/cordon.hcl"
	// mostText is the size in octets beyond which no file holds settings.
	mostText = 1 << 20
	// prefix is what a key is called in the environment, in capitals: CORDON_STATE.
	prefix = "CORDON_"
	// Variables is what stands before the name of a policy's variable in the environment: CORDON_VAR_uplink is no setting.
	Variables = prefix + "VAR_"
	// format is what viper calls the language of the file.
	format = "hcl"
)

// Settings are how Cordon runs on one machine.
type Settings struct {
	// Policy are the directories of the policy, for verbs that name none.
	Policy []string
	// State is the directory of what outlives a restart, Run that of the lock and the socket.
	State, Run string
	// Lang is "en", "fr", or empty: then the locale decides.
	Lang string
	// Clock is "kernel", where the clock is right when the kernel says so, or "trusted", where it always is.
	Clock string
}

// ClockTrusted says that the machine's clock is right whatever the kernel says of it.
func (s Settings) ClockTrusted() bool { return s.Clock == "trusted" }

// Defaults are the settings of a machine that says nothing.
func Defaults() Settings {
	return Settings{
		Policy: []string{"/etc/cordon/policy"}, State: "/var/lib/cordon", Run: "/run/cordon", Clock: "kernel",
	}
}

// key is one setting. Choices are all that it can be; a path is absolute where it stands in a file, which is read from anywhere.
type key struct {
	name    string
	list    bool
	path    bool
	choices []string
	value   any
}

// keys are every setting with its default: viper knows a variable of the environment by the default of its key alone.
func keys() []key {
	d := Defaults()
	return []key{
		{name: "policy", list: true, path: true, value: d.Policy},
		{name: "state", path: true, value: d.State},
		{name: "run", path: true, value: d.Run},
		{name: "lang", choices: []string{string(message.English), string(message.French)}, value: d.Lang},
		{name: "clock", choices: []string{"kernel", "trusted"}, value: d.Clock},
	}
}

// Source is where settings come from.
type Source struct {
	// File is the settings' file.
	File string
	// Optional says that the file need not be there.
	Optional bool
	// Environ is the environment: NAME=value.
	Environ []string
}

// Read reads the settings. What is wrong with one of them is a diagnostic, and that setting then has its default. An error is a file
// that could not be read; it wraps fs.ErrNotExist where there is none.
func Read(from Source) (Settings, []message.Diagnostic, error) {
	text, err := contents(from)
	if err != nil {
		return Defaults(), nil, err
	}
	reader := &codec{file: from.File}
	registry := viper.NewCodecRegistry()
	if err := registry.RegisterCodec(format, reader); err != nil {
		return Defaults(), nil, fmt.Errorf("teach viper HCL: %w", err)
	}
	v := viper.NewWithOptions(viper.WithCodecRegistry(registry))
	v.SetConfigType(format)
	for _, k := range keys() {
		v.SetDefault(k.name, k.value)
	}
	if deep := load.TooDeep(from.File, text); deep.Line != 0 {
		reader.found = append(reader.found, message.Diagnostic{Code: "too-deep", Origin: deep})
	} else if err := v.ReadConfig(bytes.NewReader(text)); err != nil {
		return Defaults(), nil, fmt.Errorf("read %s: %w", from.File, err)
	}
	found := slices.Concat(reader.found, fromEnvironment(v, environment(from.Environ)))
	var s Settings
	if err := v.UnmarshalExact(&s); err != nil {
		return Defaults(), found, fmt.Errorf("read %s: %w", from.File, err)
	}
	return s, found, nil
}

// contents returns the file's text: opening a pipe would wait for its writer, and a device may never end.
func contents(from Source) ([]byte, error) {
	info, err := os.Stat(from.File)
	switch {
	case os.IsNotExist(err) && from.Optional:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read settings: %w", err)
	case !info.Mode().IsRegular():
		return nil, &os.PathError{Op: "read", Path: from.File, Err: errNotAFile}
	}
	file, err := os.Open(from.File)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, mostText+1))
	_ = file.Close() // it was only read
	if err == nil && len(text) > mostText {
		err = &os.PathError{Op: "read", Path: from.File, Err: errTooLarge}
	}
	return text, err
}

// environment returns the variables of the environment that may be meant as settings, by name. An empty one is none, and of two with one
// name the first counts, as getenv(3) has it.
func environment(environ []string) map[string]string {
	found := map[string]string{}
	for _, variable := range environ {
		name, text, _ := strings.Cut(variable, "=")
		_, given := found[name]
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, Variables) && !given {
			found[name] = text
		}
	}
	maps.DeleteFunc(found, func(_, text string) bool { return text == "" })
	return found
}

// variable is what a key is called in the environment.
func (k key) variable() string { return prefix + strings.ToUpper(k.name) }

// misspelt finds variables that no key is called by: whoever set one believes that it does something.
func misspelt(environment map[string]string) []message.Diagnostic {
	var (
		found []message.Diagnostic
		known []string
	)
	for _, k := range keys() {
		known = append(known, k.variable())
	}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if slices.Contains(known, name) {
			continue
		}
		found = append(found, message.Diagnostic{
			Code: "settings-variable", Origin: policy.Origin{File: name},
			Args: message.Args{"key": name, "known": strings.Join(known, ", "), "nearest": load.Nearest(name, known)},
		})
	}
	return found
}

// fromEnvironment sets the keys that the environment names. Lists are separated by colons, as PATH is.
func fromEnvironment(v *viper.Viper, environment map[string]string) []message.Diagnostic {
	found := misspelt(environment)
	for _, k := range keys() {
		name := k.variable()
		text, given := environment[name]
		if !given {
			continue
		}
		values := []string{text}
		if k.list {
			values = slices.DeleteFunc(filepath.SplitList(text), func(s string) bool { return s == "" })
		}
		if code, args := k.wrong(values, false); code != "" {
			found = append(found, message.Diagnostic{Code: code, Args: args, Origin: policy.Origin{File: name}})
			continue
		}
		v.Set(k.name, k.of(values))
	}
	return found
}

// of is the value of texts: the list, or the only one.
func (k key) of(values []string) any {
	if k.list {
		return values
	}
	return values[0]
}

// wrong returns the code of what is wrong with a key's texts, or "".
func (k key) wrong(values []string, inFile bool) (code string, args message.Args) {
	if len(values) == 0 {
		return "settings-list", message.Args{"key": k.name}
	}
	for _, value := range values {
		switch {
		case len(k.choices) > 0 && !slices.Contains(k.choices, value):
			return "settings-choice", message.Args{"key": k.name, "value": value, "choices": `"` + strings.Join(k.choices, `", "`) + `"`}
		case k.path && (value == "" || (inFile && !filepath.IsAbs(value))):
			return "settings-path", message.Args{"key": k.name, "value": value}
		}
	}
	return "", nil
}
