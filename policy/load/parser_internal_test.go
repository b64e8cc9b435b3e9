package load

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"cordon/policy"
	"cordon/policy/message"
)

// said is what HCL says about a text, by its title, and the code of our sentence for it.
type said struct{ title, code, text string }

// provocations are texts for which the parser or an evaluation of HCL has something to say.
func provocations() []said {
	return slices.Concat(structures(), quotations(), expressions(), evaluations())
}

// structures are provocations of which the blocks, the arguments or what separates them are wrong.
func structures() []said {
	return []said{
		{"Unclosed configuration block", "syntax-unclosed-block", `site "a" {`},
		{"Invalid single-argument block definition", "syntax-one-line", "site \"a\" { a = 1\n}"},
		{"Missing newline after block definition", "syntax-separator", `site "a" {}  x = 1`},
		{"Missing newline after argument", "syntax-separator", `a = 1 b = 2`},
		{"Missing item separator", "syntax-comma", `a = [1 2]`},
		{"Missing argument separator", "syntax-comma", `a = max(1 2)`},
		{"Missing attribute separator", "syntax-comma", `a = { a = 1 b = 2 }`},
		{"Argument or block definition required", "syntax-definition", `= 1`},
		{"Invalid argument name", "syntax-quoted-name", `"a" = 1`},
		{"Invalid block definition", "syntax-block-equals", `a "b" = 1`},
		{"Argument or block definition required", "syntax-definition", `a 1 {}`},
		{"Attribute redefined", "syntax-redefined", "a = 1\na = 2"},
		{"Invalid string literal", "syntax-label", `a "${b}" {}`},
		{"Missing key/value separator", "syntax-map", `a = { b }`},
		{"Missing key/value separator", "syntax-map", `a = { b 1 }`},
		{"Missing newline after argument", "syntax-separator", `a = 1e`},
		{"Missing newline after argument", "syntax-separator", `a = "x" "y"`},
		{"Invalid single-argument block definition", "syntax-one-line", `site "a" { a = 1, b = 2 }`},
		{"Argument definition required", "syntax-one-line", `site "a" { b {} }`},
		{"Unclosed configuration block", "syntax-unclosed-block", `site "a" { `},
		{"Argument or block definition required", "syntax-definition", `site "a" { a }`},
		{"Argument or block definition required", "syntax-definition", "site {\n  a\n}"},
		{"Invalid block definition", "syntax-block", "site \"a\"\n{\n}"},
		{"Unclosed configuration block", "syntax-unclosed-block", "site \"a\" {\n  b {\n}"},
		{"Argument or block definition required", "syntax-unopened", `}`},
		{"Unexpected comma after argument", "syntax-comma-after", "a = b.c,\n"},
		{"Argument or block definition required", "syntax-remark", "/* a\n"},
		{"Missing item separator", "syntax-comma", "a = [1\nb = 2"},
		{"Missing argument separator", "syntax-comma", "a = max(\n  1,\nb = 2"},
		{"Invalid single-argument block definition", "syntax-one-line", `site "a" { a = 1 b = 2 }`},
		{"Invalid single-argument block definition", "syntax-one-line", "site \"a\" { a = 1\nb = 2 }"},
		{"Argument definition required", "syntax-one-line", `site "a" { b "c" }`},
		{"Missing newline after argument", "syntax-separator", `a = 1 = 2`},
	}
}

