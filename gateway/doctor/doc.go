// Package doctor says what makes a gateway's isolation weaker, or the box under it unhealthy, and the command that mends each. It
// reads, and changes nothing.
//
//	/etc /proc /sys ─ReadFiles─▶ Files ─┐
//	state directory ─ReadDisk──▶ Disk ──┼─▶ Box ─Judge─▶ []Check
//	kernel ──gateway.Examine───────────┘
//
// Reading is apart from judging: Judge is a function of a value, so that every check is tested with both its states. What could not be
// read makes the checks that depend on it unknown, never passed.
//
// # Review notes
//
// Does the check fail on a box that somebody runs on purpose and rightly? Does its command mend what its sentence says, typed as it
// stands? Would it wake an administrator for something that is harmless?
package doctor
