package load

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"cordon/policy"
)

// cost is what a policy takes out of an allowance that nothing ends.
func cost(t *testing.T, files map[string]string) int {
	t.Helper()
	const endless = 1 << 60
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	l := newLoader(nil, []Directory{{FS: fsys}})
	l.budget.left = endless
	l.at = policy.Moment{}
	l.parse()
	l.resolve()
	l.decode()
	l.check()
	return endless - l.budget.left
}

// TestCostGrows holds, without waiting for it, that what the limits refuse would not end without them: the cost of twenty and forty
// elements says what a thousand would cost.
func TestCostGrows(t *testing.T) {
	many := "locals {\n  many = [for i in range(%[1]d) : i]\n  text = join(\"\", [for i in local.many : \"0123456789\"])\n  x = %[2]s\n}\n"
	cases := map[string]int{ // the power of the number of elements that it grows with
		"[for a in local.many : [for b in local.many : [for c in local.many : c]]]": 3,
		`"%{ for a in local.many }%{ for b in local.many }x%{ endfor }%{ endfor }"`: 2,
		"setproduct(local.many, local.many, local.many)":                            3,
		"[for a in local.many : length(local.many)]":                                2,
		"[for a in local.many : local.many == local.many]":                          2,
		"[for a in local.many : local.many[*]]":                                     2,
		"[for a in local.many : [for b in local.many : \"${local.text}${b}\"]]":     3,
		"distinct([for a in local.many : a])":                                       1,
		`replace(local.text, "0", local.text)`:                                      2,
		`join(local.text, [for a in local.many : "a"])`:                             2,
		"regexreplace(local.text, \"0\", local.text)":                               2,
		"tolist(concat([for a in local.many : true], [local.many]))":                1,
		"[for a in local.many : split(\"\", local.text)]":                           2,
	}
	for expression, power := range cases {
		of := func(n int) float64 {
			return float64(cost(t, map[string]string{"a.hcl": fmt.Sprintf(many, n, expression)}))
		}
		few, more := of(20), of(40)
		if grows := more / few; grows < float64(int(1)<<power)*0.6 {
			t.Errorf("%s: %.0f for 20 elements, %.0f for 40", expression, few, more)
		}
	}
	if len(cases) != 13 {
		t.Errorf("%d cases", len(cases))
	}
}

// TestCostOfWide holds that a sheet of 100,000 rows and twenty columns, of which every cell is read, leaves a part of the allowance.
func TestCostOfWide(t *testing.T) {
	const rows = 1000
	var header, sheet, content strings.Builder
	for c := range 20 {
		fmt.Fprintf(&header, "c%d,", c)
		fmt.Fprintf(&content, "      c%d = row.value.c%d\n", c, c)
	}
	for r := range rows {
		sheet.WriteString(strings.Repeat("a cell,", 20) + strconv.Itoa(r) + "\n")
	}
	policy := "dynamic \"camera\" {\n  for_each = csvdecode(file(\"a.csv\"))\n  iterator = row\n  labels   = [\"c${row.value.n}\"]\n" +
		"  content {\n    mac    = row.value.c1\n    labels = {\n" + content.String() + "    }\n  }\n}\n"
	all := 100_000 / rows * cost(t, map[string]string{"a.hcl": policy, "a.csv": header.String() + "n\n" + sheet.String()})
	t.Logf("%d of %d", all, allowance)
	if all > allowance*9/10 {
		t.Errorf("100,000 rows cost %d of %d", all, allowance)
	}
}
