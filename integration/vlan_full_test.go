//go:build full

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/integration/lab"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// onTrunk is the site with its cameras on VLAN 30 of a trunk, whose native frames are the internet's.
func onTrunk(t *testing.T, id uint16) policy.Policy {
	t.Helper()
	vlan := fmt.Sprintf("interface = \"trunk0.cam\"\n  vlan {\n    parent = \"cam0\"\n    id     = %d\n  }", id)
	return read(t, strings.Replace(head+allows, `interface = "cam0"`, vlan, 1))
}

// tagKinds are the kinds of frame that a trunk may bring, by the tags from the outermost in, and which of them end on VLAN 30's interface
// where nothing guards the trunk.
func tagKinds() []struct {
	name   string
	tags   []frame.Tag
	passes bool // by the policy
	leaks  bool // without the guard of the trunk
} {
	q := func(id uint16) frame.Tag { return frame.Tag{ID: id} }
	ad := func(id uint16) frame.Tag { return frame.Tag{Type: frame.TypeService, ID: id} }
	type kind = struct {
		name   string
		tags   []frame.Tag
		passes bool
		leaks  bool
	}
	return []kind{
		{"30", []frame.Tag{q(30)}, true, true},
		{"30, priority 5", []frame.Tag{q(5<<13 | 30)}, true, true},
		{"30, priority 7, drop eligible", []frame.Tag{q(7<<13 | 1<<12 | 30)}, true, true},
		{"none", nil, false, false},
		{"0", []frame.Tag{q(0)}, false, false},
		{"0, priority 5", []frame.Tag{q(5 << 13)}, false, false},
		{"0,30", []frame.Tag{q(0), q(30)}, false, true},
		{"0,0,30", []frame.Tag{q(0), q(0), q(30)}, false, true},
		{"802.1ad 0, then 30", []frame.Tag{ad(0), q(30)}, false, true},
		{"30,0", []frame.Tag{q(30), q(0)}, false, false},
		{"30,0,0", []frame.Tag{q(30), q(0), q(0)}, false, false},
		{"30, then 802.1ad 0", []frame.Tag{q(30), ad(0)}, false, false},
		{"31", []frame.Tag{q(31)}, false, false},
		{"4095", []frame.Tag{q(4095)}, false, false},
		{"802.1ad 30", []frame.Tag{ad(30)}, false, false},
		{"802.1ad 0", []frame.Tag{ad(0)}, false, false},
		{"30,30", []frame.Tag{q(30), q(30)}, false, false},
		{"30,50", []frame.Tag{q(30), q(50)}, false, false},
		{"50,30", []frame.Tag{q(50), q(30)}, false, false},
		{"802.1ad 30, then 30", []frame.Tag{ad(30), q(30)}, false, false},
	}
}

// media is a frame of the camera's with a datagram that the policy allows.
func media(c *lab.Machine, marker string, tags []frame.Tag) []byte {
	from, to := addr(inCamera), addr(inRecorder)
	datagram := frame.UDP{SourcePort: 40000, DestinationPort: mediaPort, Payload: []byte(marker)}.Bytes(from, to)
	packet, etherType := frame.IP(from, to, policy.UDP, datagram)
	return frame.Ethernet{Destination: c.Segment.MAC, Source: c.MAC, Tags: tags, Type: etherType, Payload: packet}.Bytes()
}

