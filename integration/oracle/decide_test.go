package oracle_test

import (
	"fmt"

	"cordon/policy"
	"cordon/policy/simulate"
)

// decision is what the oracle says.
type decision struct {
	verdict policy.Verdict
	kind    string // the keyword of the block that decides
	why     string
}

// decide asks the oracle.
func decide(o simulate.Oracle, at policy.Moment, packet policy.Packet) decision {
	d := o.Packet(at, packet)
	return decision{d.Verdict, d.Kind, fmt.Sprintf("%s, by %s %s at %s", d.Reason, d.Kind, d.Name, d.Origin)}
}
