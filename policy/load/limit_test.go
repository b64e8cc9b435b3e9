package load_test

import (
	"os"
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

// TestLimits holds that no text makes the loader crash, hang or fill the memory: it is read, or refused with a sentence, in time.
func TestLimits(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	locals := func(expression string) string { return "locals {\n  x = " + expression + "\n}\n" }
	times := strings.Repeat
	const deep, huge = 20_000, 10 << 20 // a line of 10 MB
	cases := map[string]struct{ text, want string }{
		"lists in lists":          {locals(times("[", deep) + times("]", deep)), "too-deep"},
		"maps in maps":            {locals(times("{a=", deep) + "1" + times("}", deep)), "too-deep"},
		"parentheses":             {locals(times("(", deep) + "1" + times(")", deep)), "too-deep"},
		"calls":                   {locals(times("max(", deep) + "1" + times(")", deep)), "too-deep"},
		"blocks":                  {times("a {\n", deep) + times("}\n", deep), "too-deep"},
		"templates":               {locals(times(`"${`, deep) + "1" + times(`}"`, deep)), "too-deep"},
		"heredocs in templates":   {locals(times("<<E\n${", deep) + "1" + times("}\nE\n", deep)), "too-deep"},
		"directives":              {locals(`"` + times("%{ if true }", deep/2) + times("%{ endif }", deep/2) + `"`), "too-deep"},
		"directives, huge":        {locals(`"` + times("%{ if true }", huge/12)), "line-too-long"},
		"for directives":          {locals(`"` + times("%{ for x in [1] }", deep/4) + times("%{ endfor }", deep/4) + `"`), "too-deep"},
		"heredoc directives":      {locals("<<E\n" + times("%{ if true }\n", deep) + times("%{ endif }\n", deep) + "E"), "too-deep"},
		"not":                     {locals(times("!", deep) + "true"), "too-deep"},
		"minus":                   {locals(times("-", deep) + "1"), "too-deep"},
		"minus, huge":             {locals(times("- ", huge/2) + "1"), "line-too-long"},
		"conditionals":            {locals(times("true ? 1 : ", deep) + "1"), "too-deep"},
		"conditionals within":     {locals(times("true ? ", deep) + "1" + times(" : 1", deep)), "too-deep"},
		"sums":                    {locals(times("1 + ", deep) + "1"), "too-deep"},
		"sums, huge":              {locals(times("1+", huge/2) + "1"), "line-too-long"},
		"ands":                    {locals(times("true && ", deep) + "true"), "too-deep"},
		"ors, huge":               {locals(times("true||", huge/6) + "true"), "line-too-long"},
		"comparisons":             {locals(times("1 == ", deep) + "1"), "too-deep"},
		"indexes":                 {locals("[]" + times("[0]", deep)), "too-deep"},
		"indexes, huge":           {locals("[1]" + times("[0]", huge/3)), "line-too-long"},
		"indexes by call":         {locals("[1]" + times("[max(0)]", deep)), "too-deep"},
		"splats":                  {locals("[]" + times("[*]", deep)), "too-deep"},
		"attributes":              {locals("local" + times(".y", deep)), "too-deep"},
		"attributes, huge":        {locals("local" + times(".y", huge/2)), "line-too-long"},
		"fors":                    {locals(times("[for x in [1] : ", deep/2) + "x" + times("]", deep/2)), "too-deep"},
		"opened, huge":            {times("[", huge), "line-too-long"},
		"closed, huge":            {times("]", huge), "line-too-long"},
		"quotes, huge":            {times(`"`, huge), "line-too-long"},
		"one line":                {locals(`"` + times("a", huge) + `"`), "line-too-long"},
		"one line of spaces":      {locals(times(" ", huge) + "1"), "line-too-long"},
		"one name":                {locals(times("a", huge)), "line-too-long"},
		"a name of a block":       {times("a", huge) + " {\n}\n", "line-too-long"},
		"a name of an attribute":  {"locals {\n  " + times("a", huge) + " = 1\n}\n", "line-too-long"},
		"a label":                 {"host \"" + times("a", huge) + "\" {\n}\n", "line-too-long"},
		"labels":                  {"host " + times("a ", huge/2) + "{\n}\n", "line-too-long"},
		"one digit after another": {locals(times("9", huge)), "line-too-long"},
		"many mistakes":           {times("x\n", 1<<17), "syntax-definition"},
		"many unknown names":      {"locals {\n  x = [" + times("y,\n", 1<<16) + "]\n}\n", "unknown-name"},
		"many attributes":         {times("x = 1\n", 1<<15), "syntax-redefined"},
		"many blocks":             {times("nonsense {\n}\n", 1<<15), "unknown-block"},
		"many allows of one name": {times("allow \"a\" {\n}\n", 1<<13), "duplicate-name"},
		"a million elements":      {locals("[" + times("1,\n", 250_000) + "]"), ""},
		"a million by range":      {locals("flatten([for i in range(1000) : [for j in range(1000) : j]])"), ""},
		"a billion by setproduct": {"locals {\n  a = range(1000)\n  x = setproduct(local.a, local.a, local.a)\n}\n", "too-large"},
		"a text times itself": {"locals {\n  a = join(\"\", [for i in range(1000) : \"0123456789\"])\n  b = replace(local.a, \"0\", local.a)\n" +
			"  c = replace(local.b, \"1\", local.b)\n}\n", "too-large"},
		"doubling": {doubling(64), "too-large"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			began := processorTime(t)
			_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": file(c.text), "base.hcl": {Data: base}}})
			english := message.In(message.English)
			text := english.RenderAll(diagnostics)
			took := processorTime(t) - began
			code := ""
			for i := len(diagnostics) - 1; i >= 0; i-- {
				if code = diagnostics[i].Code; code == c.want {
					break
				}
			}
			if code != c.want {
				t.Errorf("%.300s", text)
			}
			if took > patience {
				t.Errorf("took %s", took)
			}
			if len(text) > 1<<20 {
				t.Errorf("%d bytes of diagnostics", len(text))
			}
		})
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
