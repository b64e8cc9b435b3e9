package message

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
)

//go:embed text
var texts embed.FS

// ErrText is what Load returns for a file of sentences that it cannot read.
var ErrText = errors.New("not a file of sentences")

// Language is a language that Cordon speaks, by its ISO 639 code.
type Language string

// The languages.
const (
	English Language = "en"
	French  Language = "fr"
)

// Match returns the language of a locale's name, such as fr_CA.UTF-8, and English for every language that Cordon does not speak.
func Match(locale string) Language {
	if locale == "fr" || strings.HasPrefix(locale, "fr_") || strings.HasPrefix(locale, "fr-") || strings.HasPrefix(locale, "fr.") {
		return French
	}
	return English
}

// Printer says sentences in one language. Make it with In.
type Printer struct {
	language  Language
	sentences map[string]string
}

// In returns the printer of a language.
func In(language Language) Printer {
	sentences, err := Load(texts, path.Join("text", string(language)))
	if err != nil {
		panic(err) // the files are part of the program; a test reads them
	}
	return Printer{language: language, sentences: sentences}
}

// Load reads every file of sentences in a directory. A code that stands twice is an error.
func Load(fsys fs.FS, directory string) (map[string]string, error) {
	names, err := fs.Glob(fsys, path.Join(directory, "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", directory, err)
	}
	sentences := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err := add(sentences, string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return sentences, nil
}

func add(sentences map[string]string, text string) error {
	last := ""
	for number, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
			last = ""
			continue
		case line[0] == ' ' && last != "":
			sentences[last] += " " + strings.TrimSpace(line)
			continue
		}
		key, sentence, found := strings.Cut(line, " = ")
		key = strings.TrimSpace(key)
		if _, twice := sentences[key]; !found || twice || !strings.Contains(key, ".") {
			return fmt.Errorf("line %d: %q: %w", number+1, line, ErrText)
		}
		sentences[key] = strings.TrimSpace(sentence)
		last = key
	}
	return nil
}

// Keys returns every key of the printer's language with its sentence, arguments still in braces.
func (p Printer) Keys() map[string]string {
	return maps.Clone(p.sentences)
}

// Text returns the sentence of a key, such as apply.done. A key that has none is returned itself: a missing sentence must not hide the
// event that it is about.
func (p Printer) Text(key string, args Args) string {
	sentence, ok := p.sentences[key]
	if !ok {
		return key
	}
	return p.fill(sentence, args)
}

func (p Printer) fill(sentence string, args Args) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(sentence, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		inside, after, closed := strings.Cut(rest, "}")
		value, known := p.placeholder(inside, args)
		if !closed || !known {
			out.WriteString("{")
			sentence = rest
			continue
		}
		out.WriteString(value)
		sentence = after
	}
}

func (p Printer) placeholder(inside string, args Args) (string, bool) {
	words := strings.Split(inside, "|")
	value, known := args[words[0]]
	if len(words) != 3 || !known {
		return value, known && len(words) == 1
	}
	if p.singular(value) {
		return words[1], true
	}
	return words[2], true
}

// In French zero is singular too.
func (p Printer) singular(number string) bool {
	return number == "1" || p.language == French && number == "0"
}
