package doctor

import (
	"cmp"
	"slices"

	"cordon/policy/message"
)

// Severity is how much a failed check matters. Greater is worse.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // worth knowing
	Warning                 // isolation holds with one lock less, or the box is about to be in trouble
	Error                   // something passes that should not, or what should is about to stop
)

// String returns the word of the JSON documents.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "info"
	}
	return "severity"
}

// State is what became of a check.
type State string

// The states, by their words in the JSON documents.
const (
	Failed  State = "failed"
	Unknown State = "unknown" // what it depends on could not be read
	Passed  State = "passed"
)

// Check is one thing that was looked at. Sentence is a code of package message, with its Args; Command mends what failed, and is
// empty where nothing did.
type Check struct {
	ID       string
	Severity Severity
	State    State
	Sentence string
	Args     message.Args
	Command  string
}

// finding is what a check has found wrong. Where a check has several sentences, variant names the one.
type finding struct {
	severity Severity
	variant  string
	args     message.Args
	command  string
}

// check is one thing to look at: judge returns nil when all is well. Severity is the worst that it can find, and reads the part of
// Files that it depends on.
type check struct {
	id       string
	severity Severity
	reads    string
	judge    func(Box) *finding
	// inside says that the check looks at governed interfaces: without a policy there are none.
	inside bool
}

// Judge looks at everything. What fails comes first, the worst before the rest, then what is not known.
func Judge(box Box) []Check {
	list := make([]Check, 0, len(checks()))
	for _, c := range checks() {
		list = append(list, c.of(box))
	}
	slices.SortStableFunc(list, func(a, b Check) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), cmp.Compare(b.Severity, a.Severity))
	})
	return list
}

func rank(s State) int { return slices.Index([]State{Failed, Unknown, Passed}, s) }

// of judges one box. A finding stands, whatever else could not be read.
func (c check) of(box Box) Check {
	if f := c.judge(box); f != nil {
		return Check{c.id, f.severity, Failed, "doctor." + c.id + "." + cmp.Or(f.variant, "failed"), f.args, f.command}
	}
	if cause := box.Files.Unread[c.reads]; cause != "" {
		return Check{c.id, c.severity, Unknown, "doctor.unknown", message.Args{"check": c.id, "cause": cause}, again}
	}
	if c.inside && box.Policy == nil {
		return Check{c.id, c.severity, Unknown, Without, nil, "cordon init"}
	}
	return Check{ID: c.id, Severity: c.severity, State: Passed, Sentence: "doctor." + c.id + ".passed"}
}

// Without is the sentence of what cannot be known where there is no policy.
const Without = "doctor.without"

// again is the command with the rights that reading may have lacked.
const again = "sudo cordon doctor"

// Worst returns the worst severity of what failed, and false when nothing did.
func Worst(list []Check) (Severity, bool) {
	worst, failed := Info, false
	for _, c := range list {
		if c.State == Failed {
			worst, failed = max(worst, c.Severity), true
		}
	}
	return worst, failed
}

// checks are all of them, in the order in which equals are told.
func checks() []check {
	return slices.Concat(policyChecks(), kernelChecks(), roadChecks(), hostChecks(), healthChecks())
}
