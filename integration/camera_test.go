package integration_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
	"cordon/integration/lab/frame"
	"cordon/policy"
)

// homes are the services that a camera of a Chinese maker calls, where the site's internet answers.
func homes() map[device.Service]netip.AddrPort {
	return map[device.Service]netip.AddrPort{
		device.NTP: netip.MustParseAddrPort("198.51.100.7:123"), device.DNS: netip.MustParseAddrPort("198.51.100.7:53"),
		device.Cloud: netip.MustParseAddrPort("198.51.100.7:8666"), device.Relay: netip.MustParseAddrPort("198.51.100.7:8800"),
	}
}

// restless is a camera that calls all of them, five times a second.
func restless() device.CameraConfig {
	to := homes()
	return device.CameraConfig{
		NTP: to[device.NTP], DNS: to[device.DNS], Cloud: to[device.Cloud], Relay: to[device.Relay],
		Every: 200 * time.Millisecond, Patience: 100 * time.Millisecond,
	}
}

// power gives the site's first camera power until the test ends, and waits until it serves.
func power(t *testing.T, l *lab.Lab, config device.CameraConfig) *device.Camera {
	t.Helper()
	config.Addresses = []netip.Addr{netip.MustParseAddr("10.30.0.21"), netip.MustParseAddr("fd30::21")}
	config.Model, config.Serial = "DS-2CD2143G2-I", "J00000001"
	camera := device.NewCamera(machine(t, l, c1), config)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- camera.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the camera ended: %v", err)
		}
	})
	select {
	case <-camera.Ready():
	case <-time.After(patience):
		t.Fatal("the camera does not serve")
	}
	return camera
}

// answerCalls makes the site's internet answer whoever calls home.
func answerCalls(t *testing.T, l *lab.Lab) {
	t.Helper()
	for service, to := range homes() {
		protocol := policy.UDP
		if service == device.Cloud {
			protocol = policy.TCP
		}
		if _, err := machine(t, l, internet).Serve(t.Context(), protocol, to.Port()); err != nil {
			t.Fatal(err)
		}
	}
}

// calls is how many calls of each service ended in one of the outcomes.
func calls(c *device.Camera, outcomes ...device.Outcome) map[device.Service]int {
	counts := map[device.Service]int{}
	for service := range homes() {
		for _, outcome := range outcomes {
			counts[service] += c.Calls(service, outcome)
		}
	}
	return counts
}

// awaitCalls waits until every service was called once more with one of the outcomes.
func awaitCalls(t *testing.T, c *device.Camera, outcomes ...device.Outcome) {
	t.Helper()
	before := calls(c, outcomes...)
	tick := time.NewTicker(10 * time.Millisecond) // a camera's own counts have no event
	defer tick.Stop()
	for deadline := time.After(2 * patience); ; {
		waiting := 0
		for service, n := range calls(c, outcomes...) {
			if n <= before[service] {
				waiting++
			}
		}
		if waiting == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("of the calls home, none of %d services ended in %v", waiting, outcomes)
		}
	}
}

// arrivals counts every packet that reaches the internet, whoever seems to have sent it, but for what neighbours say to find one another.
func arrivals(t *testing.T, l *lab.Lab) *lab.Watch {
	t.Helper()
	watch, err := machine(t, l, internet).Watch(func(p frame.Packet) bool {
		const firstOfNeighbours, lastOfNeighbours, listenerReport = 130, 137, 143
		neighbourly := p.Protocol == policy.ICMPv6 &&
			(p.ICMPType >= firstOfNeighbours && p.ICMPType <= lastOfNeighbours || p.ICMPType == listenerReport)
		return p.From.IsValid() && !neighbourly
	})
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

// machine returns a machine of the site.
func machine(t *testing.T, l *lab.Lab, name string) *lab.Machine {
	t.Helper()
	m, err := l.Machine(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
