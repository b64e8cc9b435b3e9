//go:build !race

package load_test

import (
	"fmt"
	"os"
	"path/filepath"
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

// excess is a text that is too much, or nearly, and the code of the sentence that refuses it.
type excess struct{ text, want string }

// part is which part of the allowance it is held against: what takes too much is refused the sooner.
func (c excess) part() int { //nolint:unparam // part is another number without the tag full
	if c.want == "too-much-work" {
		return part
	}
	return 1
}

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
		"many open texts":         {times("host \"h\" {\n  a = \"x\n}\n", 1<<15), "syntax-string"},
		"many open for ever":      {times("host \"h\" {\n  a = {b = \"x]\n}\n", 1<<15), "syntax-string"},
		"one open, nothing ends":  {"locals {\n  a = {b = \"x]\n}\n" + times("host \"h\" {\n}\n", 1<<16), "syntax-string"},
		"many open remarks":       {times("camera \"c1\" { /* x\n}\n", 1<<15), "syntax-remark"},
		"remarks in remarks":      {times("/*\n", 1<<18), "syntax-remark"},
		"remarks in long lines":   {times(times("/* ", 80_000)+"\n", 60), "syntax-remark"},
		"many end at the end":     {times("/*\n", 1<<18) + "*/\n", "syntax-remark"},
		"stars in many remarks":   {times("# policies/*.csv\n", 1<<18), ""},
		"many closed too often":   {times("host \"h\" {\n}\n}\n", 1<<15), "syntax-unopened"},
		"many never closed":       {times("host \"h\" {\n", 1<<15), "syntax-unclosed-block"},
		"many closed otherwise":   {times("a {\n  b = [\"]\n  c = \"\n}\n", 1<<15), "syntax-string"},
		"many long texts":         {times("locals {\n  a = <<E\n}\n", 1<<15), "syntax-string"},
		"a text of many lines":    {localOf("<<E\n" + times("a line\n", 10_001) + "E"), "text-too-long"},
		"a text of dollars":       {localOf(`"` + times("$x", 100_000) + `"`), "text-signs"},
		"a text of escapes":       {localOf(`"` + times("$${", 80_000) + `"`), "text-signs"},
		"dollars in a long text":  {localOf("<<E\n" + times("$x", 100_000) + "\nE"), "text-too-long"},
		"a text of few dollars":   {localOf(`"` + times("$x", 3_000) + `"`), ""},
		"many texts of lines":     {times(localOf("<<E\n"+times("a line\n", 1000)+"E"), 101), "text-too-long"},
		"many allows of one name": {times("allow \"a\" {\n}\n", 1<<13), "duplicate-name"},
	}
}

// larges are values of which a few bytes make many.
func larges() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"an index of many digits": {localOf("{}[1e100000000]"), "too-large"},
		"a list of many elements": {localOf("[" + times("1,\n", 100_000) + "]"), ""},
		"a million by range":      {localOf(fmt.Sprintf("flatten([for i in range(%d) : [for j in range(1000) : j]])", 1000/part)), ""},
		"a billion by setproduct": {"locals {\n  a = range(1000)\n  x = setproduct(local.a, local.a, local.a)\n}\n", "too-large"},
		"a text times itself": {"locals {\n  a = join(\"\", [for i in range(1000) : \"0123456789\"])\n  b = replace(local.a, \"0\", local.a)\n" +
			"  c = replace(local.b, \"1\", local.b)\n}\n", "too-large"},
		"texts that double":           {doublingText(60), "too-large"},
		"a width of a billion":        {localOf(`format("%1000000000d", 1)`), "too-large"},
		"a text as wide":              {localOf(`format("%-1000000000s", "a")`), "too-large"},
		"an indent of a billion":      {localOf(`indent(1000000000, "a\nb\nc")`), "too-large"},
		"one argument many times":     {manyTexts("format(\"" + times("%[1]s", 4_000) + "\", local.mega)"), "too-large"},
		"a long separator":            {manyTexts("join(local.mega, [for i in range(1000) : \"a\"])"), "too-large"},
		"a regular expression":        {manyTexts(`regexall("(x*){1000}y", local.mega)`), "too-large"},
		"what a pattern is put for":   {manyTexts(`regexreplace(local.mega, "[0-9]", "${local.mega}")`), "too-large"},
		"trimmed of itself":           {manyTexts("trim(local.mega, local.mega)"), "too-large"},
		"a number of a million bytes": {manyTexts("parseint(local.mega, 10)"), "too-large"},
		"no two are equal":            {manyTexts("distinct([for i, v in local.many : i])"), "too-large"},
		"no two have one type":        {manyTexts("tolist(concat(local.many, [[1]]))"), "too-much-work"},
		"a type for all arguments":    {manyTexts("coalesce(local.many...)"), "too-large"},
		"a million texts in a file":   {localOf(`jsondecode("[` + times("1,", 120_000) + `1]")`), ""},
	}
}

