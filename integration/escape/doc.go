// Package escape plays what a camera, a recorder, a stranger on their network, the internet and a careless administrator can do to get
// traffic past a gateway, and says what got through.
//
//	Techniques ─▶ frames ─▶ gateway without a policy ─▶ each arrives, or the suite is at fault
//	                   └──▶ gateway with one         ─▶ none arrives, and what is allowed does
//
// A technique is a way out as frames on a wire, with a marker in them. Who is on the sender's own network hears it without the gateway, so
// arrival means: on another network, on the sender's own by the gateway's hand, or in a process of the gateway. A marker counts wherever it
// stands in a frame: translated, tunnelled, quoted by an error or sent back.
package escape
