package message

import (
	"strconv"

	"cordon/policy"
)

// Severity is how much a diagnostic weighs.
type Severity int

// The severities. Only an error keeps a policy from being used.
const (
	Error Severity = iota
	Warning
	Info
)

// String returns the word of the JSON documents, which is English in every language.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "info"
	}
	return "severity " + strconv.Itoa(int(s))
}

// Args are the arguments of a sentence, by the names that stand in braces in it.
type Args map[string]string

// Diagnostic is one mistake, or one remark, about a policy.
type Diagnostic struct {
	// Code names the sentence: code.summary says what is wrong, code.detail what to do.
	Code     string
	Severity Severity
	Args     Args
	// Origin is where the mistake is: a value, a block's header, the cell of a CSV file. It is zero for what stands nowhere.
	Origin policy.Origin
	// Related are the other places that the mistake is about: the earlier of two equal names, the block that read a CSV row.
	Related []policy.Origin
	// Rows is how many rows of a CSV file share the mistake, this one included; below 2 it is this one's alone.
	Rows int
	// Line is the text of the line at Origin, without its end.
	Line string
}

// HasErrors says whether one of the diagnostics is an error.
func HasErrors(list []Diagnostic) bool {
	for _, d := range list {
		if d.Severity == Error {
			return true
		}
	}
	return false
}