// quotations are provocations of which a text, a template or a character is wrong.
func quotations() []said {
	return []said{
		{"Unterminated template string", "syntax-string", `a = "`},
		{"Invalid multi-line string", "syntax-string", "a = \"x\ny\""},
		{"Invalid character", "syntax-single-quote", `a = 'x'`},
		{"Invalid character", "syntax-semicolon", `a = 1;`},
		{"Invalid character", "syntax-character", "a = `x`"},
		{"Invalid character", "syntax-curly-quote", `a = “x”`},
		{"Invalid character", "syntax-character", `a = €`},
		{"Unterminated string literal", "syntax-string", `a "b`},
		{"Invalid escape sequence", "syntax-escape", `a "b\q" {}`},
		{"Invalid escape sequence", "syntax-escape", `a = "\q"`},
		{"Invalid escape sequence", "syntax-escape", `a = "\u12"`},
		{"Invalid escape sequence", "syntax-escape", `a = "\U12"`},
		{"Invalid escape sequence", "syntax-escape", `a = "\UFFFFFFFF"`},
		{"Unclosed template interpolation sequence", "syntax-interpolation", `a = "${1"`},
		{"Extra characters after interpolation expression", "syntax-interpolation", `a = "${1 2}"`},
		{"Extra characters after interpolation expression", "syntax-interpolation", `a = "${1:2}"`},
		{"Invalid template directive", "syntax-directive", `a = "%{ 1 }"`},
		{"Invalid template control keyword", "syntax-directive", `a = "%{ foo }"`},
		{"Unexpected end of template", "syntax-directive", `a = "%{ if true }x"`},
		{"Unexpected else directive", "syntax-directive", `a = "%{ else }"`},
		{"Unexpected else directive", "syntax-directive", `a = "%{ if true }%{else}%{else}%{endif}"`},
		{"Unexpected endif directive", "syntax-directive", `a = "%{ endif }"`},
		{"Unexpected end of template", "syntax-directive", `a = "%{ for x in [1] }"`},
		{"Unexpected else directive", "syntax-directive", `a = "%{ for x in [1] }%{else}%{endfor}"`},
		{"Unexpected endif directive", "syntax-directive", `a = "%{ for x in [1] }%{endif}"`},
		{"Invalid 'for' directive", "syntax-directive", `a = "%{ for }"`},
		{"Invalid 'for' directive", "syntax-directive", `a = "%{ for x, }"`},
		{"Invalid 'for' directive", "syntax-directive", `a = "%{ for x y }"`},
		{"Extra characters in if marker", "syntax-directive", `a = "%{ if true x }"`},
		{"Unterminated template string", "syntax-string", "a = <<EOT\nx"},
		{"Invalid character", "syntax-character", `a = $`},
		{"Invalid character", "syntax-character", `a = @`},
		{"Unterminated template string", "syntax-string", `a = "a${"b}`},
		{"Unterminated template string", "syntax-string", `site "a" { a = "}`},
	}
}

// expressions are provocations of which an expression is wrong.
func expressions() []said {
	return []said{
		{"Missing expression", "syntax-expression", `a = {`},
		{"Missing expression", "syntax-expression", `a = `},
		{"Unbalanced parentheses", "syntax-bracket", `a = (1`},
		{"Unbalanced parentheses", "syntax-bracket", `a = (1]`},
		{"Unterminated function call", "syntax-bracket", `a = max(1`},
		{"Missing closing parenthesis", "syntax-bracket", `a = max([1]... 2)`},
		{"Missing close bracket on index", "syntax-bracket", `a = b[1`},
		{"Missing close bracket on index", "syntax-bracket", `a = b[1)`},
		{"Unterminated tuple constructor expression", "syntax-bracket", `a = [1`},
		{"Unterminated object constructor expression", "syntax-bracket", `a = { b = 1`},
		{"Missing expression", "syntax-expression", `a = { b = `},
		{"Invalid 'for' expression", "syntax-for", `a = [for]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x, in y : x]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x y]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x in y x]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x in y : x x]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x in y : x => x]`},
		{"Invalid 'for' expression", "syntax-for", `a = [for x in y : x...]`},
		{"Invalid 'for' expression", "syntax-for", `a = {for x in y : x}`},
		{"Missing false expression in conditional", "syntax-conditional", `a = true ? 1`},
		{"Unsupported operator", "syntax-operator", `a = 1 & 2`},
		{"Invalid expression", "syntax-expression", `a = 2 ** 3`},
		{"Unsupported operator", "syntax-operator", `a = ~1`},
		{"Invalid number literal", "syntax-number", `a = 1e99999999999`},
		{"Missing open parenthesis", "syntax-call", `a = b::c`},
		{"Missing function name", "syntax-call", `a = b::`},
		{"Invalid attribute name", "syntax-dot", `a = b.`},
		{"Invalid attribute name", "syntax-dot", `a = b."c"`},
		{"Nested splat expression not allowed", "syntax-index", `a = b.*.*`},
		{"Nested splat expression not allowed", "syntax-index", `a = b.*.c.*`},
		{"Missing close bracket on splat index", "syntax-index", `a = b[*`},
		{"Missing close bracket on splat index", "syntax-index", `a = b[*.c`},
		{"Invalid legacy index syntax", "syntax-index", `a = b.0.1`},
		{"Invalid legacy index syntax", "syntax-index", `a = b.*.0.1`},
		{"Invalid expression", "syntax-expression", `a = %`},
		{"Unbalanced parentheses", "syntax-bracket", `a = (1 2)`},
		{"Missing closing parenthesis", "syntax-bracket", `a = max(a... `},
		{"Invalid expression", "syntax-expression", `a = "%{ if }x%{ endif }"`},
	}
}

