//go:build !full && !race

package load_test

import "time"

// patience is how long a policy that is too much may keep the processor until it is refused, with a tenth of the allowance. The build tag
// full holds the whole of it.
const (
	patience = 5 * time.Second
	part     = 10
)
