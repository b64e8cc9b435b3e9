package write_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/policy/write"
)

func numbered(n int, change map[int]string) string {
	var text strings.Builder
	for i := 1; i <= n; i++ {
		line, changed := change[i]
		if !changed {
			line = fmt.Sprintf("line %d\n", i)
		}
		text.WriteString(line)
	}
	return text.String()
}

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"equal":        {"a\n", "a\n", ""},
		"one line":     {"a\nb\nc\n", "a\nB\nc\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		"from nothing": {"", "a\n", "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n"},
		"to nothing":   {"a\n", "", "--- f\n+++ f\n@@ -1,1 +0,0 @@\n-a\n"},
		"no line end":  {"a", "a\n", "--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		"two places": {
			numbered(30, nil), numbered(30, map[int]string{5: "five\n", 20: ""}),
			"--- f\n+++ f\n@@ -2,7 +2,7 @@\n line 2\n line 3\n line 4\n-line 5\n+five\n line 6\n line 7\n line 8\n" +
				"@@ -17,7 +17,6 @@\n line 17\n line 18\n line 19\n-line 20\n line 21\n line 22\n line 23\n",
		},
		"two places that touch": {
			numbered(9, nil), numbered(9, map[int]string{1: "one\n", 8: "eight\n"}),
			"--- f\n+++ f\n@@ -1,9 +1,9 @@\n-line 1\n+one\n line 2\n line 3\n line 4\n line 5\n line 6\n line 7\n-line 8\n+eight\n line 9\n",
		},
	} {
		if diff := cmp.Diff(c.want, write.Diff("f", c.before, c.after)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
