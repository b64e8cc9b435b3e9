package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"cordon/policy/message"
)

// TestSentencesExist holds every code that this program's source names against both languages: a code without a sentence would be
// printed itself.
func TestSentencesExist(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := "command|services|settings|init|man|verb|flag|usage|outcome|policy|validate|fmt|plan|apply|explain|confirm|trouble|status|" +
		"doctor|number|demo"
	code := regexp.MustCompile(`"((?:` + kinds + `)\.[a-z_]*[a-z])"`)
	named := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range code.FindAllSubmatch(text, -1) {
			named[string(match[1])] = true
		}
	}
	if len(named) < 15 {
		t.Errorf("only %d codes were found", len(named))
	}
	for _, language := range []message.Language{message.English, message.French} {
		keys := message.In(language).Keys()
		for code := range named {
			if keys[code] == "" && keys[code+".summary"] == "" {
				t.Errorf("%s has no sentence in %s", code, language)
			}
		}
	}
}
