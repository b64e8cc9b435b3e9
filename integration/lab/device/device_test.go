package device_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
	"cordon/policy"
)

// Where everybody is.
func camera4() netip.Addr  { return netip.MustParseAddr("10.30.0.11") }
func camera6() netip.Addr  { return netip.MustParseAddr("fd00:30::11") }
func recorder() netip.Addr { return netip.MustParseAddr("10.40.0.5") }
func outside() netip.Addr  { return netip.MustParseAddr("203.0.113.80") }

// open builds a site of a camera, a recorder and the outside, around a gateway that forwards.
func open(t *testing.T) *lab.Lab {
	t.Helper()
	segment := func(name, device, host string, addresses ...string) lab.Segment {
		s := lab.Segment{Name: name, Interface: device, Hosts: []lab.Host{{Name: host}}}
		for _, text := range addresses {
			p := netip.MustParsePrefix(text)
			router := netip.PrefixFrom(p.Masked().Addr().Next(), p.Bits())
			s.Addresses = append(s.Addresses, router)
			s.Hosts[0].Addresses = append(s.Hosts[0].Addresses, p)
			s.Hosts[0].Via = append(s.Hosts[0].Via, router.Addr())
		}
		return s
	}
	l, err := lab.Open(t.Context(), lab.Site{Segments: []lab.Segment{
		segment("cameras", "cam0", "c1", "10.30.0.11/24", "fd00:30::11/64"),
		segment("recorders", "rec0", "nvr-1", "10.40.0.5/24", "fd00:40::5/64"),
		segment("uplink", "wan0", "internet", "203.0.113.80/24"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Forward(true); err != nil {
		t.Fatal(err)
	}
	return l
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

// background runs a device until the test ends or stop is called.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once atomic.Bool
	stop = func() {
		cancel()
		if once.CompareAndSwap(false, true) {
			if err := <-done; err != nil {
				t.Errorf("the device ended: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// startCamera starts a camera and waits until it serves.
func startCamera(t *testing.T, l *lab.Lab, config device.CameraConfig) *device.Camera {
	t.Helper()
	config.Addresses = []netip.Addr{camera4(), camera6()}
	config.Model, config.Serial = "DS-2CD2143G2-I", "J00000001"
	c := device.NewCamera(machine(t, l, "c1"), config)
	background(t, c.Run)
	select {
	case <-c.Ready():
	case <-time.After(5 * time.Second):
		t.Fatal("the camera does not serve")
	}
	return c
}

// within waits until ok, looking again at every tick of a clock: a device's own counts have no event.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// Video is recorded over every transport and in both families; when the gateway stops forwarding, each recording stops.
func TestRecording(t *testing.T) {
	t.Parallel()
	cases := map[string]device.RecorderConfig{
		"TCP":                          {Address: recorder(), Camera: netip.AddrPortFrom(camera4(), device.PortRTSP)},
		"TCP over IPv6":                {Address: netip.MustParseAddr("fd00:40::5"), Camera: netip.AddrPortFrom(camera6(), device.PortRTSP)},
		"UDP":                          {Address: recorder(), Camera: netip.AddrPortFrom(camera4(), device.PortRTSP), UDP: true, Punch: true},
		"UDP, the camera speaks first": {Address: recorder(), Camera: netip.AddrPortFrom(camera4(), device.PortRTSP), UDP: true},
	}
	for name, config := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			camera := startCamera(t, l, device.CameraConfig{})
			var video bytes.Buffer
			config.Output, config.Patience = &video, 500*time.Millisecond
			r := device.NewRecorder(machine(t, l, "nvr-1"), config)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- r.Run(ctx) }()
			if n := r.Await(ctx, 8); n < 8 || r.Lost() != 0 || camera.Streams() != 1 {
				t.Fatalf("%d frames, %d packets lost, %d streams", n, r.Lost(), camera.Streams())
			}
			if err := l.Forward(false); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("a recording through a closed gateway ended well")
				}
			case <-ctx.Done():
				t.Error("the recording did not end")
			}
			if !bytes.HasPrefix(video.Bytes(), []byte{0, 0, 0, 1, 0x67}) || video.Len() != r.Bytes() {
				t.Errorf("%d bytes of video, counted %d, begin with %x", video.Len(), r.Bytes(), video.Bytes()[:min(8, video.Len())])
			}
		})
	}
}

// A recorder that is told to stop says good-bye, and the camera takes the next one.
func TestRecordingAgain(t *testing.T) {
	t.Parallel()
	l := open(t)
	camera := startCamera(t, l, device.CameraConfig{MediaPorts: [2]uint16{8000, 8001}})
	r := device.NewRecorder(machine(t, l, "nvr-1"), device.RecorderConfig{
		Address: recorder(), Camera: netip.AddrPortFrom(camera4(), device.PortRTSP), UDP: true, Punch: true,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for want := 1; want <= 2; want++ {
		stop := background(t, r.Run)
		if r.Await(ctx, r.Frames()+2) < 2 {
			t.Fatal("no video")
		}
		stop()
		within(t, "the end of the stream", func() bool { return camera.Playing() == 0 })
		if camera.Streams() != want {
			t.Errorf("%d streams, not %d", camera.Streams(), want)
		}
	}
}

// What a camera calls is answered, refused or silent, and the camera tells them apart.
func TestCallsAreToldApart(t *testing.T) {
	t.Parallel()
	l := open(t)
	away := machine(t, l, "internet")
	server, err := away.Serve(t.Context(), policy.UDP, 123)
	if err != nil {
		t.Fatal(err)
	}
	camera := startCamera(t, l, device.CameraConfig{
		NTP:   netip.AddrPortFrom(outside(), 123),                             // answers
		DNS:   netip.AddrPortFrom(outside(), 53),                              // refuses: nobody listens
		Cloud: netip.AddrPortFrom(outside(), 8666),                            // refuses
		Relay: netip.AddrPortFrom(netip.MustParseAddr("203.0.113.200"), 8800), // nobody is there
		Every: 100 * time.Millisecond,
	})
	for service, outcome := range map[device.Service]device.Outcome{
		device.NTP: device.Replied, device.DNS: device.Refused, device.Cloud: device.Refused, device.Relay: device.Silent,
	} {
		within(t, string(service), func() bool { return camera.Calls(service, outcome) >= 2 })
	}
	if server.Count() < 2 {
		t.Errorf("the far side counted %d requests", server.Count())
	}
}

// A camera whose cloud is silent restarts and drops its stream; one whose cloud is refused goes on. Each is the other's control.
func TestRebootsWhenTheCloudIsSilent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cloud   netip.Addr
		reboots bool
	}{
		"silent":  {netip.MustParseAddr("203.0.113.200"), true},
		"refused": {outside(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			camera := startCamera(t, l, device.CameraConfig{
				Cloud: netip.AddrPortFrom(c.cloud, 8666), Every: 50 * time.Millisecond, Patience: 200 * time.Millisecond, RebootAfter: 3,
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			r := device.NewRecorder(machine(t, l, "nvr-1"), device.RecorderConfig{
				Address: recorder(), Camera: netip.AddrPortFrom(camera4(), device.PortRTSP),
			})
			ended := make(chan error, 1)
			go func() { ended <- r.Run(ctx) }()
			if c.reboots {
				if err := <-ended; err == nil {
					t.Error("the stream outlived the camera")
				}
				within(t, "a reboot", func() bool { return camera.Reboots() > 0 })
				return
			}
			within(t, "ten refusals", func() bool { return camera.Calls(device.Cloud, device.Refused) >= 10 })
			if camera.Reboots() != 0 || r.Frames() == 0 {
				t.Errorf("%d reboots, %d frames", camera.Reboots(), r.Frames())
			}
		})
	}
}

// A recorder learns by ONVIF what the camera is and where its stream is.
func TestONVIF(t *testing.T) {
	t.Parallel()
	l := open(t)
	startCamera(t, l, device.CameraConfig{})
	from := machine(t, l, "nvr-1")
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			remote, err := netip.ParseAddrPort(address)
			if err != nil {
				return nil, err
			}
			return from.Dial(ctx, network, netip.AddrPort{}, remote)
		},
	}}
	defer client.CloseIdleConnections()
	for operation, want := range map[string]string{
		"GetDeviceInformation": "<tds:SerialNumber>J00000001<", "GetSystemDateAndTime": "<tt:DateTimeType>NTP<",
		"GetProfiles": `token="main"`, "GetStreamUri": "rtsp://10.30.0.11:554/Streaming/Channels/101", "Reboot": "no such operation",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://10.30.0.11/onvif/device_service",
			strings.NewReader("<s:Body><"+operation+"/></s:Body>"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(body), want) || response.Body.Close() != nil {
			t.Errorf("%s: %s, %v", operation, body, err)
		}
	}
}
