package oracle_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"cordon/integration/lab/frame"
	"cordon/policy"
	"cordon/policy/simulate"
)

// judge holds the kernel against the oracle.
type judge struct {
	*world
	seen   *coverage
	text   string
	policy policy.Policy
	oracle simulate.Oracle
	at     policy.Moment
	seed   uint64
}

// disagreement is a packet of which kernel and oracle say different things.
type disagreement struct {
	sample   *sample
	kernel   string
	decision decision
}

// must judges so many packets of the policy in force, and fails the test with the first disagreement.
func (j *judge) must(t *testing.T, m *marksman, packets int) {
	t.Helper()
	bad, err := j.round(m, packets)
	if err != nil {
		t.Fatalf("seed %d: %v", j.seed, err)
	}
	if len(bad) > 0 {
		t.Errorf("kernel and oracle disagree about %d of %d packets\n%s", len(bad), packets, j.describe(bad[0]))
	}
}

// round sends packets of the policy that is in force, then packets that belong to the flows which they opened.
func (j *judge) round(m *marksman, packets int) ([]disagreement, error) {
	var first []*sample
	for len(first) < packets*3/4 {
		if s := m.sample(); s != nil {
			first = append(first, s)
		}
	}
	bad, err := j.fire(first)
	if err != nil || len(bad) > 0 {
		return bad, err
	}
	var second []*sample
	for _, s := range first {
		if s.out.iface != "" && len(first)+len(second) < packets {
			second = append(second, m.reply(s))
		}
	}
	for len(first)+len(second) < packets {
		if s := m.sample(); s != nil {
			second = append(second, s)
		}
	}
	return j.fire(second)
}

// fire sends samples and compares.
func (j *judge) fire(samples []*sample) ([]disagreement, error) {
	shots := make([]shot, len(samples))
	for i, s := range samples {
		shots[i] = shot{s.packet.IIF, s.bytes(i)}
	}
	arrivals, err := j.world.fire(shots)
	if err != nil {
		return nil, err
	}
	var bad []disagreement
	for i, s := range samples {
		d := j.expect(s)
		verdict, place, out := came(arrivals[i])
		s.out = out
		j.seen.count(s.tags, verdict)
		if verdict != d.verdict || verdict == policy.Allowed && !j.rightPlace(s, d, arrivals[i]) {
			bad = append(bad, disagreement{s, place, d})
		}
	}
	return bad, nil
}

// expect asks the oracle. What the policy lets go where no route leads comes out nowhere.
func (j *judge) expect(s *sample) decision {
	d := decide(j.oracle, j.at, s.packet)
	if d.verdict == policy.Allowed && d.kind != "serve" && owner(j.policy, s.packet.Destination) == nil && !many(s.packet.Destination) {
		return decision{verdict: policy.Blocked, why: "allowed, and no route leads there"}
	}
	return d
}

// came returns the kernel's verdict and where the packet came out.
func came(arrivals []arrival) (v policy.Verdict, place string, out arrival) {
	var places []string
	for _, a := range arrivals {
		v = policy.Allowed
		if a.iface == "" {
			places = append(places, "the gateway")
			continue
		}
		out = a
		places = append(places, a.iface)
	}
	if len(places) == 0 {
		return v, "nowhere", out
	}
	return v, strings.Join(places, ", "), out
}

// rightPlace says whether what passed came out once, and where its destination lives; what the gateway serves, and what is said to
// everybody, comes out at the gateway.
func (j *judge) rightPlace(s *sample, d decision, arrivals []arrival) bool {
	if len(arrivals) != 1 {
		return false
	}
	to, local := s.packet.Destination, arrivals[0].iface == ""
	if own := isGateway(j.policy, to) || d.kind == "serve" || many(to); local || own {
		return local && own
	}
	home := owner(j.policy, to)
	return home != nil && home.Interface == arrivals[0].iface
}

// describe tells a disagreement so that it can be thought about.
func (j *judge) describe(d disagreement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d at %s (clock trusted: %t)\n%s\n", j.seed, j.at.Time.Format("Mon 2006-01-02 15:04 MST"), j.at.Trusted, j.text)
	fmt.Fprintf(&b, "packet: %s\n", tell(d.sample.packet, d.sample.flags))
	if d.sample.answers != nil {
		fmt.Fprintf(&b, "belongs to: %s\n", tell(d.sample.answers.packet, d.sample.answers.flags))
	}
	fmt.Fprintf(&b, "kernel: came out at %s\noracle: %s (%s)\ntags: %s\n", d.kernel, d.decision.verdict, d.decision.why, d.sample.tags)
	return b.String()
}

func tell(p policy.Packet, flags frame.Flags) string {
	return fmt.Sprintf("%s %s %s:%d > %s:%d protocol %d type %d flags %#x %s", p.IIF, p.MAC, p.Source, p.SourcePort, p.Destination,
		p.DestinationPort, p.Protocol, p.ICMPType, flags, p.State)
}

// String returns the names of tags.
func (t tags) String() string {
	var names []string
	for i, name := range tagNames() {
		if t&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// stand puts a policy in force.
func (j *judge) stand(t *testing.T, text string, p policy.Policy, at policy.Moment) {
	t.Helper()
	j.text, j.policy, j.oracle, j.at = text, p, simulate.Of(p), at
	if err := errors.Join(j.apply(t, p, at), j.forget()); err != nil {
		t.Fatalf("seed %d: %v\n%s", j.seed, err, text)
	}
	j.seen.policies++
}

func (j *judge) marksman(generation uint64) *marksman {
	r := rand.New(rand.NewPCG(j.seed, 100+generation))
	return &marksman{Rand: r, Policy: j.policy, all: openings(j.policy, j.at), port: uint16(r.IntN(40000)), sent: map[tuple]bool{}}
}
