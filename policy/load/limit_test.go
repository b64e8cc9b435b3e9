//go:build !race

package load_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// patience is how long a policy that is too much may take until it is refused.
const patience = 5 * time.Second

// excess is a text that is too much, or nearly, and the code of the sentence that refuses it.
type excess struct{ text, want string }

// deep is how often a text repeats what nests, and huge how many bytes the longest line has: 10 MB.
const (
	deep = 20_000
	huge = 10 << 20
)

// localOf is a local that an expression gives its value.
func localOf(expression string) string { return "locals {\n  x = " + expression + "\n}\n" }

// nests are what a parser recurses for.
func nests() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"lists in lists":        {localOf(times("[", deep) + times("]", deep)), "too-deep"},
		"maps in maps":          {localOf(times("{a=", deep) + "1" + times("}", deep)), "too-deep"},
		"parentheses":           {localOf(times("(", deep) + "1" + times(")", deep)), "too-deep"},
		"calls":                 {localOf(times("max(", deep) + "1" + times(")", deep)), "too-deep"},
		"blocks":                {times("a {\n", deep) + times("}\n", deep), "too-deep"},
		"templates":             {localOf(times(`"${`, deep) + "1" + times(`}"`, deep)), "too-deep"},
		"heredocs in templates": {localOf(times("<<E\n${", deep) + "1" + times("}\nE\n", deep)), "too-deep"},
		"directives":            {localOf(`"` + times("%{ if true }", deep/2) + times("%{ endif }", deep/2) + `"`), "too-deep"},
		"for directives":        {localOf(`"` + times("%{ for x in [1] }", deep/4) + times("%{ endfor }", deep/4) + `"`), "too-deep"},
		"heredoc directives":    {localOf("<<E\n" + times("%{ if true }\n", deep) + times("%{ endif }\n", deep) + "E"), "too-deep"},
		"not":                   {localOf(times("!", deep) + "true"), "too-deep"},
		"minus":                 {localOf(times("-", deep) + "1"), "too-deep"},
		"conditionals":          {localOf(times("true ? 1 : ", deep) + "1"), "too-deep"},
		"conditionals within":   {localOf(times("true ? ", deep) + "1" + times(" : 1", deep)), "too-deep"},
		"sums":                  {localOf(times("1 + ", deep) + "1"), "too-deep"},
		"ands":                  {localOf(times("true && ", deep) + "true"), "too-deep"},
		"comparisons":           {localOf(times("1 == ", deep) + "1"), "too-deep"},
		"indexes":               {localOf("[]" + times("[0]", deep)), "too-deep"},
		"indexes by call":       {localOf("[1]" + times("[max(0)]", deep)), "too-deep"},
		"splats":                {localOf("[]" + times("[*]", deep)), "too-deep"},
		"attributes":            {localOf("local" + times(".y", deep)), "too-deep"},
		"fors":                  {localOf(times("[for x in [1] : ", deep/2) + "x" + times("]", deep/2)), "too-deep"},
	}
}

// lines are what nobody writes in one line.
func lines() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"directives, huge":        {localOf(`"` + times("%{ if true }", huge/12)), "line-too-long"},
		"minus, huge":             {localOf(times("- ", huge/2) + "1"), "line-too-long"},
		"sums, huge":              {localOf(times("1+", huge/2) + "1"), "line-too-long"},
		"ors, huge":               {localOf(times("true||", huge/6) + "true"), "line-too-long"},
		"indexes, huge":           {localOf("[1]" + times("[0]", huge/3)), "line-too-long"},
		"attributes, huge":        {localOf("local" + times(".y", huge/2)), "line-too-long"},
		"opened, huge":            {times("[", huge), "line-too-long"},
		"closed, huge":            {times("]", huge), "line-too-long"},
		"quotes, huge":            {times(`"`, huge), "line-too-long"},
		"one line":                {localOf(`"` + times("a", huge) + `"`), "line-too-long"},
		"one line of spaces":      {localOf(times(" ", huge) + "1"), "line-too-long"},
		"one name":                {localOf(times("a", huge)), "line-too-long"},
		"a name of a block":       {times("a", huge) + " {\n}\n", "line-too-long"},
		"a name of an attribute":  {"locals {\n  " + times("a", huge) + " = 1\n}\n", "line-too-long"},
		"a label":                 {"host \"" + times("a", huge) + "\" {\n}\n", "line-too-long"},
		"labels":                  {"host " + times("a ", huge/2) + "{\n}\n", "line-too-long"},
		"one digit after another": {localOf(times("9", huge)), "line-too-long"},
	}
}

// crowds are many mistakes at once.
func crowds() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"many mistakes":           {times("x\n", 1<<17), "syntax-definition"},
		"many unknown names":      {"locals {\n  x = [" + times("y,\n", 1<<16) + "]\n}\n", "unknown-name"},
		"many attributes":         {times("x = 1\n", 1<<15), "syntax-redefined"},
		"many blocks":             {times("nonsense {\n}\n", 1<<15), "unknown-block"},
		"many allows of one name": {times("allow \"a\" {\n}\n", 1<<13), "duplicate-name"},
	}
}

// larges are values of which a few bytes make many.
func larges() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"an index of many digits": {localOf("{}[1e100000000]"), "too-large"},
		"a million elements":      {localOf("[" + times("1,\n", 250_000) + "]"), ""},
		"a million by range":      {localOf("flatten([for i in range(1000) : [for j in range(1000) : j]])"), ""},
		"a billion by setproduct": {"locals {\n  a = range(1000)\n  x = setproduct(local.a, local.a, local.a)\n}\n", "too-large"},
		"a text times itself": {"locals {\n  a = join(\"\", [for i in range(1000) : \"0123456789\"])\n  b = replace(local.a, \"0\", local.a)\n" +
			"  c = replace(local.b, \"1\", local.b)\n}\n", "too-large"},
		"doubling": {doubling(64), "too-large"},
	}
}

// TestLimits holds that no text makes the loader crash, hang or fill the memory: it is read, or refused with a sentence, in time.
func TestLimits(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, table := range []map[string]excess{nests(), lines(), crowds(), larges()} {
		for name, c := range table {
			cases++
			t.Run(name, func(t *testing.T) {
				c.judge(t, fstest.MapFS{"a.hcl": file(c.text), "base.hcl": {Data: base}})
			})
		}
	}
	if cases < 45 {
		t.Errorf("%d cases", cases)
	}
}

// judge loads a policy, and holds the sentence and what it took.
func (c excess) judge(t *testing.T, files fstest.MapFS) {
	t.Helper()
	began := processorTime(t)
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: files})
	text := message.In(message.English).RenderAll(diagnostics)
	if took := processorTime(t) - began; took > patience {
		t.Errorf("took %s", took)
	}
	refused := slices.ContainsFunc(diagnostics, func(d message.Diagnostic) bool { return d.Code == c.want })
	if refused != (c.want != "") || !refused && len(diagnostics) > 0 {
		t.Errorf("%.300s", text)
	}
	if len(text) > 1<<20 {
		t.Errorf("%d bytes of diagnostics", len(text))
	}
}

// processorTime is what this process has used: other programs of the machine do not count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// doubling is locals of which each holds the one before twice.
func doubling(n int) string {
	var text strings.Builder
	text.WriteString("locals {\n  a0 = [1, 1]\n")
	for i := range n {
		name := "a" + strings.Repeat("1", i+1)
		before := "a" + strings.Repeat("1", i)
		if i == 0 {
			before = "a0"
		}
		text.WriteString("  " + name + " = concat(local." + before + ", local." + before + ")\n")
	}
	text.WriteString("}\n")
	return text.String()
}
