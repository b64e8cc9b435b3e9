package escape

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway"
	"cordon/integration/lab"
	"cordon/policy"
)

// Report is what became of a site's techniques and allowed flows.
type Report struct {
	Site     string
	Verdicts []Verdict
	// Flows are how many allowed flows were tried, and Broken are those that did not arrive.
	Flows  int
	Broken []string
	Took   time.Duration
}

// Verdict is what became of a technique: where it arrived without a policy and with one.
type Verdict struct {
	Technique
	Open, Guarded []string
}

// Faulty says that the technique does not show anything: it did not arrive where nothing stood in its way, or it did though it is sealed.
func (v Verdict) Faulty() bool { return (len(v.Open) > 0) != (v.Sealed == "") }

// stage is a site that is up, and everybody who listens on it.
type stage struct {
	site Site
	lab  *lab.Lab
	ears *Ears
}

// Play builds a site, sends every technique through its gateway without a policy and with one, and tries the allowed flows. It needs what
// lab.Enter gives.
func Play(ctx context.Context, site Site) (report Report, err error) {
	begin := time.Now()
	l, err := lab.Open(ctx, site.lab)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &stage{site: site, lab: l}
	if err := s.prepare(ctx); err != nil {
		return Report{}, fmt.Errorf("prepare %s: %w", site.Name, err)
	}
	defer func() { err = errors.Join(err, s.ears.Close()) }()
	report, err = s.play(ctx)
	report.Took = time.Since(begin)
	return report, err
}

// prepare makes the gateway a careless router, and opens the ears.
func (s *stage) prepare(ctx context.Context) error {
	if s.site.prepare != nil {
		if err := s.site.prepare(s.lab); err != nil {
			return err
		}
	}
	if err := errors.Join(s.lab.Ready(ctx), s.lab.Forward(true), set(s.lab, careless()), s.lab.Gateway().Do(leadToTunnels)); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	if err := s.acquaint(ctx); err != nil {
		return err
	}
	var err error
	s.ears, err = Listen(ctx, s.lab)
	return err
}

// leadToTunnels gives the thread's namespace the routes of 6to4, Teredo and NAT64 (RFC 3056, 4380, 6052).
func leadToTunnels() error {
	for _, prefix := range prefixes("2002::/16 2001::/32 64:ff9b::/96") {
		to := &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 128)}
		if err := netlink.RouteAdd(&netlink.Route{Dst: to, Gw: addr("2001:db8::80").AsSlice()}); err != nil {
			return fmt.Errorf("add the route to %s: %w", prefix, err)
		}
	}
	return nil
}

// acquaint lets the gateway find every machine by each of its addresses. Who is not found at the first question is asked for again after
// a second, and by then everything that was sent to him is over and seems not to arrive.
func (s *stage) acquaint(ctx context.Context) error {
	for _, m := range s.lab.Machines() {
		from := office
		if m.Segment.Name == office {
			from = c1
		}
		for _, p := range m.Addresses {
			t := lab.Try{Name: "acquaint", From: from, To: netip.AddrPortFrom(p.Addr(), 9), Protocol: policy.UDP, Wait: allowedWait}
			r, err := s.lab.Try(ctx, t)
			if err != nil {
				return err
			}
			if r.Arrived == 0 {
				return fmt.Errorf("%s does not reach %s at %s without a policy", from, m.Name, p.Addr())
			}
		}
	}
	return nil
}

// play sends everything twice.
func (s *stage) play(ctx context.Context) (Report, error) {
	all := s.techniques()
	r := Report{Site: s.site.Name}
	open, err := s.pass(ctx, 0, all)
	if err != nil {
		return r, err
	}
	if err := s.apply(ctx); err != nil {
		return r, err
	}
	guarded, err := s.pass(ctx, 1, all)
	if err != nil {
		return r, err
	}
	for i, t := range all {
		r.Verdicts = append(r.Verdicts, Verdict{Technique: t, Open: open[i], Guarded: guarded[i]})
	}
	r.Flows, r.Broken, err = s.tryAllowed(ctx)
	return r, errors.Join(err, s.ears.Missed())
}

// techniques returns those that are played on this site.
func (s *stage) techniques() []Technique {
	var list []Technique
	for _, t := range Techniques() {
		if t.on(s.site.Name) {
			list = append(list, t)
		}
	}
	return list
}

// apply puts the site's policy in force, and takes away what the gateway would rather not say twice a second.
func (s *stage) apply(ctx context.Context) error {
	p, err := s.site.read()
	if err != nil {
		return err
	}
	err = s.lab.Gateway().Do(func() error {
		g, err := gateway.Open(gateway.SystemClock(time.Now, true))
		if err != nil {
			return err
		}
		defer g.Close()
		proposal, err := g.Propose(ctx, p, "")
		if err != nil {
			return err
		}
		_, err = g.Change(ctx, proposal)
		return err
	})
	if err != nil {
		return fmt.Errorf("apply the policy: %w", err)
	}
	return errors.Join(s.forget(), s.lab.Ready(ctx), set(s.lab, talkative()))
}

