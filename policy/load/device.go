package load

import (
	"net/netip"
	"strconv"
	"strings"

	"cordon/policy"
	"cordon/policy/message"
)

// deviceKinds are the kinds of device in the order in which Policy.Devices holds them.
func deviceKinds() []policy.DeviceKind {
	return []policy.DeviceKind{policy.Camera, policy.Recorder, policy.Host}
}

func (l *loader) decodeDevices() {
	for _, kind := range deviceKinds() {
		s := schemaOf(kind.String())
		for _, b := range l.blocks[kind.String()] {
			l.shape(b, s)
			l.out.Devices = append(l.out.Devices, l.device(b, kind))
		}
	}
}

// deviceID returns where a reference's device stands in Policy.Devices.
func (l *loader) deviceID(r *ref) policy.DeviceID {
	first := 0
	for _, kind := range deviceKinds() {
		if kind.String() == r.kind {
			break
		}
		first += len(l.blocks[kind.String()])
	}
	return policy.DeviceID(first + r.id)
}

func (l *loader) device(b block, kind policy.DeviceKind) policy.Device {
	d := policy.Device{
		Kind: kind, Name: b.name, Origin: b.origin(), Block: b.header, Segment: -1,
		Description: l.free(b, "description"), Model: l.free(b, "model"), Vendor: l.free(b, "vendor"),
	}
	d.Segment = l.standsIn(b, kind)
	d.MAC = l.mac(b)
	d.Port = l.port(b, d.Segment)
	d.Addresses = l.addresses(b, d)
	d.Acquired = l.acquired(b)
	if b.body.Attributes["labels"] != nil {
		d.Labels, _, _ = l.pairs(b, "labels")
	}
	return d
}

// standsIn returns the segment of a device, which must be one that a device of its kind may stand in.
func (l *loader) standsIn(b block, kind policy.DeviceKind) policy.SegmentID {
	v, ok := l.attribute(b, "segment")
	if !ok {
		l.missing(b, "segment")
		return -1
	}
	r, ok := l.asReference(v, "segment")
	if !ok {
		return -1
	}
	segment := l.out.Segments[r.id]
	if segment.Kind < 0 {
		return -1
	}
	allowed := false
	switch kind {
	case policy.Camera:
		allowed = segment.Kind == policy.CameraSegment
	case policy.Recorder:
		allowed = segment.Kind != policy.UplinkSegment
		if segment.Kind == policy.CameraSegment && !bridged(segment) {
			l.report.warn(v.place, "recorder-unseen", message.Args{"name": b.name, "segment": segment.Name})
		}
	case policy.Host:
		allowed = segment.Kind == policy.ClientSegment
	}
	if !allowed {
		l.report.add(v.place, kind.String()+"-segment", message.Args{"segment": segment.Name, "kind": segment.Kind.String()})
		return -1
	}
	return policy.SegmentID(r.id)
}

// missing reports an attribute that must be given and is null.
func (l *loader) missing(b block, name string) {
	a := b.body.Attributes[name]
	if a != nil && l.isNull(b, a.Expr) {
		l.report.add(b.place(a.Expr), "empty-value", message.Args{"name": name})
	}
}

func (l *loader) mac(b block) policy.MAC {
	text, here, ok := l.word(b, "mac")
	if !ok {
		if b.kind == "camera" {
			l.missing(b, "mac")
		}
		return policy.MAC{}
	}
	mac, err := policy.ParseMAC(text)
	switch {
	case err != nil && isNumber(text):
		l.report.add(here, "mac-number", nil)
	case err != nil:
		l.report.add(here, "bad-mac", message.Args{"value": text})
	case mac.IsZero():
		l.report.add(here, "mac-zero", nil)
	case mac.IsMulticast():
		l.report.add(here, "mac-multicast", message.Args{"mac": mac.String()})
	default:
		mine := holder{name: b.kind + "." + b.name, place: here}
		if first, taken := l.seen.macs[mac]; taken {
			l.twice(first, mine, "duplicate-mac", message.Args{"mac": mac.String()})
		} else {
			l.seen.macs[mac] = mine
		}
		return mac
	}
	return policy.MAC{}
}

// isNumber says whether a spreadsheet took a text for a number: 4.42E+13, 441912345678.
func isNumber(text string) bool {
	_, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", "."), 64)
	return err == nil
}

func (l *loader) addresses(b block, d policy.Device) []netip.Addr {
	name := "address"
	single, several := b.body.Attributes["address"], b.body.Attributes["addresses"]
	switch {
	case single != nil && several != nil:
		l.report.add(at(origin(several.NameRange)), "address-twice", nil)
		return nil
	case single == nil && several == nil:
		if s := schemaOf(b.kind); !meant(b, s, "address") && !meant(b, s, "addresses") {
			l.report.add(at(b.header), "missing-attribute", message.Args{"name": "address", "kind": b.kind})
		}
		return nil
	case several != nil:
		name = "addresses"
	}
	values, complete := l.values(b, name, name == "addresses")
	if complete && len(values) == 0 {
		l.report.add(b.place(b.body.Attributes[name].Expr), "empty-value", message.Args{"name": name})
	}
	var list []netip.Addr
	for _, v := range values {
		text, ok := l.asText(v)
		if !ok {
			continue
		}
		if a, ok := l.address(b, d, word{text: text, place: v.place}); ok {
			list = append(list, a)
		}
	}
	return list
}

func (l *loader) address(b block, d policy.Device, w word) (netip.Addr, bool) {
	a, err := netip.ParseAddr(w.text)
	switch {
	case w.text == "":
		l.report.add(w.place, "empty-value", message.Args{"name": "address"})
		return a, false
	case err != nil:
		l.report.add(w.place, "bad-address", message.Args{"value": w.text})
		return a, false
	case !usable(a):
		l.report.add(w.place, "unusable-address", message.Args{"address": w.text})
		return a, false
	}
	if d.Segment >= 0 && !l.fits(l.out.Segments[d.Segment], d, a, w.place) {
		return a, false
	}
	l.claim(a, b.kind+"."+b.name, w.place)
	return a, true
}

// fits holds an address against the networks of its segment.
func (l *loader) fits(s policy.Segment, d policy.Device, a netip.Addr, here place) bool {
	refuse := func(code string) bool {
		args := message.Args{"address": a.String(), "segment": s.Name}
		if code == "address-outside" {
			args["networks"] = networksOf(s)
		}
		l.report.add(here, code, args)
		return false
	}
	for _, p := range s.Addresses {
		switch {
		case !p.Contains(a):
			continue
		case a == p.Addr():
			return refuse("address-is-gateway")
		case a == p.Masked().Addr() && isNetwork(p.Masked()):
			return refuse("address-is-network")
		case isBroadcast(p, a):
			return refuse("address-is-broadcast")
		}
		return true
	}
	if d.Kind != policy.Camera && behindRoute(s, a) {
		if !d.MAC.IsZero() {
			return !refuse("mac-behind-route")
		}
		return true
	}
	if len(s.Addresses) > 0 {
		return refuse("address-outside")
	}
	return false
}

func behindRoute(s policy.Segment, a netip.Addr) bool {
	for _, r := range s.Routes {
		for _, to := range r.To {
			if to.Contains(a) {
				return true
			}
		}
	}
	return false
}

func networksOf(s policy.Segment) string {
	var names []string
	for _, p := range s.Networks() {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

func (l *loader) acquired(b block) string {
	text, here, ok := l.text(b, "acquired")
	if ok && text != "" && !validDate(text) {
		l.report.add(here, "bad-date", message.Args{"value": text})
	}
	return text
}
