package load_test

import (
	"fmt"
	"os"
	"testing"
	"testing/fstest"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// evaluate returns the value of an expression as text, or the code of the diagnostic that it gives.
func evaluate(t *testing.T, expression string, files map[string]string) string {
	t.Helper()
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"base.hcl": {Data: base}}
	for name, text := range files {
		fsys[name] = file(text)
	}
	fsys["x.hcl"] = file(fmt.Sprintf("service \"x\" {\n  tcp = [1]\n  description = %s\n}\n", expression))
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
	if len(diagnostics) > 0 {
		return diagnostics[0].Code
	}
	return p.Services[0].Description
}

func TestFunctions(t *testing.T) {
	files := map[string]string{
		"a.txt": "text\n", "sub/b.csv": "\uFEFFname;n\n a ; 1 \n", "c.json": `{"a": [1, "b"]}`,
		"d.yaml": "- name: gym\n  mac: \"44:19:b6:12:34:56\"\n- &x {name: hall}\n- *x\n",
	}
	cases := map[string]string{
		`cidrhost("10.30.0.0/24", 21)`:                         "10.30.0.21",
		`cidrhost("10.30.0.7/24", -1)`:                         "10.30.0.255",
		`cidrhost("fd30::/64", 21)`:                            "fd30::15",
		`cidrhost("10.30.0.0/24", 256)`:                        "function-error",
		`cidrhost("10.30.0.0/24", -257)`:                       "function-error",
		`cidrhost("10.30.0.0/24", 1.5)`:                        "function-error",
		`cidrhost("10.30.0.0", 1)`:                             "function-error",
		`cidrsubnet("10.30.0.0/16", 8, 7)`:                     "10.30.7.0/24",
		`cidrsubnet("fd30::/48", 16, 65535)`:                   "fd30:0:0:ffff::/64",
		`cidrsubnet("10.30.0.0/16", 8, 256)`:                   "function-error",
		`cidrsubnet("10.30.0.0/16", 17, 0)`:                    "function-error",
		`cidrnetmask("10.30.0.0/20")`:                          "255.255.240.0",
		`cidrnetmask("fd30::/64")`:                             "function-error",
		`file("a.txt")`:                                        "text",
		`file("./sub/../a.txt")`:                               "text",
		`file("/etc/passwd")`:                                  "file-outside",
		`file("sub/../../a.txt")`:                              "file-outside",
		`tostring(fileexists("a.txt"))`:                        "true",
		`tostring(fileexists("b.txt"))`:                        "false",
		`tostring(fileexists("../b.txt"))`:                     "file-outside",
		`csvdecode(file("sub/b.csv"))[0].name`:                 "a",
		`csvdecode(file("sub/b.csv"))[0].n`:                    "1",
		`csvdecode("a,b\n1,2\n")[0].b`:                         "2",
		`tostring(length(csvdecode("a,b\n")))`:                 "0",
		`csvdecode("a,b\n1\n")[0].b`:                           "csv-ragged",
		`jsondecode(file("c.json")).a[1]`:                      "b",
		`yamldecode(file("d.yaml"))[0].mac`:                    "44:19:b6:12:34:56",
		`yamldecode(file("d.yaml"))[2].name`:                   "hall",
		`yamldecode("a: [1")`:                                  "bad-yaml",
		`yamldecode("{a: 1}}")`:                                "bad-yaml",
		`yamldecode("a: *b")`:                                  "bad-yaml",
		`yamldecode("a: 1\n---\nb: 1")`:                        "bad-yaml",
		`join(",", [for k, v in { a = 1, b = 2 } : upper(k)])`: "A,B",
		`segment.cameras`:                                      "want-text",
		`"${segment.cameras}"`:                                 "want-text",
		`"at ${segment.cameras}"`:                              "interpolation",
		`timestamp()`:                                          "unknown-function",
	}
	for expression, want := range cases {
		if got := evaluate(t, expression, files); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	if len(cases) != 37 {
		t.Errorf("%d cases", len(cases))
	}
}

func TestNearestName(t *testing.T) {
	for written, want := range map[string]string{
		"camras": "cameras", "cemeras": "cameras", "camreas": "cameras", "Cameras": "cameras", "ofice": "office", "recorder": "recorders",
		"x": "", "lobby": "", "internets": "internet",
	} {
		fsys := fstest.MapFS{"a.hcl": file("group \"g\" {\n  cameras = [segment[\"" + written + "\"]]\n}\n")}
		base, err := os.ReadFile("testdata/base.hcl")
		if err != nil {
			t.Fatal(err)
		}
		fsys["base.hcl"] = &fstest.MapFile{Data: base}
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
		if len(diagnostics) != 1 || diagnostics[0].Code != "unknown-reference" || diagnostics[0].Args["nearest"] != want {
			t.Errorf("%q: %s", written, message.In(message.English).RenderAll(diagnostics))
		}
	}
}
