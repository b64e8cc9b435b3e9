package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Digest identifies what people are shown of a plan: that two have the same says that the same would be done. What changes with the hour
// alone, and how many elements and flows that makes, is left out, for it may be another one when somebody has made up his mind.
func (p Plan) Digest() string {
	sum := sha256.New()
	for _, c := range p.Changes {
		fmt.Fprintf(sum, "%q %q %q %q %d %q %q\n", c.Action, c.Kind, c.Name, c.Origin.File, c.Origin.Line, c.Text, c.Peers)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
