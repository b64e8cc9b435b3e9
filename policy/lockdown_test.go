package policy_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cordon/policy"
)

// lockable is a site with two camera segments, a recorder segment, an office with a host and a recorder, and an uplink.
func lockable() policy.Policy {
	device := func(kind policy.DeviceKind, name string, segment policy.SegmentID) policy.Device {
		return policy.Device{Kind: kind, Name: name, Segment: segment}
	}
	devices := func(name string, ids ...policy.DeviceID) policy.Endpoint {
		return policy.Endpoint{Kind: policy.DeviceEndpoint, Name: name, Devices: ids}
	}
	of := func(kind policy.EndpointKind, name string, ids ...policy.SegmentID) policy.Endpoint {
		return policy.Endpoint{Kind: kind, Name: name, Segments: ids}
	}
	list := func(e ...policy.Endpoint) []policy.Endpoint { return e }
	office, internet := of(policy.SegmentEndpoint, "segment.office", 3), of(policy.SegmentEndpoint, "segment.internet", 4)
	return policy.Policy{
		Segments: []policy.Segment{
			{Name: "gym", Kind: policy.CameraSegment, Mode: policy.Observe, Serve: policy.Serve{Time: policy.TimeLocal}},
			{Name: "hall", Kind: policy.CameraSegment},
			{Name: "recorders", Kind: policy.RecorderSegment},
			{Name: "office", Kind: policy.ClientSegment},
			{Name: "internet", Kind: policy.UplinkSegment},
		},
		Devices: []policy.Device{
			device(policy.Camera, "gym-1", 0), device(policy.Camera, "hall-1", 1), device(policy.Recorder, "nvr", 2),
			device(policy.Recorder, "nvr-office", 3),
		},
		Allows: []policy.Allow{
			{Name: "record both", From: list(devices("recorder.nvr", 2)), To: list(devices("group.all", 0, 1))},
			{Name: "record hall", From: list(devices("recorder.nvr-office", 3)), To: list(devices("segment.hall", 1))},
			{Name: "record gym", From: list(devices("recorder.nvr-office", 3)), To: list(devices("segment.gym", 0))},
			{Name: "watch", From: list(office), To: list(devices("recorder.nvr", 2))},
			{Name: "surf", From: list(office), To: list(internet)},
			{Name: "literal", From: list(of(policy.NetworkEndpoint, "10.0.0.0/8", 0)), To: list(office)},
			{Name: "either", From: list(of(policy.NetworkEndpoint, "10.0.0.0/8", 0, 1)), To: list(office, devices("camera.gym-1", 0))},
		},
		Exceptions: []policy.Exception{
			{Name: "gym-firmware", From: list(devices("camera.gym-1", 0)), To: list(internet)},
			{Name: "hall-firmware", From: list(devices("camera.hall-1", 1)), To: list(internet)},
		},
		Manage: []policy.Manage{{From: list(office)}},
	}
}

// TestLockedDown says what is left of a policy under each lockdown, and that the policy itself stays as it was.
func TestLockedDown(t *testing.T) {
	for _, c := range []struct {
		name           string
		segments       []string
		locked, allows []string
		exceptions     []string
	}{
		{name: "everything", locked: []string{"gym", "hall", "recorders"}, allows: []string{"surf"}},
		{
			name: "one camera segment", segments: []string{"gym"}, locked: []string{"gym"},
			allows: []string{"record both", "record hall", "watch", "surf", "either"}, exceptions: []string{"hall-firmware"},
		},
		{
			name: "the recorders", segments: []string{"recorders"}, locked: []string{"recorders"},
			allows:     []string{"record hall", "record gym", "surf", "literal", "either"},
			exceptions: []string{"gym-firmware", "hall-firmware"},
		},
		{
			name: "a client segment cannot be", segments: []string{"office"},
			allows:     []string{"record both", "record hall", "record gym", "watch", "surf", "literal", "either"},
			exceptions: []string{"gym-firmware", "hall-firmware"},
		},
	} {
		p := lockable()
		l := p.LockedDown(c.segments...)
		var allows, exceptions []string
		for _, a := range l.Allows {
			allows = append(allows, a.Name)
		}
		for _, e := range l.Exceptions {
			exceptions = append(exceptions, e.Name)
		}
		got := [...][]string{l.Lockdown, allows, exceptions}
		if diff := cmp.Diff([...][]string{c.locked, c.allows, c.exceptions}, got); diff != "" {
			t.Errorf("%s: locked, allows, exceptions (-want +got):\n%s", c.name, diff)
		}
		if len(l.Manage) != 1 {
			t.Errorf("%s: manage is gone", c.name)
		}
		if diff := cmp.Diff(lockable(), p, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
			t.Errorf("%s changed the policy itself:\n%s", c.name, diff)
		}
	}
}

// TestLockedDownParts holds that only what is locked leaves a list, and that a locked segment neither observes nor serves.
func TestLockedDownParts(t *testing.T) {
	l := lockable().LockedDown("gym")
	if got := l.Allows[0].To[0].Devices; !cmp.Equal(got, []policy.DeviceID{1}) {
		t.Errorf("record both: %v", got)
	}
	either := l.Allows[4]
	if len(either.To) != 1 || !cmp.Equal(either.From[0].Segments, []policy.SegmentID{1}) {
		t.Errorf("either: %+v", either)
	}
	if s := l.Segments[0]; s.Mode != policy.Enforce || s.Serve.Time != policy.TimeOff {
		t.Errorf("the locked segment: %+v", s)
	}
	if s := lockable().LockedDown("hall").Segments[0]; s.Mode != policy.Observe || s.Serve.Time != policy.TimeLocal {
		t.Errorf("control, another segment: %+v", s)
	}
}
