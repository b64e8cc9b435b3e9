package load

import (
	"slices"
	"unicode"

	"cordon/policy"
	"cordon/policy/message"
)

// maxStatement is the longest label of an expectation, in characters.
const maxStatement = 200

func (l *loader) decodeExpectations() {
	s := schemaOf("expect")
	for _, b := range l.blocks["expect"] {
		l.shape(b, s)
		e := policy.Expectation{Name: b.name, Description: l.free(b, "description"), Origin: b.origin()}
		e.From = l.endpoints(b, "from")
		e.To = l.endpoints(b, "to")
		e.Except = l.endpoints(b, "except")
		e.Services = l.servicesOf(b)
		verdict, known := l.choice(b, "verdict", "blocked", "allowed")
		e.Verdict = policy.Verdict(verdict)
		if !known {
			l.missing(b, "verdict")
		}
		l.out.Expectations = append(l.out.Expectations, e)
		l.checkNames(b, nil)
		l.checkStates(b, e)
	}
}

// checkStates warns of an expectation that holds because nobody is there of whom it speaks.
func (l *loader) checkStates(b block, e policy.Expectation) {
	if l.partial || l.report.failed() {
		return
	}
	nobody := func(list []policy.Endpoint) bool {
		return !slices.ContainsFunc(list, func(end policy.Endpoint) bool {
			whole := end.Kind == policy.SegmentEndpoint && (e.Verdict == policy.Blocked || !l.out.Segments[end.Segments[0]].Kind.Governed())
			return whole || len(end.Devices) > 0 || end.Kind == policy.AnyEndpoint || end.Kind == policy.NetworkEndpoint
		})
	}
	if nobody(e.From) || nobody(e.To) {
		l.report.warn(at(b.origin()), "expects-nothing", message.Args{"name": b.name})
	}
}

// validStatement says whether a text can be the label of an expectation: a sentence on one line.
func validStatement(text string) bool {
	n, blank := 0, true
	for _, r := range text {
		n++
		blank = blank && unicode.IsSpace(r)
		if unicode.IsControl(r) {
			return false
		}
	}
	return !blank && n <= maxStatement
}
