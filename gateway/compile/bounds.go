package compile

import "cordon/gateway/ruleset"

// What one device may have of what all devices share. The bounds are far above what a device needs that works, and far below what the
// others would miss: with Debian's 65,536 entries of conntrack it takes more than twenty cameras that do nothing but fill it.
// The package's comment lists them: each has a counter of that name, which counts what it refused.
const (
	tooFast          = "new flows faster than a camera needs"
	tooMany          = "more open flows than a camera needs"
	tooManyErrors    = "more errors than a router would send"
	tooManyRefusals  = "refused more often than it is answered"
	tooManyQuestions = "more questions than a device has"
	tooManyNewcomers = "more newcomers than a segment has"

	mostFlows = 256
)

func newFlows() ruleset.Limit         { return ruleset.Limit{Rate: 20, Burst: 200} }
func answersAndErrors() ruleset.Limit { return ruleset.Limit{Rate: 20, Burst: 40} }
func questions() ruleset.Limit        { return ruleset.Limit{Rate: 50, Burst: 100} }
func newcomers() ruleset.Limit        { return ruleset.Limit{Rate: 10, Burst: 20} }

// rated holds for a source that keeps to its rate; a set that is full holds for none.
func rated(set string, of ruleset.Limit, source ...ruleset.Field) ruleset.Update {
	return ruleset.Update{Fields: source, Set: set, Refresh: true, Statements: []ruleset.Statement{of}}
}
