package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"cordon/gateway/api"
	"cordon/gateway/doctor"
	"cordon/policy/message"
)

// onbox is cordon on a machine whose files below /etc, /usr, /run and /sys are those of the directory BOX: onbox ARGUMENT...
func onbox() {
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), now: time.Now,
		tree: overlaid{os.DirFS(os.Getenv("BOX")), os.DirFS("/")},
	}
	os.Exit(int(a.execute(context.Background(), os.Args[1:])))
}

// overlaid has the kernel's own files below proc, and made-up ones elsewhere.
type overlaid struct{ made, machine fs.FS }

// Open opens one of either.
func (o overlaid) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "proc/") {
		return o.machine.Open(name)
	}
	return o.made.Open(name)
}

// TestDoctorFitsAScreen holds that a machine on which everything is wrong fills one terminal of 80 columns and 24 rows, the worst first,
// and that whoever asks for all sees all.
func TestDoctorFitsAScreen(t *testing.T) {
	var checks []doctor.Check
	var told []api.Check
	for i := range 30 {
		sentence := fmt.Sprintf("Something is wrong, number %d, and it takes more than one row of a terminal to say what.", i)
		checks = append(checks, doctor.Check{Severity: doctor.Error, State: doctor.Failed})
		told = append(told, api.Check{Severity: "error", State: "failed", Sentence: sentence, Command: "sudo " + strings.Repeat("x", 20*i)})
	}
	a := &app{words: message.In(message.English)}
	shown := func() []string {
		var text bytes.Buffer
		a.writeChecks(&text, checks, told)
		return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	}
	lines := shown()
	if n := rows(lines); n > 23 || n < 18 { // the prompt takes one
		t.Errorf("%d rows:\n%s", n, strings.Join(lines, "\n"))
	}
	first, last := lines[0], lines[len(lines)-1]
	if !strings.HasPrefix(first, "ERROR: Something is wrong, number 0,") || last != "30 checks: 30 failed, 0 not known, 0 passed." {
		t.Errorf("%q … %q", first, last)
	}
	few := strings.Count(strings.Join(lines, "\n"), "ERROR")
	if want := fmt.Sprintf("and %d more checks that are not well:", 30-few); lines[len(lines)-3] != want {
		t.Errorf("%q, want %q", lines[len(lines)-3], want)
	}
	a.flags.verbose = true
	if all := shown(); len(all) != 61 {
		t.Errorf("%d lines for those who ask", len(all))
	}
}
