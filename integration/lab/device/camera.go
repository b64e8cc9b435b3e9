package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// CameraConfig describes a camera. A destination that is zero is one that it does not call.
type CameraConfig struct {
	// Addresses are where it serves RTSP on port 554 and ONVIF on port 80.
	Addresses []netip.Addr
	Model     string
	Serial    string
	// MediaPorts are the first and last UDP port that it sends RTP and RTCP from; zero means 8000 to 8099.
	MediaPorts [2]uint16
	// NTP, DNS are hard-coded servers, asked by UDP.
	NTP, DNS netip.AddrPort
	// Cloud is the maker's registration service, called by TCP, and Relay its meeting point, called by UDP.
	Cloud, Relay netip.AddrPort
	// Every is the time between two rounds of calls, one second when zero; Patience is how long each waits for an answer, half of that.
	Every, Patience time.Duration
	// RebootAfter is how many times in a row the cloud may be silent before the camera restarts; zero means that it does not care. A
	// refusal is not silence.
	RebootAfter int
	// Boot is how long a restart takes.
	Boot time.Duration
}

// The ports that a camera serves on.
const (
	PortRTSP uint16 = 554
	PortHTTP uint16 = 80
)

// Camera is a simulated camera.
type Camera struct {
	CameraConfig
	network Network
	clip    clip
	ready   chan struct{}

	reboots, streams, playing atomic.Int64
	once                      sync.Once

	mu    sync.Mutex
	calls map[Call]int
}

// Call is one kind of call that a camera makes, and what came of it.
type Call struct {
	Service Service
	Outcome Outcome
}

// Service is whom a camera calls.
type Service string

// The services.
const (
	NTP   Service = "ntp"
	DNS   Service = "dns"
	Cloud Service = "cloud"
	Relay Service = "relay"
)

// errReboot ends a life of a camera whose patience is over.
var errReboot = errors.New("the cloud is silent")

// NewCamera returns a camera that is not running yet.
func NewCamera(network Network, config CameraConfig) *Camera {
	if config.MediaPorts == [2]uint16{} {
		config.MediaPorts = [2]uint16{8000, 8099}
	}
	if config.Every == 0 {
		config.Every = time.Second
	}
	if config.Patience == 0 {
		config.Patience = config.Every / 2
	}
	return &Camera{
		CameraConfig: config, network: network, clip: newClip(clipBytes), ready: make(chan struct{}), calls: map[Call]int{},
	}
}

// Ready is closed when the camera serves for the first time.
func (c *Camera) Ready() <-chan struct{} { return c.ready }

// Reboots returns how often the camera has come back from a restart because its cloud was silent.
func (c *Camera) Reboots() int { return int(c.reboots.Load()) }

// Streams returns how many streams it was asked to play.
func (c *Camera) Streams() int { return int(c.streams.Load()) }

// Playing returns how many streams it has not ended yet, with their ports.
func (c *Camera) Playing() int { return int(c.playing.Load()) }

// Calls returns how many of its calls ended so.
func (c *Camera) Calls(service Service, outcome Outcome) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[Call{service, outcome}]
}

// Run is the camera's time under power. It returns nil when ctx ends, or an error when it cannot serve.
func (c *Camera) Run(ctx context.Context) error {
	for {
		if err := c.live(ctx); ctx.Err() == nil && !errors.Is(err, errReboot) {
			return err
		}
		if !pause(ctx, c.Boot) {
			return nil
		}
		c.reboots.Add(1)
	}
}

// live is one life between two boots: it serves and calls until ctx ends or its patience does, and everything ends together.
func (c *Camera) live(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, address := range c.Addresses {
		if err := c.serve(ctx, group, address); err != nil {
			group.Go(func() error { return err })
			return group.Wait()
		}
	}
	c.once.Do(func() { close(c.ready) })
	for _, home := range c.homes() {
		group.Go(func() error { return c.callForEver(ctx, home) })
	}
	group.Go(func() error { <-ctx.Done(); return ctx.Err() })
	return group.Wait()
}

// serve opens the camera's ports at one address.
func (c *Camera) serve(ctx context.Context, group *errgroup.Group, address netip.Addr) error {
	video, err := c.network.Listen(ctx, netip.AddrPortFrom(address, PortRTSP))
	if err != nil {
		return fmt.Errorf("serve RTSP: %w", err)
	}
	group.Go(func() error { return c.serveRTSP(ctx, video) })
	web, err := c.network.Listen(ctx, netip.AddrPortFrom(address, PortHTTP))
	if err != nil {
		return fmt.Errorf("serve ONVIF: %w", err)
	}
	group.Go(func() error { return c.serveONVIF(ctx, web) })
	return nil
}

// serveRTSP accepts connections until ctx ends, and then ends those that are open.
func (c *Camera) serveRTSP(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("accept RTSP: %w", err)
		}
		sessions.Go(func() { c.session(ctx, conn) })
	}
}
