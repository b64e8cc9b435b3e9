//go:build full && !race

package load_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordon/policy"
	"cordon/policy/load"
)

// patience is how much processor time a policy that is too much may take until it is refused, and the largest until it is read: 5 s of two
// processors, and half as much again for the caches that other programs of a busy machine take away. What it is held against is the whole
// allowance.
const (
	patience = 15 * time.Second
	part     = 1
)

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

// TestDoubling holds that lists that double are refused in time, in a name longer than the last.
func TestDoubling(t *testing.T) {
	excess{doubling(64), "too-large"}.judge(t, 1, fstest.MapFS{"a.hcl": file(localOf("1") + doubling(64))})
}

// TestManyWritten holds that as many blocks as the largest sites have are read in time.
func TestManyWritten(t *testing.T) {
	for name, text := range map[string]string{"cameras": writtenCameras(100_000), "allows": writtenAllows(20_000, 20_000)} {
		began := processorTime(t)
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": file(text)}})
		took := processorTime(t) - began
		if t.Logf("%s: %s", name, took); len(diagnostics) > 0 || took > patience {
			t.Errorf("%s: %s, %v", name, took, given(diagnostics))
		}
	}
}

// TestHundredThousandCameras holds that the largest site is read in time, and what one camera more is told.
func TestHundredThousandCameras(t *testing.T) {
	for cameras, want := range map[int]int{100_000: 100_200, 100_001: 0} {
		fsys := ministry(cameras)
		began := processorTime(t)
		p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
		took := processorTime(t) - began
		t.Logf("%d cameras: %s", cameras, took)
		if took > patience {
			t.Errorf("%d cameras took %s", cameras, took)
		}
		if len(p.Devices) != want || want == 0 && (len(diagnostics) != 1 || diagnostics[0].Code != "too-many-cameras") {
			t.Errorf("%d cameras: %d devices, %v", cameras, len(p.Devices), given(diagnostics))
		}
	}
}

// TestOneSlipInManyWritten holds that one slip of the pen in a site of the largest size is told in time, by one sentence, wherever it
// stands.
func TestOneSlipInManyWritten(t *testing.T) {
	sound := writtenCameras(100_000)
	first, last := `camera "c0" {`, `camera "c99999" {`
	for name, c := range map[string]struct{ old, slip, want string }{
		"a quote of the first label": {first, `camera "c0 {`, "syntax-string"},
		"a quote of the last label":  {last, `camera "c99999 {`, "syntax-string"},
		"the first brace":            {first, `camera "c0"`, "syntax-block"},
		"the first end":              {"}\ncamera \"c1\"", "camera \"c1\"", "syntax-unclosed-block"},
		"an end too many":            {first, "}\n" + first, "syntax-unopened"},
		"a bracket":                  {first, first + "\n  labels = [", "syntax-comma"},
		"a remark":                   {first, first + " /*", "syntax-remark"},
		"a long text":                {first, first + "\n  model = <<EOT", "syntax-string"},
		"an equals sign":             {first, first + "\n  model \"DS\"", "syntax-no-equals"},
		"all in brackets":            {"site \"large\" {", "  x = {\n  a = [\nsite \"large\" {", "syntax-expression"},
	} {
		text := strings.Replace(sound, c.old, c.slip, 1)
		began := processorTime(t)
		_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"a.hcl": file(text)}})
		took := processorTime(t) - began
		t.Logf("%s: %s", name, took)
		if len(diagnostics) != 1 || diagnostics[0].Code != c.want || took > patience {
			t.Errorf("%s: %s, %v", name, took, given(diagnostics))
		}
	}
}
