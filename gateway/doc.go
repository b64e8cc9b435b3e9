// Package gateway is the engine: the one place where a policy becomes what the machine does.
//
//	*.hcl ─load─▶ Policy ─compile─▶ State wanted ─plan.Between(live, wanted)─▶ Plan ─kernel.Apply─▶ kernel
//	                                                    ▲                                            │
//	                                                    └───────────── State live ◀──kernel.Read─────┘
//
// Propose reads the machine and says what would change; Change does it, reads the machine again, and takes everything back unless a
// second plan is empty. Status is the same comparison. None of these three remembers anything: what the kernel's comments say is what is
// known about an earlier policy.
//
//	Writer   kernel and state directory together: Apply ─▶ pending, on disk first ─▶ Confirm, or Revert by plan.Back; LockDown, Release
//	Holder   the service's one loop: what the kernel says, what is asked for, what is due ─▶ Stand ─▶ mend
//
// A repair reads everything but the elements of those sets that held what was wanted and that the kernel has named in no notification
// since: there may be a hundred thousand. Behind it, each minute, and when a notification was lost, everything is read. What answers a
// user always is.
//
// Stand says from the state directory what ought to be in force: the change that waits, else the last good policy, under the lockdown.
//
// State wanted is what holds at one moment of the gateway's Clock. What is open for a time only ends in the kernel by itself; what opens
// later opens with the next Change, or by the Holder.
//
// # What stays strict
//
// An interface that is governed no more gets back what every interface begins with. What scope "box" wrote into "all" and "default", and
// into the settings of uplinks and clients, stays when the scope becomes "segments". The only thing to go back to would be a record of
// what was there before the first policy: older than whatever an administrator has decided since, and looser. Nobody could tell from the
// kernel that a value has become his, and a record that is believed then opens what he shut. In scope "segments" nothing depends on those
// values, neither strict nor loose: what Cordon needs there it sets by interface.
//
// # Review notes
//
// Can a gateway that has just started recognise this object as its own? Is there a moment in which a camera may escape? Does the
// second Change do nothing? Does the error say what to type next?
package gateway
