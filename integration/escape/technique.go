package escape

import (
	"slices"

	"cordon/integration/lab"
)

// Technique is a way past a gateway that somebody has used, as frames on a wire.
type Technique struct {
	// ID names the technique. What says what is sent, and Mechanism what makes it work where it works.
	ID, What, Mechanism string
	// Way is the number of the way (see Ways) that the technique goes.
	Way      int
	Severity Severity
	// From is the machine that sends.
	From string
	// Sealed is why it cannot be shown to arrive without a policy; "" when it can.
	Sealed string
	// Where are the sites that the technique is played on; none means every one.
	Where []string

	frames func(Sender) [][]byte
	// seen says whether it worked where no marker tells.
	seen func(*lab.Lab, Sender) (bool, error)
}

// Severity says what a technique is worth to an intruder.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // a stream out of the building, or in
	High     Severity = "high"     // another segment, or the gateway itself
	Medium   Severity = "medium"   // a disturbance, or a few octets
)

// Techniques lists every technique. Those that lie about who has an address come last, for without a policy they outlast their sending.
func Techniques() []Technique {
	var all []Technique
	for _, group := range [...][]Technique{
		malformed(), priorityTags(), reflections(), local(), protocols(), unstateful(), messages(), abroad(), within(), impostors(), elsewhere(),
		poisonings(), crossings(),
	} {
		all = append(all, group...)
	}
	return all
}

// on says whether the technique is played on a site.
func (t Technique) on(site string) bool { return len(t.Where) == 0 || slices.Contains(t.Where, site) }