// turns are expressions that go through so much that they never end.
func turns() map[string]excess {
	times := strings.Repeat
	return map[string]excess{
		"loops in loops":        {localOf("[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]"), "too-much-work"},
		"loops of much":         {localOf("[for a in range(1000) : [for b in range(100) : [" + times("a,\n", 5000) + "]]]"), "too-much-work"},
		"a loop in a template":  {localOf(`"` + times("%{ for a in range(1000) }", 3) + "x" + times("%{ endfor }", 3) + `"`), "too-much-work"},
		"splats in a loop":      {manyTexts("[for b in local.many : local.many[*]]"), "too-much-work"},
		"calls in a loop":       {manyTexts("[for b in local.many : length(local.many)]"), "too-much-work"},
		"texts in a loop":       {manyTexts(`[for b in local.many : "${local.mega}${b}"]`), "too-much-work"},
		"splits in a loop":      {manyTexts(`[for b in local.many : split("", local.mega)]`), "too-much-work"},
		"comparisons in a loop": {manyTexts("[for b in local.many : local.many == local.many]"), "too-much-work"},
		"choices in a loop":     {manyTexts("[for b in local.many : b > 0 ? local.many : []]"), "too-much-work"},
		"mistakes in a loop":    {manyTexts("[for b in local.many : nonsuch(b)]"), "too-much-work"},
		"a number of many digits": {"locals {\n  a = 1e999 * 1e999\n  b = local.a * local.a\n  c = local.b * local.b\n" +
			"  d = local.c * local.c\n  x = \"${local.d}!\"\n}\n", "too-much-work"},
		"many blocks of many attributes": {manyTexts("1") + "dynamic \"host\" {\n  for_each = flatten([for i in range(30) : local.many])\n" +
			"  iterator = n\n  labels   = [\"h${n.key}\"]\n" +
			"  content {\n    segment = segment.office\n    address = \"10.50.0.9\"\n  }\n}\n", "too-large"},
		"many blocks of many more": {manyTexts("1") + "dynamic \"host\" {\n  for_each = flatten([for i in range(2) : local.many])\n" +
			"  iterator = n\n  labels   = [\"h${n.key}\"]\n" +
			"  content {\n    segment = segment.office\n    address = \"10.50.0.9\"\n  }\n}\n", "too-many-blocks"},
		"a loop for each block": {manyTexts("1") + "dynamic \"host\" {\n  for_each = slice(local.many, 0, 90000)\n" +
			"  iterator = n\n  labels   = [\"h${n.key}\"]\n" +
			"  content {\n    segment = segment.office\n    address = [for b in local.many : b][0]\n  }\n}\n", "too-much-work"},
		"every segment with every other": {manyTexts("1") + "dynamic \"segment\" {\n  for_each = slice(local.many, 0, 90000)\n  iterator = n\n" +
			"  labels   = [\"s${n.key}\"]\n  content {\n    kind      = \"client\"\n    interface = \"e${n.key}\"\n" +
			"    addresses = [\"${cidrhost(\"11.0.0.0/8\", n.key * 4 + 1)}/30\"]\n  }\n}\n", "too-much-work"},
		"every allow of one recorder for one network": {manyTexts("1") + "dynamic \"allow\" {\n  for_each = local.many\n  iterator = n\n" +
			"  labels   = [\"a${n.key}\"]\n  content {\n    from     = recorder.nvr-1\n    to       = \"203.0.113.0/24\"\n" +
			"    services = [\"https\"]\n  }\n}\n", "too-much-work"},
	}
}