// tagsThatArrive sends every kind of frame, and returns those that the recorder sees. The last one, which always passes, tells when all the
// others have gone by: a wire keeps their order.
func tagsThatArrive(t *testing.T, l *lab.Lab, what string) []string {
	t.Helper()
	camera := machine(t, l, c1)
	var watches []*lab.Watch
	kinds := tagKinds()
	for i := range kinds {
		marker := fmt.Sprintf("%s %02d", what, i)
		w, err := machine(t, l, nvr).Watch(func(p frame.Packet) bool { return p.Carries([]byte(marker)) })
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		watches = append(watches, w)
		if err := camera.SendFrame(media(camera, marker, kinds[i].tags)); err != nil {
			t.Fatal(err)
		}
	}
	last := what + " end"
	end, err := machine(t, l, nvr).Watch(func(p frame.Packet) bool { return p.Carries([]byte(last)) })
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if err := camera.SendFrame(media(camera, last, kinds[0].tags)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if n, err := end.Await(ctx, 1); n != 1 || err != nil {
		t.Fatalf("the last frame did not arrive: %v", err)
	}
	var seen []string
	for i, w := range watches {
		if w.Count() > 0 {
			seen = append(seen, kinds[i].name)
		}
	}
	return seen
}

func kindsOf(which func(passes, leaks bool) bool) (names []string) {
	for _, k := range tagKinds() {
		if which(k.passes, k.leaks) {
			names = append(names, k.name)
		}
	}
	return names
}

// needsVLAN skips on a kernel without 802.1Q.
func needsVLAN(t *testing.T, l *lab.Lab) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		lo, err := netlink.LinkByName("cam0")
		if err != nil {
			return err
		}
		probe := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "probe", ParentIndex: lo.Attrs().Index}, VlanId: 99}
		if err := netlink.LinkAdd(probe); err != nil {
			return err
		}
		return netlink.LinkDel(probe)
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no 802.1Q")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// onVLAN is the lab of the site with one camera at the other end of the trunk.
func onVLAN(t *testing.T) *lab.Lab {
	t.Helper()
	site := plan()
	site.Segments[0].Hosts = site.Segments[0].Hosts[:1]
	site.Segments[0].Addresses = nil
	l, err := lab.Open(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	needsVLAN(t, l)
	return l
}

// TestVLAN holds that Cordon makes the tagged interface, that exactly the frames with one tag of the policy's pass, that the guard of the
// trunk is what refuses those which the kernel would take for them, and that the interface follows the policy.
func TestVLAN(t *testing.T) {
	l := onVLAN(t)
	p := onTrunk(t, 30)
	apply(t, l, p)
	settled(t, l, p)
	passes := kindsOf(func(passes, _ bool) bool { return passes })
	if got := tagsThatArrive(t, l, "box"); !slices.Equal(got, passes) || len(tagKinds()) != 20 {
		t.Errorf("of %d kinds arrived %q, want %q", len(tagKinds()), got, passes)
	}
	reachesCamera(t, l, 30)
	withoutGuard(t, l)
	if got, want := tagsThatArrive(t, l, "control"), kindsOf(func(_, leaks bool) bool { return leaks }); !slices.Equal(got, want) {
		t.Errorf("control: without the guard of the trunk arrived %q, want %q", got, want)
	}
	apply(t, l, p)
	if got := tagsThatArrive(t, l, "again"); !slices.Equal(got, passes) {
		t.Errorf("after the guard came back arrived %q, want %q", got, passes)
	}
	scoped := p
	scoped.Site.Scope = policy.ScopeSegments
	apply(t, l, scoped)
	settled(t, l, scoped)
	if got := tagsThatArrive(t, l, "segments"); !slices.Equal(got, passes) {
		t.Errorf("in scope segments arrived %q, want %q", got, passes)
	}
}

// reachesCamera holds that what the recorder opens leaves by the trunk with the tag.
func reachesCamera(t *testing.T, l *lab.Lab, id uint16) {
	t.Helper()
	w, err := machine(t, l, c1).Watch(func(p frame.Packet) bool { return p.To == addr(inCamera) && p.ToPort == 554 })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	packet, etherType := frame.IP(addr(inRecorder), addr(inCamera), policy.TCP,
		frame.TCP{SourcePort: 41000 + id, DestinationPort: 554, Flags: frame.SYN}.Bytes(addr(inRecorder), addr(inCamera)))
	recorder := machine(t, l, nvr)
	err = recorder.SendFrame(frame.Ethernet{
		Destination: recorder.Segment.MAC, Source: recorder.MAC, Type: etherType, Payload: packet,
	}.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if n, err := w.Await(ctx, 1); n != 1 || err != nil {
		t.Errorf("the recorder's call did not reach the camera: %v", err)
	}
}

// withoutGuard takes the guard of the trunk away.
func withoutGuard(t *testing.T, l *lab.Lab) {
	t.Helper()
	err := l.Gateway().Do(func() error {
		c, err := nft.Open()
		if err != nil {
			return err
		}
		b := wire.NewBatch(0)
		b.DeleteChain(wire.ID{Family: 5, Name: nft.Ours}, "trunks")
		return errors.Join(c.Commit(t.Context(), b), c.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settled holds that nothing is left to do for a policy.
func settled(t *testing.T, l *lab.Lab, p policy.Policy) {
	t.Helper()
	inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
		again, err := g.Propose(ctx, p, "")
		if err == nil && !again.Empty() {
			t.Errorf("a second apply would change %v", again.Plan.Changes)
		}
		return err
	})
}

// TestVLANFollowsThePolicy changes the interface behind Cordon's back and in the policy.
func TestVLANFollowsThePolicy(t *testing.T) {
	l := onVLAN(t)
	on := func(fn func() error) {
		t.Helper()
		if err := l.Gateway().Do(fn); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name string) netlink.Link {
		var found netlink.Link
		on(func() error {
			list, err := netlink.LinkList()
			for _, one := range list {
				if one.Attrs().Name == name {
					found = one
				}
			}
			return err
		})
		return found
	}
	add := func(name string, id int) {
		on(func() error {
			return netlink.LinkAdd(&netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: link("cam0").Attrs().Index}, VlanId: id})
		})
	}
	add("foreign", 77)
	p := onTrunk(t, 30)
	apply(t, l, p)
	made, ok := link("trunk0.cam").(*netlink.Vlan)
	if !ok || made.VlanId != 30 || made.Attrs().Alias != netstate.LinkAlias || made.Attrs().Flags&unix.IFF_UP == 0 {
		t.Fatalf("made %+v", made)
	}
	on(func() error { return netlink.LinkDel(made) })
	apply(t, l, p)
	settled(t, l, p)
	reachesCamera(t, l, 31)
	other := onTrunk(t, 40)
	apply(t, l, other)
	settled(t, l, other)
	if v, ok := link("trunk0.cam").(*netlink.Vlan); !ok || v.VlanId != 40 {
		t.Errorf("another number gives %+v", v)
	}
	apply(t, l, p)
	reachesCamera(t, l, 32)
	plain := read(t, head+allows)
	apply(t, l, plain)
	settled(t, l, plain)
	if link("trunk0.cam") != nil || link("foreign") == nil {
		t.Errorf("ours is there: %t, somebody else's: %t", link("trunk0.cam") != nil, link("foreign") != nil)
	}
	add("trunk0.cam", 55)
	inside(t, l, func(ctx context.Context, g *gateway.Gateway) error {
		_, err := g.Propose(ctx, p, "")
		if occupied := (*gateway.OccupiedError)(nil); !errors.As(err, &occupied) {
			t.Errorf("somebody else's interface in the way: %v", err)
		}
		return nil
	})
}

// TestTrunkIsAnUplink holds that cameras may stand on a VLAN of the very cable that the internet comes by without a tag.
func TestTrunkIsAnUplink(t *testing.T) {
	l := onVLAN(t)
	const vlan = "interface = \"wan0.30\"\n  vlan {\n    parent = \"wan0\"\n    id     = 30\n  }"
	p := read(t, strings.Replace(head+allows, `interface = "cam0"`, vlan, 1))
	apply(t, l, p)
	settled(t, l, p)
	w, err := machine(t, l, internet).Watch(func(p frame.Packet) bool { return p.To == addr(inCamera) && p.ToPort == 554 })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	recorder := machine(t, l, nvr)
	for _, port := range []uint16{555, 554} {
		segment := frame.TCP{SourcePort: 41000, DestinationPort: port, Flags: frame.SYN}
		packet, etherType := frame.IP(addr(inRecorder), addr(inCamera), policy.TCP, segment.Bytes(addr(inRecorder), addr(inCamera)))
		err := recorder.SendFrame(frame.Ethernet{
			Destination: recorder.Segment.MAC, Source: recorder.MAC, Type: etherType, Payload: packet,
		}.Bytes())
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if n, err := w.Await(ctx, 1); n != 1 || err != nil {
		t.Errorf("the recorder's call did not reach the camera: %v", err)
	}
}