// forget takes from the machines what they were made to believe of each other while nothing stood in the way.
func (s *stage) forget() error {
	for _, m := range s.lab.Machines() {
		if err := m.NetNS().ForgetNeighbours(""); err != nil {
			return fmt.Errorf("let %s forget its neighbours: %w", m.Name, err)
		}
	}
	return nil
}

// pass sends every technique once and returns where each arrived.
func (s *stage) pass(ctx context.Context, run int, all []Technique) ([][]string, error) {
	arrived := make([][]string, len(all))
	marker := func(i int) string { return fmt.Sprintf("%s%d%05d", MarkerPrefix, run, i) }
	for i, t := range all {
		m, err := s.lab.Machine(t.From)
		if err != nil {
			return nil, err
		}
		sender := Sender{Machine: m, Marker: []byte(marker(i)), Port: uint16(10000 + 2000*run + i)}
		for _, raw := range t.frames(sender) {
			if err := m.SendFrame(raw); err != nil {
				return nil, fmt.Errorf("%s: %w", t.ID, err)
			}
		}
		if arrived[i], err = s.look(ctx, run, t, sender); err != nil {
			return nil, err
		}
	}
	if err := s.fence(ctx, run); err != nil {
		return nil, err
	}
	for i, t := range all {
		if len(arrived[i]) == 0 {
			m, _ := s.lab.Machine(t.From) // found above
			arrived[i] = s.ears.escaped(marker(i), m, s.besides(m))
		}
	}
	return arrived, nil
}

// look asks for what no marker tells.
func (s *stage) look(ctx context.Context, run int, t Technique, sender Sender) ([]string, error) {
	if t.seen == nil {
		return nil, nil
	}
	if err := s.fence(ctx, run); err != nil {
		return nil, err
	}
	if worked, err := t.seen(s.lab, sender); err != nil || !worked {
		return nil, err
	}
	return []string{InGateway}, nil
}

// besides returns who hears a machine without the gateway.
func (s *stage) besides(m *lab.Machine) map[string]bool {
	names := map[string]bool{}
	for _, other := range s.lab.Machines() {
		names[other.Name] = other.Segment.Name == m.Segment.Name
	}
	return names
}

// fence waits until everything that was sent has had its time: an allowed flow of each governed network goes behind it.
func (s *stage) fence(ctx context.Context, run int) error {
	for _, t := range [...]lab.Try{
		{Name: "fence", From: c1, To: netip.AddrPortFrom(addr(inRecorder), mediaPort), Protocol: policy.UDP},
		{Name: "fence", From: c2, To: netip.AddrPortFrom(addr(inRecorder), mediaPort), Protocol: policy.UDP},
		{Name: "fence", From: nvr, To: netip.AddrPortFrom(addr(inCamera6), 554), Protocol: policy.TCP},
	} {
		r, err := s.lab.Try(ctx, t)
		if err != nil {
			return err
		}
		// Without a policy a poisoning has moved the recorder; to have waited for it was all.
		if r.Arrived == 0 && run > 0 {
			return fmt.Errorf("the allowed flow from %s to %s does not arrive", t.From, t.To)
		}
	}
	return nil
}

// set writes settings of the gateway; one that this kernel does not have needs no writing.
func set(l *lab.Lab, values map[string]string) error {
	for name, value := range values {
		if err := l.Gateway().SetSysctl(name, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// talkative makes the gateway send every error that it has, as often as it has one: one answer would hide the next.
func talkative() map[string]string {
	return map[string]string{
		"ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0", "ipv4/icmp_msgs_per_sec": "100000", "ipv4/icmp_msgs_burst": "100000",
	}
}

// careless is what a gateway may have been set to before: options believed, forged sources taken, loopback's addresses routed.
func careless() map[string]string {
	values := talkative()
	for _, iface := range [...]string{"all", "default", "cam0", "br-cam", "rec0", "lan0", "wan0", "wwan0"} {
		for _, name := range [...]string{"route_localnet", "accept_source_route", "accept_redirects"} {
			values["ipv4/conf/"+iface+"/"+name] = "1"
		}
		values["ipv4/conf/"+iface+"/rp_filter"] = "0"
		values["ipv4/neigh/"+iface+"/locktime"] = "0"
	}
	// Whose broadcast is forwarded is not heard by the gateway itself.
	for _, iface := range [...]string{"all", "cam0", "br-cam", "wan0"} {
		values["ipv4/conf/"+iface+"/bc_forwarding"] = "1"
	}
	return values
}