// sources are files of which each part is small, and that have too many of them.
func sources() map[string]excess {
	return map[string]excess{
		"a file of elements":  {localOf("[" + fill("1,\n") + "]"), "too-many-words"},
		"a file of texts":     {localOf("[" + fill("\"\",\n") + "]"), "too-many-words"},
		"a file of blocks":    {fill("a{\n}\n"), "too-many-words"},
		"a file of mistakes":  {fill("x\n"), "too-many-words"},
		"a file of names":     {localOf("[" + fill("y,\n") + "]"), "too-many-words"},
		"a file of templates": {localOf("<<E\n" + fill("${1}\n") + "E\n"), "too-many-words"},
		"a file of comments":  {fill("# a camera of the gym\n"), ""},
		"locals in a chain":   {chain(20_000), "too-deep"},
		"names that miss":     {misspelt(20_000), "unknown-local"},
	}
}

// fill repeats a text until it is nearly 16 MiB.
func fill(text string) string { return strings.Repeat(text, (16<<20-100)/len(text)) }

// manyTexts is an expression that may use a list of 100,000 numbers and a text of a million bytes.
func manyTexts(expression string) string {
	return "locals {\n  r = range(1000)\n  many = flatten([for a in range(100) : local.r])\n" +
		"  kilo = join(\"\", [for a in range(100) : \"0123456789\"])\n  mega = join(\"\", [for a in local.r : local.kilo])\n" +
		"  x = " + expression + "\n}\n"
}

// chain is locals of which each needs the next.
func chain(n int) string {
	var text strings.Builder
	text.WriteString("locals {\n")
	for i := range n {
		fmt.Fprintf(&text, "  a%06d = local.a%06d\n", i, i+1)
	}
	fmt.Fprintf(&text, "  a%06d = 1\n}\n", n)
	return text.String()
}

// misspelt is locals of which each names another one wrong.
func misspelt(n int) string {
	var text strings.Builder
	text.WriteString("locals {\n")
	for i := range n {
		fmt.Fprintf(&text, "  name%06d = local.nome%06d\n", i, i)
	}
	return text.String() + "}\n"
}

// doublingText is locals of which each is the text before it twice.
func doublingText(n int) string {
	var text strings.Builder
	text.WriteString("locals {\n  a0 = \"0123456789\"\n")
	for i := range n {
		fmt.Fprintf(&text, "  a%d = \"${local.a%d}${local.a%d}\"\n", i+1, i, i)
	}
	return text.String() + "}\n"
}

// TestLimits holds that no text makes the loader crash, hang or fill the memory: it is read, or refused with a sentence, in time.
func TestLimits(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, table := range []map[string]excess{nests(), lines(), crowds(), larges(), turns(), sources()} {
		for name, c := range table {
			cases++
			t.Run(name, func(t *testing.T) {
				c.judge(t, c.part(), fstest.MapFS{"a.hcl": file(c.text), "base.hcl": {Data: base}})
			})
		}
	}
	if cases < 95 {
		t.Errorf("%d cases", cases)
	}
}