// evaluations are provocations of which an expression is right, and has no value.
func evaluations() []said {
	return []said{
		{"Inconsistent conditional result types", "conditional-types", "locals {\n  x = true ? [] : 1\n}"},
		{"Incorrect condition type", "conditional-condition", "locals {\n  x = \"x\" ? 1 : 2\n}"},
		{"Null condition", "conditional-condition", "locals {\n  x = null ? 1 : 2\n}"},
		{"Invalid operand", "operand", "locals {\n  x = [] + 1\n}"},
		{"Invalid operand", "operand", "locals {\n  x = -\"x\"\n}"},
		{"Invalid operand", "operand", "locals {\n  x = !\"x\"\n}"},
		{"Invalid template interpolation value", "interpolation", "locals {\n  x = \"${[]}x\"\n}"},
		{"Invalid template interpolation value", "interpolation", "locals {\n  x = \"x${null}\"\n}"},
		{"Invalid template interpolation value", "interpolation", "locals {\n  x = \"%{ for x in [null] }${x}%{ endfor }\"\n}"},
		{"Iteration over null value", "for-collection", "locals {\n  x = [for x in null : x]\n}"},
		{"Iteration over non-iterable value", "for-collection", "locals {\n  x = [for x in 1 : x]\n}"},
		{"Condition is null", "for-condition", "locals {\n  x = [for x in [1] : x if null]\n}"},
		{"Invalid 'for' condition", "for-condition", "locals {\n  x = [for x in [1] : x if \"x\"]\n}"},
		{"Invalid object key", "map-key", "locals {\n  x = {for x in [1] : null => x}\n}"},
		{"Invalid object key", "map-key", "locals {\n  x = {for x in [1] : [] => x}\n}"},
		{"Duplicate object key", "for-key-twice", "locals {\n  x = {for x in [1, 1] : x => x}\n}"},
		{"Null value as key", "map-key", "locals {\n  x = { (null) = 1 }\n}"},
		{"Incorrect key type", "map-key", "locals {\n  x = { ([]) = 1 }\n}"},
		{"Invalid index", "no-element", "locals {\n  x = [1][1.5]\n}"},
		{"Invalid index", "no-element", "locals {\n  x = [1][2]\n}"},
		{"Invalid index", "no-element", "locals {\n  x = [1][-1]\n}"},
		{"Attempt to index null value", "null-inside", "locals {\n  x = null[1]\n}"},
		{"Attempt to get attribute from null value", "null-inside", "locals {\n  x = null.a\n}"},
		{"Unsupported attribute", "no-attribute", "locals {\n  x = [1].a\n}"},
		{"Unsupported attribute", "no-attribute", "locals {\n  x = \"x\".a\n}"},
		{"Unsupported attribute", "no-attribute", "locals {\n  x = {a=1}.b\n}"},
		{"Invalid index", "no-element", "locals {\n  x = {a=1}[\"b\"]\n}"},
		{"Invalid index", "no-element", "locals {\n  x = 1[0]\n}"},
		{"Invalid index", "no-element", "locals {\n  x = [1][null]\n}"},
		{"Unsupported attribute", "no-attribute", "locals {\n  x = [[1],{}][*].a\n}"},
		{"Call to unknown function", "unknown-function", "locals {\n  x = f()\n}"},
		{"Incorrect condition type", "conditional-condition", "locals {\n  x = \"%{ if [] }x%{ endif }\"\n}"},
		{"Missing map element", "no-element", "locals {\n  x = tomap({ a = 1 }).b\n}"},
		{"Invalid expanding argument value", "expand-argument", "locals {\n  x = max(\"a\"...)\n}"},
		{"Invalid expanding argument value", "expand-argument", "locals {\n  x = max(null...)\n}"},
		{"Splat of null value", "null-inside", "locals {\n  x = tolist(null)[*].a\n}"},
		{"Operation failed", "operation", "locals {\n  x = 0 / 0\n}"},
		{"Error in function call", "function-error", "locals {\n  x = max()\n}"},
		{"Too many function arguments", "function-arguments", "locals {\n  x = abs(1, 2)\n}"},
		{"Invalid function argument", "function-argument", "locals {\n  x = abs(\"a\")\n}"},
		{"Call to unknown function", "unknown-function", "locals {\n  x = nothing()\n}"},
		{"Invalid function argument", "function-error", "locals {\n  x = regex(\"(\", \"a\")\n}"},
		{"Error in function call", "function-none", "locals {\n  x = log(0, 0)\n}"},
		{"Call to unknown function", "unknown-function", "locals {\n  x = a::b::c()\n}"},
		{"Invalid index", "no-element", "locals {\n  x = [for k in [\"a\"] : k][*][0].b\n}"},
		{"Not enough function arguments", "function-arguments", "locals {\n  x = lookup({}, \"a\").b\n}"},
		{"Ambiguous attribute key", "map-key-dots", "locals {\n  y = \"k\"\n  x = { local.y = 1 }\n}"},
	}
}

