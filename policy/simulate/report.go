package simulate

import (
	"net/netip"
	"slices"

	"cordon/policy"
)

// isError says whether a packet reports what became of another one: destination unreachable (packet too big among them), time exceeded
// and parameter problem (RFC 792, RFC 4443).
func isError(k policy.Packet) bool { return isMessage4(k, 3, 11, 12) || isMessage(k, 1, 2, 3, 4) }

// report decides an ICMP error: it passes when the flow that it is about may be open now, and whoever sends it stands on the other side
// of it. On a camera's interface that is the camera alone.
func (o Oracle) report(at policy.Moment, k policy.Packet, from place) Decision {
	f, ok := o.quoted(k)
	if !ok {
		return o.lenient(from, o.arrives(k), blocked(NoFlow))
	}
	far, near := &f.from, &f.to
	if k.State == policy.Reply {
		far, near = &f.to, &f.from
	}
	if o.is(*far, uplink) && o.is(from, uplink) {
		far.segments = from.segments // what is open by one uplink is not by another
	}
	if !o.sameSide(from, *far) || o.anotherUplinks(far.address, from) || (o.is(from, camera) && k.Source != far.address) {
		return o.lenient(from, o.arrives(k), blocked(ForeignError))
	}
	d := o.opening(at, f)
	switch {
	case d.Kind == "serve" && !f.from.gateway:
		return blocked(NoFlow) // what is served is not tracked
	case d.Reason == Observed && !o.sameSide(o.arrives(k), *near):
		// It goes to who has the address that an observed machine forged: his own flow would be the same.
		near.segments = o.arrives(k).segments
		if his := o.opening(at, f); his.Reason == Named {
			return his
		}
		return o.lenient(from, o.arrives(k), blocked(ForeignError))
	}
	return d
}

// ownReport decides an error that the gateway itself sends towards a governed segment.
func (o Oracle) ownReport(at policy.Moment, k policy.Packet, to place) Decision {
	f, ok := o.quoted(k)
	if !ok {
		return blocked(NoFlow)
	}
	near := f.to
	if k.State == policy.Reply {
		near = f.from
	}
	if !o.sameSide(to, near) {
		return blocked(ForeignError)
	}
	return o.opening(at, f)
}

// quoted returns the flow that an error is about. Conntrack ties it only when it goes to the sender of the packet that it quotes.
func (o Oracle) quoted(k policy.Packet) (flow, bool) {
	a := k.About
	if a == nil || k.State == policy.Untracked {
		return flow{}, false
	}
	first := *a
	first.State = policy.New
	first.Source, first.Destination = a.Source.Unmap(), a.Destination.Unmap()
	if isError(first) || k.Destination.Unmap() != endOf(first, k.State) {
		return flow{}, false
	}
	f, ok := flowOf(first, o.end(first.IIF, first), o.target(first.OIF, first.Destination))
	caught := slices.ContainsFunc(f.from.segments, func(id policy.SegmentID) bool {
		s := o.policy.Segments[id]
		return enforced(s) && catches(s, f)
	})
	return f, ok && !caught // what the gateway answers itself is not tracked
}

func endOf(first policy.Packet, state policy.FlowState) netip.Addr {
	if state == policy.Reply {
		return first.Source
	}
	return first.Destination
}

// end returns the place from which the quoted flow was opened.
func (o Oracle) end(iif string, first policy.Packet) place {
	if iif != "" {
		return o.behind(iif, first.Source)
	}
	return o.target("", first.Source)
}

// sameSide says whether two places are behind one interface.
func (o Oracle) sameSide(a, b place) bool {
	return slices.ContainsFunc(a.segments, func(id policy.SegmentID) bool { return slices.Contains(b.segments, id) })
}