// judge loads a policy, and holds the sentence and what it took.
func (c excess) judge(t *testing.T, part int, files fstest.MapFS) {
	t.Helper()
	began := processorTime(t)
	_, diagnostics := load.DirWithin(part, load.Directory{FS: files})
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

// TestSheetLimits holds what a CSV file may be.
func TestSheetLimits(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	times := strings.Repeat
	for name, c := range map[string]excess{
		"a line of 1 MiB":         {"a\n" + times("x", 1<<20) + "\n", "line-too-long"},
		"a million columns":       {times("a,", 1_000_000) + "\n", "line-too-long"},
		"1,001 columns":           {times("a,", 1001) + "b\n", "csv-columns"},
		"more than 16 MiB":        {"a\n" + times("xxxxxxx\n", 2<<20), "file-too-large"},
		"a quote never closed":    {"a\n\"" + fill("x\n"), "csv-quote-open"},
		"rows of another number":  {"a,b\n" + times("x\n", 20_000), "csv-ragged"},
		"two million rows":        {"a\n" + times("x\n", 2_000_000/part), "too-much-work"},
		"many rows of one":        {"a\n" + times("x\n", 200_000), ""},
		"a few hundred wide rows": {numbers(1000) + times(times("x,", 999)+"x\n", 300), ""},
		"eight thousand of those": {numbers(1000) + times(times("x,", 999)+"x\n", 8000/part), "too-much-work"},
	} {
		t.Run(name, func(t *testing.T) {
			c.judge(t, c.part(), fstest.MapFS{"a.hcl": file(localOf(`csvdecode(file("a.csv"))`)), "a.csv": file(c.text), "base.hcl": {Data: base}})
		})
	}
}

// numbers is a header of so many columns.
func numbers(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	return strings.Join(names, ",") + "\n"
}

// TestTooManyWritten holds that a camera too many is refused before all of them are parsed, also where another file holds the first.
// The control is a file with fewer, and with one in a remark.
func TestTooManyWritten(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("  camera \"x\" {}\n", n) }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  bool
	}{
		"in one file":  {fstest.MapFS{"a.hcl": file(lines(100_001))}, true},
		"in two files": {fstest.MapFS{"a.hcl": file(lines(1)), "b.hcl": file(lines(100_000)), "c.hcl": file(lines(9))}, true},
		"fewer":        {fstest.MapFS{"a.hcl": file(lines(1)), "b.hcl": file("# " + lines(1))}, false},
	} {
		began := processorTime(t)
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: c.files})
		took := processorTime(t) - began
		got := slices.ContainsFunc(diagnostics, func(d message.Diagnostic) bool { return d.Code == "too-many-cameras" })
		if got != c.want || took > time.Second {
			t.Errorf("%s: refused %t in %s, %d diagnostics", name, got, took, len(diagnostics))
		}
	}
}

// TestDocuments holds where a mistake in a file of another format is reported, in that file, and what such a file may be.
func TestDocuments(t *testing.T) {
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
	}
	rows := strings.Repeat("- name: gym\n  note: it's [R&D] *\n  ports: [554, 8000]\n", 2000)
	cases := []struct{ name, text, want string }{
		{"a.json", "{\n  \"a\": 1,\n}\n", "a.json:3,1 bad-json"},
		{"a.json", "{", "a.json:1,1 bad-json"},
		{"a.json", strings.Repeat("[", 1<<20), "a.json:1,10001 bad-json"},
		{"a.json", `[1, {"a": null}]`, ""},
		{"a.yaml", "a: 1\nb:\n\t- x\n", "a.yaml:3,1 bad-yaml"},
		{"a.yaml", "a: 1\nb: [1\nc: 2\n", "a.yaml:2,1 bad-yaml"},
		{"a.yaml", "\xff", "a.yaml:1,1 not-utf8"},
		{"a.yaml", strings.Repeat("[", 1<<20), "x.hcl:2,7 yaml-deep"},
		{"a.yaml", strings.Repeat("[ '],", 1<<20), "x.hcl:2,7 yaml-deep"},
		{"a.yaml", strings.Repeat("- ", 1<<20), "x.hcl:2,7 yaml-deep"},
		{"a.yaml", strings.Repeat("[", 10000), "a.yaml:1,1 bad-yaml"},
		{"a.yaml", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), ""},
		{"a.yaml", laughs.String(), "x.hcl:2,7 yaml-aliases"},
		{"a.yaml", "d: &d {x: 1}\nl:\n" + strings.Repeat("- <<: *d\n  n: 1\n", 1000), ""},
		{"a.yaml", rows, ""},
	}
	for _, c := range cases {
		function := strings.TrimPrefix(filepath.Ext(c.name), ".") + "decode"
		fsys := fstest.MapFS{"base.hcl": {Data: base}, c.name: file(c.text)}
		fsys["x.hcl"] = file(fmt.Sprintf("locals {\n  x = %s(file(%q))\n}\n", function, c.name))
		began := processorTime(t)
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
		if took := processorTime(t) - began; took > patience {
			t.Errorf("%s %.30q took %s", c.name, c.text, took)
		}
		got := ""
		for _, d := range diagnostics {
			got = fmt.Sprintf("%s,%d %s", d.Origin, d.Origin.Column, d.Code)
			judgeSentences(t, d)
		}
		if len(diagnostics) > 1 || got != c.want {
			t.Errorf("%s %.30q: %s, want %s", c.name, c.text, got, c.want)
		}
	}
}
