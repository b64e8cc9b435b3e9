package oracle_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"cordon/policy"
)

// form is how much the property test does: a short form with every `make test`, the whole of it with the tag full.
type form struct {
	policies, packets int // packets of a policy
	each              int // how often each thing has to be seen in each verdict that it can have
}

// ownStream is what tells the seeds of one stream from those of another: more than any stream has.
const ownStream = 1000

// The kernel and the oracle agree on every packet, and the packets are those where they might not. Policies come in pairs: the second
// one is the first one revised, at a later moment, applied on top of it.
func TestKernelAgreesWithOracle(t *testing.T) {
	j := &judge{world: newWorld(t), seen: newCoverage()}
	f := extent()
	begin := firstSeed(t)
	for seed := range uint64(f.policies / 2) {
		j.pair(t, begin+seed, f.packets)
		if t.Failed() {
			return
		}
	}
	t.Logf("%s", j.seen)
	j.seen.check(t, f.each)
	if j.seen.packets < f.policies*f.packets || j.seen.policies < f.policies {
		t.Errorf("%d packets over %d policies: fewer than meant", j.seen.packets, j.seen.policies)
	}
}

// firstSeed returns the first seed of the stream STREAM, a number, or of stream 0: other policies, other packets.
func firstSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("STREAM")
	if text == "" {
		return 0
	}
	stream, err := strconv.ParseUint(text, 10, 32)
	must(t, err)
	return stream * ownStream
}

// A stream's seeds are its own, and without one they are those of stream 0.
func TestStreams(t *testing.T) {
	first, most := map[uint64]bool{}, uint64(extent().policies/2)
	for _, stream := range []string{"", "1", "2", "41"} {
		t.Setenv("STREAM", stream)
		first[firstSeed(t)] = true
	}
	for _, want := range []uint64{0, 1000, 2000, 41000} {
		if !first[want] {
			t.Errorf("no stream begins with seed %d: %v", want, first)
		}
	}
	if most > ownStream {
		t.Errorf("%d seeds reach into the next stream", most)
	}
}

// pair judges a policy, and the same one revised.
func (j *judge) pair(t *testing.T, seed uint64, packets int) {
	t.Helper()
	j.seed = seed
	r := rand.New(rand.NewPCG(seed, 2))
	at := moment(r)
	a := newAuthor(seed, at.Time)
	text, p := a.settle(t, seed)
	j.stand(t, text, p, at)
	m := j.marksman(0)
	j.must(t, m, packets)

	a.revise()
	text, p = a.settle(t, seed)
	at.Time = at.Time.Add(one(r, []time.Duration{0, 30 * time.Minute, 90 * time.Minute, 14 * time.Hour, 2 * 24 * time.Hour}))
	at.Trusted = r.IntN(10) > 0
	j.stand(t, text, p, at)
	later := j.marksman(1)
	later.all, later.sent = append(later.all, former(m.all)...), m.sent
	j.must(t, later, packets)
}

// former returns openings of the policy before: what they opened may be open no more.
func former(all []opening) []opening {
	var list []opening
	for _, o := range all {
		o.tags &= literal | group | ownAddress
		list = append(list, o)
	}
	return list
}

// moment returns a time of a week at which schedules begin, are open or have ended.
func moment(r *rand.Rand) policy.Moment {
	monday := monday()
	at := monday.AddDate(0, 0, r.IntN(7)).Add(time.Duration(one(r, []int{0, 0, 30, 15*60 + 30, -2 * 60, 7 * 60, -6 * 60})) * time.Minute)
	return policy.Moment{Time: at, Trusted: r.IntN(12) > 0}
}

// monday is when the clocks of these policies stand, but for some days and hours.
func monday() time.Time { return time.Date(2026, time.November, 23, 10, 0, 0, 0, time.UTC) }
