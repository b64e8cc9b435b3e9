package simulate

import "cordon/policy"

// Decision is what becomes of a packet, and why.
type Decision struct {
	Verdict policy.Verdict
	// Kind is the keyword of the block that decides (allow, exception, manage, serve, segment, camera, recorder, host), Name its label and
	// Origin its place. All three are empty where no block names the packet.
	Kind, Name string
	Origin     policy.Origin
	Reason     Reason
}

// Known is false for packets of which the policy does not say what becomes of them: the verdict means nothing then.
func (d Decision) Known() bool { return d.Reason != Unmodelled }

// Reason is why a packet passes or does not.
type Reason int

// The reasons.
const (
	NotNamed         Reason = iota // nothing names it
	Named                          // a block names it
	OwnTraffic                     // the gateway itself opened it, or sends it
	LinkTraffic                    // loopback, or what an uplink's own addresses need: it works without being named
	RefusalAnswer                  // the answer of refuse = reject
	Ungoverned                     // scope "segments", and no camera or recorder segment is involved
	Observed                       // it would be refused, on a segment that is only observed
	Unmodelled                     // the packet type does not hold what would decide it
	UnknownInterface               // no segment has the interface
	UnknownDevice                  // neither its MAC nor its address has a name
	Identity                       // MAC, address and interface do not belong together
	Elsewhere                      // its source does not live behind the interface
	Multicast                      // multicast and broadcast stay inside their segment
	Malformed                      // addresses that no packet on a wire has
	NoFlow                         // an answer or an error that belongs to no flow, or an ICMP message that opens none
	ForeignError                   // an ICMP error from somebody whom the flow does not concern
	OwnNetwork                     // both ends stand in one segment: it does not cross the gateway
	GatewayItself                  // it is for the gateway, which serves nobody there
	ExceptionOver                  // an exception named it until its end
	ScheduleClosed                 // a block names it at other hours
	ClockUntrusted                 // a block names it at some hours, and the clock is not known to be right
)

// String returns the word of the JSON documents.
func (r Reason) String() string {
	words := [...]string{
		NotNamed: "not-named", Named: "named", OwnTraffic: "own-traffic", LinkTraffic: "link-traffic", RefusalAnswer: "refusal-answer",
		Ungoverned: "ungoverned", Observed: "observed", Unmodelled: "unmodelled", UnknownInterface: "unknown-interface",
		UnknownDevice: "unknown-device", Identity: "identity", Elsewhere: "elsewhere", Multicast: "multicast", Malformed: "malformed",
		NoFlow: "no-flow", ForeignError: "foreign-error", OwnNetwork: "own-network", GatewayItself: "gateway-itself",
		ExceptionOver: "exception-over", ScheduleClosed: "schedule-closed", ClockUntrusted: "clock-untrusted",
	}
	if r < 0 || int(r) >= len(words) {
		return "unknown"
	}
	return words[r]
}

func allowed(r Reason) Decision { return Decision{Verdict: policy.Allowed, Reason: r} }
func blocked(r Reason) Decision { return Decision{Verdict: policy.Blocked, Reason: r} }

// by says which block decided.
func (d Decision) by(kind, name string, at policy.Origin) Decision {
	d.Kind, d.Name, d.Origin = kind, name, at
	return d
}

func (d Decision) bySegment(s policy.Segment) Decision { return d.by("segment", s.Name, s.Origin) }
func (d Decision) byDevice(device policy.Device) Decision {
	return d.by(device.Kind.String(), device.Name, device.Origin)
}
