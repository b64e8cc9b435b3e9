package gateway

import (
	"time"

	"cordon/gateway/kernel"
	"cordon/policy"
)

// Clock tells the time, and whether it is known to be right.
type Clock func() policy.Moment

// SystemClock is the machine's clock. It is known to be right when the kernel says so, or when the box is trusted to have a good clock of
// its own.
func SystemClock(now func() time.Time, trusted bool) Clock {
	return func() policy.Moment { return policy.Moment{Time: now(), Trusted: trusted || kernel.Synchronised()} }
}
