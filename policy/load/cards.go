package load

import (
	"strings"
	"unicode"

	"cordon/policy"
	"cordon/policy/message"
)

// checkCards warns of recorders that look like one machine with a card in each of two segments: "nvr-1" and "nvr-1-office". Nothing but
// the names says so, for cards that are one number apart as often sit in two machines. Where a card stands among cameras on a network
// that the gateway does not cross, that is said already, other cards included.
func (l *loader) checkCards() {
	cards := map[string]*policy.Device{}
	for i := range l.out.Devices {
		if d := &l.out.Devices[i]; d.Kind == policy.Recorder && d.Segment >= 0 {
			cards[d.Name] = d
		}
	}
	for i := range l.out.Devices {
		d := &l.out.Devices[i]
		if cards[d.Name] != d || l.unseen(d) {
			continue
		}
		if first := machineOf(d.Name, cards); first != nil && first.Segment != d.Segment && !l.unseen(first) {
			l.report.warn(at(d.Origin), "two-cards", message.Args{
				"name": d.Name, "segment": l.out.Segments[d.Segment].Name,
				"other": first.Name, "beside": l.out.Segments[first.Segment].Name,
			}, first.Origin)
		}
	}
}

// machineOf returns the card whose name a card's name begins with, the shortest such: "nvr-1" of "nvr-1-office". A number, or one letter,
// counts machines: "nvr-1" and "nvr-1-2" are two.
func machineOf(name string, cards map[string]*policy.Device) *policy.Device {
	for i, c := range name {
		rest := strings.TrimLeft(name[i:], "-_")
		if (c == '-' || c == '_') && len(rest) > 1 && strings.ContainsFunc(rest, unicode.IsLetter) && cards[name[:i]] != nil {
			return cards[name[:i]]
		}
	}
	return nil
}

// unseen says whether a device's neighbours are cameras that it reaches without the gateway.
func (l *loader) unseen(d *policy.Device) bool {
	s := l.out.Segments[d.Segment]
	return s.Kind == policy.CameraSegment && !bridged(s)
}
