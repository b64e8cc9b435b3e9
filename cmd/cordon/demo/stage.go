package demo

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
	"cordon/policy"
)

// build reads the policy, makes the site, opens every server and switches the cameras on.
func (d *demo) build(ctx context.Context) error {
	var err error
	if d.policy, err = read(d.text()); err != nil {
		return err
	}
	if d.lab, err = lab.Open(ctx, site()); err != nil {
		return fmt.Errorf("build the site: %w", err)
	}
	if err := d.lab.Forward(true); err != nil {
		return err
	}
	if err := d.serve(ctx); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	d.devices, running = errgroup.WithContext(running)
	d.stop = stop
	return d.switchOn(running)
}

// text is the policy's text, without what the test leaves out.
func (d *demo) text() string {
	if d.Without == Record {
		return withoutAllow(Policy, "record")
	}
	if d.Without == Answers {
		return strings.Replace(Policy, `"reject"`, `"drop"`, 1)
	}
	return Policy
}

// close ends the devices, then the site.
func (d *demo) close() error {
	if d.lab == nil {
		return nil
	}
	if d.devices != nil {
		d.stop()
		if err := d.devices.Wait(); err != nil {
			return fmt.Errorf("run the site's devices: %w", err)
		}
	}
	return d.lab.Close()
}

// serve opens a server wherever something may arrive, so that what arrives is answered and counted.
func (d *demo) serve(ctx context.Context) error {
	type place struct {
		to       netip.AddrPort
		protocol policy.Protocol
	}
	known := map[place]bool{}
	for _, a := range append(attempts(), forgeries()...) {
		machine := ownerOf(a.try.To.Addr())
		p := place{netip.AddrPortFrom(netip.Addr{}, a.try.To.Port()), a.try.Protocol}
		if m, err := d.lab.Machine(machine); err == nil {
			p.to = netip.AddrPortFrom(m.Addresses[0].Addr(), p.to.Port())
		}
		if known[p] || machine == "" || a.served {
			continue
		}
		known[p] = true
		if err := d.serveAt(ctx, machine, a.try); err != nil {
			return err
		}
	}
	var err error
	d.console, err = openConsole(ctx, d.lab.Gateway())
	return err
}

// serveAt opens one server; those of the internet that the camera calls are remembered.
func (d *demo) serveAt(ctx context.Context, machine string, t lab.Try) error {
	m, err := d.lab.Machine(machine)
	if err != nil {
		return err
	}
	s, err := m.Serve(ctx, t.Protocol, t.To.Port())
	if err == nil && machine == internet && t.From == north {
		d.servers = append(d.servers, s)
	}
	return err
}

// ownerOf returns the name of the machine that has an address, or "" for the gateway.
func ownerOf(address netip.Addr) string {
	for _, s := range site().Segments {
		for _, h := range s.Hosts {
			for _, p := range h.Addresses {
				if p.Addr() == address {
					return h.Name
				}
			}
		}
	}
	return ""
}

// switchOn starts the cameras. The one in the gym calls its maker all the time, and restarts when it gets no answer at all.
func (d *demo) switchOn(ctx context.Context) error {
	for _, name := range []string{north, entrance} {
		m, err := d.lab.Machine(name)
		if err != nil {
			return err
		}
		config := device.CameraConfig{Model: "DS-2CD2143G2-I", Serial: "J00000001"}
		for _, p := range m.Addresses {
			config.Addresses = append(config.Addresses, p.Addr())
		}
		if name == north {
			at := func(address string, port uint16) netip.AddrPort {
				return netip.AddrPortFrom(netip.MustParseAddr(address), port)
			}
			config.NTP, config.DNS = at(times, 123), at(names, 53)
			config.Cloud, config.Relay = at(cloud, cloudPort), at(cloud, relayPort)
			config.Every, config.Patience = 300*time.Millisecond, 100*time.Millisecond
			config.RebootAfter, config.Boot = 6, 100*time.Millisecond
		}
		camera := device.NewCamera(m, config)
		if name == north {
			d.camera = camera
		}
		d.devices.Go(func() error { return camera.Run(ctx) })
		select {
		case <-camera.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// stream is a recording that may end.
type stream struct {
	*device.Recorder

	// running is over when the recording is.
	running context.Context //nolint:containedctx // it is an event, not a scope
}

// record starts a recorder on a machine. When its stream ends it stays ended: its frames say so.
func (d *demo) record(ctx context.Context, machine, camera string) (stream, error) {
	from, err := d.lab.Machine(machine)
	if err != nil {
		return stream{}, err
	}
	to, err := d.lab.Machine(camera)
	if err != nil {
		return stream{}, err
	}
	r := device.NewRecorder(from, device.RecorderConfig{
		Address: from.Addresses[0].Addr(), Camera: netip.AddrPortFrom(to.Addresses[0].Addr(), device.PortRTSP),
	})
	running, cancel := context.WithCancel(ctx)
	d.devices.Go(func() error {
		defer cancel()
		_ = r.Run(running) // a stream that was cut is what some claim is about
		return nil
	})
	stop := d.stop
	d.stop = func() { cancel(); stop() }
	return stream{r, running}, nil
}

// more waits until the recording has n frames more, for no longer than it lasts or than patience does, and returns how many came.
func (s stream) more(ctx context.Context, n int) int {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(s.running, cancel)()
	before := s.Frames()
	return s.Await(ctx, before+n) - before
}

// calls are how many calls of its own the camera made, and how many the internet heard.
type calls struct{ made, heard int }

func (d *demo) calls() calls {
	var c calls
	for _, service := range []device.Service{device.NTP, device.DNS, device.Cloud, device.Relay} {
		for _, outcome := range []device.Outcome{device.Silent, device.Refused, device.Replied} {
			c.made += d.camera.Calls(service, outcome)
		}
	}
	for _, s := range d.servers {
		c.heard += s.Count()
	}
	return c
}

// console is the gateway's own service at the port of its console. It counts connections by who made them.
type console struct {
	mu      sync.Mutex
	counts  map[netip.Addr]int
	changed chan struct{} // closed at the next connection
}

// openConsole makes the gateway answer at the port of its console, until ctx ends.
func openConsole(ctx context.Context, gateway *lab.NetNS) (*console, error) {
	listener, err := gateway.Listen(ctx, netip.AddrPortFrom(netip.IPv6Unspecified(), 22))
	if err != nil {
		return nil, fmt.Errorf("serve on the gateway: %w", err)
	}
	c := &console{counts: map[netip.Addr]int{}, changed: make(chan struct{})}
	context.AfterFunc(ctx, func() { _ = listener.Close() }) // ends the loop below
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
				c.count(from.Addr().Unmap())
			}
			_ = conn.Close() // the connection was all that was asked for
		}
	}()
	return c, nil
}

func (c *console) count(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[from]++
	close(c.changed)
	c.changed = make(chan struct{})
}

// of returns how many connections an address has made, and what is closed at the next.
func (c *console) of(from netip.Addr) (int, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[from], c.changed
}

// await waits until an address has made more than n connections or ctx ends, and returns how many more.
func (c *console) await(ctx context.Context, from netip.Addr, n int) int {
	for {
		got, changed := c.of(from)
		if got > n {
			return got - n
		}
		select {
		case <-ctx.Done():
			return 0
		case <-changed:
		}
	}
}
