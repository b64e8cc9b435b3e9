package gateway

import "time"

// How long a fight is fought. An administrator's script, a restart of another firewall, or a tool that rewrites the ruleset on every event
// of the network break it a few times; what breaks it again and again, every other second and for a whole minute, is either a program that
// will not stop or somebody who wants it open.
const (
	mostRepairs = 30
	bout        = time.Minute
)

// fight remembers when what was in force was broken.
type fight struct{ repairs []time.Time }

// blow counts a repair, and says whether it was one too many.
func (f *fight) blow(now time.Time) bool {
	for len(f.repairs) > 0 && now.Sub(f.repairs[0]) > bout {
		f.repairs = f.repairs[1:]
	}
	f.repairs = append(f.repairs, now)
	return len(f.repairs) > mostRepairs
}

// Pauses between repairs that fail, each twice the one before.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = 10 * time.Second
)

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	d := firstPause
	for range failures - 1 {
		if d *= 2; d >= longestPause {
			return longestPause
		}
	}
	return d
}
