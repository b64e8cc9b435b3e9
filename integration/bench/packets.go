package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway/kernel/route"
	"cordon/gateway/netstate"
	"cordon/integration/lab"
)

// variant is one way to run a gateway, with its site.
type variant struct {
	name             string
	prepare          func(context.Context) error // on the gateway
	drops            drops
	lab              *lab.Lab
	allowed, refused *sender
}

// drops is what a variant refuses.
type drops int

const (
	dropsNothing drops = iota
	dropsRefused
)

// run50 is how long one measurement lasts: long enough for the clock, short enough that a slow second hits everybody.
const run50 = 50 * time.Millisecond

// packets measures what a packet costs.
func packets(ctx context.Context, cameras, rounds int) (lines []line, err error) {
	drops, err := policyOf(cameras, "drop")
	if err != nil {
		return nil, err
	}
	rejects, err := policyOf(cameras, "reject")
	if err != nil {
		return nil, err
	}
	variants := []*variant{
		{name: "none", prepare: func(context.Context) error { return nil }},
		{name: "conntrack", prepare: func(ctx context.Context) error { return established(ctx, false) }},
		{name: "conntrack, drop", prepare: func(ctx context.Context) error { return established(ctx, true) }, drops: dropsRefused},
		{name: "cordon", prepare: func(ctx context.Context) error { return enforce(ctx, drops) }, drops: dropsRefused},
		{name: "cordon, reject", prepare: func(ctx context.Context) error { return enforce(ctx, rejects) }, drops: dropsRefused},
	}
	for _, v := range variants {
		if err := v.open(ctx, cameras); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		defer func() { err = errors.Join(err, v.lab.Close()) }()
	}
	allowed, refused := map[string][]float64{}, map[string][]float64{}
	for round := range rounds {
		order := slices.Clone(variants)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, v := range order {
			if err := v.measure(allowed, refused); err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
		}
	}
	return packetLines(allowed, refused), nil
}

func packetLines(allowed, refused map[string][]float64) []line {
	ours, other := summarise(above(allowed["cordon"], allowed["none"])), summarise(above(allowed["conntrack"], allowed["none"]))
	drop, dropped := summarise(refused["cordon"]), summarise(refused["conntrack, drop"])
	reject := summarise(refused["cordon, reject"])
	return []line{
		{
			What: "an allowed packet, over no firewall", Against: "`ct state established accept` alone", Unit: "ns",
			Ours: ours, Other: other, Ratio: ours.Median / other.Median,
			Note: fmt.Sprintf("no firewall: %.0f ns", summarise(allowed["none"]).Median),
		},
		{
			What: "a refused packet, `refuse = \"drop\"`", Against: "a forward chain that drops after conntrack", Unit: "ns",
			Ours: drop, Other: dropped, Ratio: drop.Median / dropped.Median,
		},
		{
			What: "a refused packet that is answered, `refuse = \"reject\"`", Against: "the same, which answers nobody", Unit: "ns",
			Ours: reject, Other: dropped, Ratio: reject.Median / dropped.Median,
			Note: "up to 20 a second and device are answered",
		},
	}
}

// open builds the variant's site, loads its rules and opens every flow.
func (v *variant) open(ctx context.Context, cameras int) error {
	var err error
	if v.lab, err = openSite(ctx); err != nil {
		return err
	}
	if err := v.lab.Gateway().Do(func() error { return errors.Join(neighbours(cameras), v.prepare(ctx)) }); err != nil {
		return err
	}
	camera, err := v.lab.Machine("cameras")
	if err != nil {
		return err
	}
	recorder, err := v.lab.Machine("nvr")
	if err != nil {
		return err
	}
	if err := errors.Join(swallow(ctx, v.lab, "cameras"), swallow(ctx, v.lab, "nvr")); err != nil {
		return err
	}
	called, answers, tries := frames(cameras)
	caller, err := newSender(recorder, called)
	if err != nil {
		return err
	}
	if v.allowed, err = newSender(camera, answers); err != nil {
		return err
	}
	if v.refused, err = newSender(camera, tries); err != nil {
		return err
	}
	// The recorder calls, the camera answers: conntrack then knows the flow as established.
	return errors.Join(caller.once(), v.allowed.once(), v.refused.once())
}

// frames returns the recorder's calls, the cameras' answers and the cameras' tries, one of each for every camera.
func frames(cameras int) (called, answers, tries [][]byte) {
	recorder := netip.AddrPortFrom(recorderAddress(), 40000)
	discard := netip.AddrPortFrom(recorderAddress(), 9)
	for _, i := range scattered(cameras) {
		camera := netip.AddrPortFrom(cameraAddress(i), 554)
		called = append(called, flowOf(recorderMAC(), gatewayMAC(2), recorder, camera))
		answers = append(answers, flowOf(cameraMAC(i), gatewayMAC(1), camera, recorder))
		tries = append(tries, flowOf(cameraMAC(i), gatewayMAC(1), netip.AddrPortFrom(cameraAddress(i), 41000), discard))
	}
	return called, answers, tries
}

// neighbours tells the gateway where everybody is, so that no variant waits for ARP.
func neighbours(cameras int) error {
	conn, err := route.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Add(netstate.Neighbour{Interface: "rec0", Address: recorderAddress(), MAC: recorderMAC()})
	for i := range cameras {
		err = errors.Join(err, conn.Add(netstate.Neighbour{Interface: "cam0", Address: cameraAddress(i), MAC: cameraMAC(i)}))
	}
	return err
}

// errLost says that a measured packet went another way than the one whose cost was asked for.
var errLost = errors.New("packets did not go where they should")

// measure measures both kinds of packet, and holds that the allowed ones arrived and that the refused ones did so only where nothing
// refuses.
func (v *variant) measure(allowed, refused map[string][]float64) error {
	for _, kind := range []struct {
		sender *sender
		costs  map[string][]float64
		arrive bool
	}{
		{v.allowed, allowed, true},
		{v.refused, refused, v.drops == dropsNothing},
	} {
		before, err := v.arrived()
		if err != nil {
			return err
		}
		cost, sent, err := kind.sender.cost(run50)
		if err != nil {
			return err
		}
		kind.costs[v.name] = append(kind.costs[v.name], cost)
		after, err := v.arrived()
		if err != nil {
			return err
		}
		if n := after - before; (kind.arrive && n < uint64(sent)) || (!kind.arrive && n > 2) {
			return fmt.Errorf("%w: %d of %d arrived", errLost, n, sent)
		}
	}
	return nil
}

// arrived returns how many frames the recorder's interface has received.
func (v *variant) arrived() (n uint64, err error) {
	m, err := v.lab.Machine("nvr")
	if err != nil {
		return 0, err
	}
	err = m.NetNS().Do(func() error {
		link, err := netlink.LinkByName(m.Interface)
		if err == nil {
			n = link.Attrs().Statistics.RxPackets
		}
		return err
	})
	return n, err
}