// unprovoked are the titles that no policy meets, with the reason.
func unprovoked() map[string]string {
	const (
		absolute = "only hclsyntax.ParseTraversalAbs and its like say it, which nothing here calls"
		schema   = "only a body that is decoded by an HCL schema says it; schemas here are our own"
		nothing  = "only an expression in no context at all says it; constant says want-literal then"
	)
	return map[string]string{
		"Attribute name required": absolute, "Variable name required": absolute, "Index value required": absolute,
		"Unclosed index brackets": absolute,
		"Unsupported argument":    schema, "Unsupported block type": schema, "Missing required argument": schema,
		"Unclosed configuration body":       "the brace of an inner body is missed by its block first",
		"Missing attribute value":           "the parser takes the new line for the key's expression and says that a separator is missing",
		"Function calls not allowed":        nothing,
		"Variables not allowed":             nothing,
		"Unknown variable":                  "unknown names are found before anything is evaluated",
		"Extra characters after expression": "only hclsyntax.ParseExpression says it, for a variable's value, which has sentences of its own",
		"Invalid nested splat expressions":  "the types of a tuple may differ, and a list's do not",
		"Invalid character encoding":        "not-utf8 comes first",
		"Invalid path step":                 "only a cty.Path is applied by it, which nothing here makes",
	}
}

// Provoked returns the codes of the sentences about what HCL says.
func Provoked() []string {
	var codes []string
	for _, c := range provocations() {
		codes = append(codes, c.code)
	}
	return codes
}

// titles returns what HCL says about a text, and our codes for it.
func titles(text string) (said, codes []string) {
	parsed, diags := hclsyntax.ParseConfig([]byte(text), "a.hcl", hcl.InitialPos)
	if !diags.HasErrors() {
		scope := &hcl.EvalContext{
			Functions: (&tree{}).functions(&budget{left: allowance}),
			Variables: map[string]cty.Value{"local": cty.ObjectVal(map[string]cty.Value{"y": cty.StringVal("k")})},
		}
		body, _ := parsed.Body.(*hclsyntax.Body)
		for _, b := range body.Blocks {
			for _, a := range b.Body.Attributes {
				_, wrong := a.Expr.Value(scope)
				diags = append(diags, wrong...)
			}
		}
	}
	for _, d := range diags {
		said = append(said, d.Summary)
	}
	_, diagnostics := Dir(policy.Moment{}, nil, Directory{FS: fstest.MapFS{"a.hcl": {Data: []byte(text)}}})
	for _, d := range diagnostics {
		codes = append(codes, d.Code)
	}
	return said, codes
}

// TestParserSays holds that everything that the HCL library may say to a user is said in our words, in both languages. The library's own
// source says what there is.
func TestParserSays(t *testing.T) {
	provoked := map[string]bool{}
	for _, c := range provocations() {
		said, codes := titles(c.text)
		if !slices.Contains(said, c.title) || !slices.Contains(codes, c.code) {
			t.Errorf("%q: HCL says %v, we say %v; want %q, %q", c.text, said, codes, c.title, c.code)
		}
		if slices.Contains(codes, "syntax") || slices.Contains(codes, "expression") {
			t.Errorf("%q: %v has no sentence of its own", c.text, said)
		}
		for _, title := range said {
			provoked[title] = true
		}
		for _, language := range []message.Language{message.English, message.French} {
			if text := message.In(language).Text(c.code+".summary", nil); strings.HasSuffix(text, ".summary") {
				t.Errorf("%s has no sentence in %s", c.code, language)
			}
		}
	}
	never, inSource := unprovoked(), 0
	for _, title := range titlesInSource(t) {
		inSource++
		reason, listed := never[title]
		switch {
		case !provoked[title] && !listed:
			t.Errorf("%q is never provoked, and no reason is given", title)
		case provoked[title] && listed:
			t.Errorf("%q is provoked: the reason %q is wrong", title, reason)
		}
	}
	if inSource < 80 {
		t.Errorf("%d titles in the library's source", inSource)
	}
}

// titlesInSource are the titles of the library's diagnostics that stand in its source as they are said. The source lies where the go
// command that builds this test takes it from: in the cache of modules, or in vendor.
func titlesInSource(t *testing.T) []string {
	t.Helper()
	const library = "github.com/hashicorp/hcl/v2"
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", library, library+"/hclsyntax")
	var complaint strings.Builder
	list.Stderr = &complaint
	folders, err := list.Output()
	root, parser, both := strings.Cut(strings.TrimSpace(string(folders)), "\n")
	if err != nil || !both {
		t.Fatalf("go list finds no source of %s: %v\n%s", library, err, complaint.String())
	}
	files, err := filepath.Glob(filepath.Join(parser, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`(?:Summary:|summary :?=|const invalidIndex =|const unsupportedAttr =)\s+"([^"]+)"`)
	var titles []string
	for _, name := range append(files, filepath.Join(root, "ops.go")) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			titles = append(titles, m[1])
		}
	}
	slices.Sort(titles)
	return slices.Compact(titles)
}
