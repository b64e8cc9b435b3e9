package load_test

import (
	"net/netip"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// withVariable loads the base with a service whose description shows what a variable is.
func withVariable(t *testing.T, declaration, use string, given load.Variables) (policy.Policy, []message.Diagnostic) {
	t.Helper()
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	text := declaration + "\nservice \"x\" {\n  tcp = [1]\n  description = " + use + "\n}\n"
	return load.Dir(policy.Moment{}, given, load.Directory{FS: fstest.MapFS{"a.hcl": file(text), "base.hcl": {Data: base}}})
}

func TestVariables(t *testing.T) {
	given := func(text string) load.Variables { return load.Set(map[string]string{"x": text}) }
	environment := func(name string) load.Variables { return load.Variables{name: {Text: "here", Environment: true}} }
	misspelt := load.Set(map[string]string{"nrv": "b"})
	const notList = "a.hcl:1 variable-form-list"
	cases := map[string]struct {
		declaration, use string
		given            load.Variables
		want             string // the value, or the place and the code of the mistake
	}{
		"a default":                  {`variable "x" { default = "a" }`, `var.x`, nil, "a"},
		"set":                        {`variable "x" { default = "a" }`, `var.x`, given("b"), "b"},
		"set without a default":      {`variable "x" {}`, `var.x`, given(" 1,5 "), "1,5"},
		"set to nothing":             {`variable "x" { default = "a" }`, `"<${var.x}>"`, given(""), "<>"},
		"not set":                    {`variable "x" {}`, `var.x`, nil, "a.hcl:1 variable-unset"},
		"the environment":            {`variable "x" { default = "a" }`, `var.x`, environment("x"), "here"},
		"another's environment":      {`variable "x" { default = "a" }`, `var.x`, environment("y"), "a"},
		"misspelt":                   {`variable "nvr" { default = "a" }`, `var.nvr`, misspelt, " variable-undeclared"},
		"no variable at all":         {``, `"a"`, given("b"), " variable-undeclared"},
		"null":                       {`variable "x" { default = null }`, `coalesce(var.x, "c")`, nil, "c"},
		"null, set":                  {`variable "x" { default = null }`, `coalesce(var.x, "c")`, given("d"), "d"},
		"by index":                   {`variable "101" { default = "a" }`, `var["101"]`, nil, "a"},
		"with an accent":             {"variable \"cam\u00e9ra\" { default = \"a\" }", "var.came\u0301ra", nil, "a"},
		"a number":                   {`variable "x" { default = 1 }`, `tostring(var.x + 1)`, given(" 7 "), "8"},
		"no number":                  {`variable "x" { default = 1 }`, `tostring(var.x)`, given("7,5"), "a.hcl:1 variable-form-number"},
		"a truth":                    {`variable "x" { default = true }`, `var.x ? "yes" : "no"`, given("false"), "no"},
		"no truth":                   {`variable "x" { default = true }`, `var.x ? "yes" : "no"`, given("oui"), "a.hcl:1 variable-form-bool"},
		"a list":                     {`variable "x" { default = [] }`, `join("+", var.x)`, given(`["a", "b"]`), "a+b"},
		"no list":                    {`variable "x" { default = [] }`, `join("+", var.x)`, given(`a,b`), notList},
		"a text for a list":          {`variable "x" { default = [] }`, `join("+", var.x)`, given(`"a"`), notList},
		"a list that refers":         {`variable "x" { default = [] }`, `join("+", var.x)`, given(`[segment.cameras]`), notList},
		"a list that calls":          {`variable "x" { default = [] }`, `join("+", var.x)`, given(`[file("a.hcl")]`), notList},
		"a list without end":         {`variable "x" { default = [] }`, `join("+", var.x)`, given(nested(20000)), notList},
		"a map":                      {`variable "x" { default = {} }`, `var.x.k`, given(`{ k = "v" }`), "v"},
		"no map":                     {`variable "x" { default = {} }`, `var.x.k`, given(`[1]`), "a.hcl:1 variable-form-map"},
		"in locals":                  {"variable \"x\" { default = \"a\" }\nlocals {\n  y = upper(var.x)\n}", `local.y`, given("b"), "B"},
		"in a label of a dynamic":    {dynamicHosts, `host["h-b"] == null ? "no" : "yes"`, given(`["10.50.0.20"]`), "yes"},
		"in a dynamic, wrong form":   {dynamicHosts, `"a"`, given(`10.50.0.20`), notList},
		"in a dynamic, as a default": {dynamicHosts, `host["h-b"] == null ? "no" : "yes"`, nil, "yes"},
	}
	for name, c := range cases {
		p, diagnostics := withVariable(t, c.declaration, c.use, c.given)
		got := ""
		switch {
		case len(diagnostics) > 1:
			got = message.In(message.English).RenderAll(diagnostics)
		case len(diagnostics) == 1:
			got = diagnostics[0].Origin.String() + " " + diagnostics[0].Code
			judgeSentences(t, diagnostics[0])
		default:
			got = p.Services[0].Description
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(cases) != 29 {
		t.Errorf("%d cases", len(cases))
	}
}

const dynamicHosts = `variable "x" { default = ["10.50.0.21"] }
variable "suffix" { default = "b" }
dynamic "host" {
  for_each = var.x
  labels   = ["h-${var.suffix}"]
  content {
    segment = segment.office
    address = host.value
  }
}`

func nested(depth int) string {
	text := make([]byte, 0, 2*depth)
	for range depth {
		text = append(text, '[')
	}
	for range depth {
		text = append(text, ']')
	}
	return string(text)
}

// What a variable is given is part of the policy: another value is another policy, and the model holds what it takes to read it again.
func TestVariablesAndDigest(t *testing.T) {
	declaration := "variable \"x\" { default = \"a\" }\nvariable \"y\" { default = \"a\" }"
	digests := map[string]string{}
	sets := map[string]load.Variables{
		"none": nil, "x=a": load.Set(map[string]string{"x": "a"}), "x=b": load.Set(map[string]string{"x": "b"}),
		"y=b": load.Set(map[string]string{"y": "b"}), "x=b y=b": load.Set(map[string]string{"x": "b", "y": "b"}),
	}
	for name, given := range sets {
		p, diagnostics := withVariable(t, declaration, "var.x", given)
		if len(diagnostics) > 0 {
			t.Fatalf("%s: %v", name, given)
		}
		if other, taken := digests[p.Digest]; taken {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[p.Digest] = name
		again, _ := withVariable(t, declaration, "var.x", load.Set(p.Variables))
		if diff := cmp.Diff(p, again, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("%s read again (-first +second):\n%s", name, diff)
		}
	}
	if len(digests) != len(sets) {
		t.Errorf("%d digests of %d policies", len(digests), len(sets))
	}
	foreign := load.Variables{"other": {Text: "x", Environment: true}}
	p, _ := withVariable(t, declaration, "var.x", foreign)
	if digests[p.Digest] != "none" || len(p.Variables) > 0 {
		t.Errorf("what belongs to another policy is part of this one: %v", p.Variables)
	}
}
