package load

import (
	"cordon/policy"
	"cordon/policy/message"
)

// DirWithin is Dir with a part of the allowance: what does not end with a tenth of it does not end with all of it.
func DirWithin(part int, directories ...Directory) (policy.Policy, []message.Diagnostic) {
	l := newLoader(nil, directories)
	l.budget.left = allowance / part
	return l.load(policy.Moment{})
}
