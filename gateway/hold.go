package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"cordon/gateway/history"
	"cordon/gateway/kernel"
	"cordon/gateway/kernel/nft"
	"cordon/gateway/observe"
	"cordon/gateway/plan"
	"cordon/policy"
)

const (
	// quiet is how long the kernel is to have said nothing before it is read, so that a burst is one repair; longest is how long it may
	// go on.
	quiet   = 2 * time.Millisecond
	longest = 15 * time.Millisecond
	// settingsEvery is how often the settings are read that change without a word, and everythingEvery how often everything is.
	settingsEvery   = 2 * time.Second
	everythingEvery = time.Minute
	// afterRepair is when everything is read behind a repair, which trusts what it need not read.
	afterRepair = 2 * time.Second
	// word is how long the kernel's word about what a look has found already may be on its way: it was said before the look.
	word = 50 * time.Millisecond
	// pace is how often a ruleset that keeps being broken is repaired once it is locked down: often enough that little time is lost, and
	// seldom enough that the machine has time for something else.
	pace = 250 * time.Millisecond
)

// What is what a holder has to say.
type What string

// What there is to say.
const (
	Holding    What = "holding"     // the policy that was applied is in force
	Unapplied  What = "unapplied"   // none was ever applied, or it cannot be read
	Repaired   What = "repaired"    // something differed, and was put back
	Turned     What = "turned"      // the hour opened or closed something
	Failed     What = "failed"      // something differs, and could not be put back: it is tried again
	Missing    What = "missing"     // other interfaces of the policy are absent than before
	LockedDown What = "locked-down" // the ruleset kept being broken
	Reverted   What = "reverted"    // a change that nobody confirmed was taken back
)

// News is one thing that happened.
type News struct {
	What What
	At   time.Time
	// Kinds are what the kernel spoke of, and By who changed our tables by its word. Nothing where a look found it.
	Kinds observe.Kind
	By    []observe.Process
	// Changes are what was put back, or has to be.
	Changes []plan.Change
	// Took is the time from the kernel's first word, or from the look, until everything was read back as it is wanted.
	Took time.Duration
	// Absent are the policy's interfaces that the machine does not have.
	Absent []string
	Err    error

	broken bool
}

// Itself is who locked down where the service did it without being asked.
const Itself = "cordon run"

// Holder holds what was applied: it reads the machine whenever the kernel says that something changed, and puts back what differs. One
// goroutine, that of Run, owns everything; others ask it by Do.
type Holder struct {
	writer   *Writer
	tell     func(News)
	requests chan request

	standing   Standing
	aim        *aim           // nil where nothing is to be held
	aimed      *policy.Policy // what it was made from
	aimedLost  bool           // and that the fight was lost by then
	neighbours map[netip.Addr]bool
	absent     []string

	events      <-chan observe.Event
	deaf        error         // why nothing is heard any more
	seen        observe.Event // since the last repair
	first       time.Time     // when it began
	due         time.Time     // of the next repair; zero: none
	notBefore   time.Time     // no repair before
	settings    time.Time     // of the next look at the settings
	everything  time.Time     // of the next look at everything
	hours       time.Time     // of the next opening; zero: none
	overdue     time.Time     // of the pending change; zero: none waits
	failures    int
	fight       fight
	lost        bool             // the fight is
	reverting   bool             // since the last repair a change was taken back
	giveUp      history.Lockdown // what it was lost to
	unrecorded  bool             // and the disk has not taken it
	initialised bool
	unapplied   bool // and that has been said
}

// request is what the loop does for somebody else, between two repairs. After it what is to be in force is read again.
type request struct {
	act  func(*Writer) // nil: nothing
	done chan struct{}
}

// NewHolder returns what holds the machine of a writer, who has to have the lock. It tells what happens on the goroutine of Run; before Run
// nothing does.
func NewHolder(w *Writer, tell func(News)) *Holder {
	return &Holder{writer: w, tell: tell, requests: make(chan request)}
}

// Do runs something in the loop and returns when it is done. It is for any goroutine but the loop's own.
func (h *Holder) Do(ctx context.Context, act func(*Writer)) error {
	r := request{act, make(chan struct{})}
	select {
	case h.requests <- r:
		<-r.done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Alive returns when the loop has had a turn: it neither hangs nor has ended.
func (h *Holder) Alive(ctx context.Context) error { return h.Do(ctx, nil) }

// Run holds until the context ends, which changes nothing of what is in force. It stays on the thread of its caller.
func (h *Holder) Run(ctx context.Context) (err error) {
	filter, route := h.writer.kernel.Ports()
	watcher, err := observe.Open(observe.Own{Table: nft.Ours, Filter: filter, Route: route})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	h.events = watcher.Events()
	if err := h.stand(); err != nil {
		return err
	}
	h.due = h.writer.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-h.events:
			h.hear(e)
		case r := <-h.requests:
			h.serve(r)
		case <-timer.C:
			h.turn(ctx)
		}
		if h.deaf != nil {
			return h.deaf
		}
		timer.Reset(h.next().Sub(h.writer.Now()))
	}
}

// hear takes note of what the kernel said, and lets it finish.
func (h *Holder) hear(e observe.Event) {
	h.deaf = e.Err
	h.doubt(e)
	if h.aim == nil || !h.concerns(e) {
		return
	}
	now := h.writer.Now()
	if h.seen.Empty() {
		h.first = now
	}
	h.seen = h.seen.And(e)
	h.due = later(earlier(now.Add(quiet), h.first.Add(longest)), h.notBefore)
}

// doubt forgets of the sets what an event has to say something else about.
func (h *Holder) doubt(e observe.Event) {
	switch {
	case h.aim == nil:
	case e.Kinds&observe.Lost != 0:
		h.aim.doubtAll()
	default:
		h.aim.doubt(e.Sets)
	}
}

// concerns says whether an event may be about what is held: other programs' tables and neighbours that come and go are not.
func (h *Holder) concerns(e observe.Event) bool {
	ours := func(a netip.Addr) bool { return h.neighbours[a] }
	return e.Kinds&^observe.Foreign != 0 || slices.ContainsFunc(e.Fleeting, ours)
}

// serve does what somebody asked for. What is to be in force may be something else then.
func (h *Holder) serve(r request) {
	if r.act == nil {
		close(r.done)
		return
	}
	if !h.changesNothing(func() { r.act(h.writer) }) && h.aim != nil {
		h.aim.doubtAll() // what we change ourselves the kernel does not tell us
	}
	close(r.done)
	if err := h.stand(); err != nil {
		h.say(News{What: Failed, Err: err})
	}
	h.due = later(h.writer.Now(), h.notBefore)
}

// changesNothing says whether it is certain that nobody changed the packet filter while something was done.
func (h *Holder) changesNothing(do func()) bool {
	before, beforeErr := h.writer.kernel.Generation(context.Background())
	do()
	after, afterErr := h.writer.kernel.Generation(context.Background())
	return beforeErr == nil && afterErr == nil && before == after
}

// next is when something is to be done by itself.
func (h *Holder) next() time.Time {
	at := h.writer.Now().Add(everythingEvery)
	for _, t := range []time.Time{h.due, h.settings, h.everything, h.hours, h.overdue} {
		if !t.IsZero() {
			at = earlier(at, t)
		}
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// turn does what is due.
func (h *Holder) turn(ctx context.Context) {
	now := h.writer.Now()
	reached := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	switch {
	case reached(h.overdue):
		h.revert(ctx)
	case reached(h.due), reached(h.everything), reached(h.hours):
		h.repair(ctx)
	case reached(h.settings):
		h.lookAtSettings(now)
	}
}

// lookAtSettings finds what the kernel did not say.
func (h *Holder) lookAtSettings(now time.Time) {
	h.settings = now.Add(settingsEvery)
	if h.aim == nil {
		return
	}
	if differ, err := h.writer.settingsDiffer(h.aim); differ || err != nil {
		h.hear(observe.Event{Kinds: observe.Settings})
	}
}

// stand reads what is to be in force from the state directory.
func (h *Holder) stand() error {
	s, err := h.standing.again(h.writer.Store)
	if err != nil {
		return err
	}
	earlier := h.aim
	h.standing, h.aim = s, nil
	if h.lost && h.unrecorded {
		h.record()
	} else if !s.Locked && h.lost {
		h.fight, h.lost, h.notBefore = fight{}, false, time.Time{} // somebody has released it
	}
	if h.overdue, err = h.deadline(s); err != nil {
		return err
	}
	if s.Policy == nil {
		if !h.unapplied {
			h.say(News{What: Unapplied, Err: unreadable(s)})
		}
		h.unapplied = true
		return nil
	}
	h.unapplied = false
	if h.aim = earlier; earlier == nil || h.aimed != s.Policy || h.aimedLost != h.lost {
		h.take(s)
	}
	return nil
}

// take aims at what ought to be in force.
func (h *Holder) take(s Standing) {
	h.aimed, h.aimedLost = s.Policy, h.lost
	p := *s.Policy
	if h.lost {
		p = p.LockedDown()
	}
	h.aim, h.neighbours = h.writer.aimAt(p, s.Commit()), map[netip.Addr]bool{}
	for _, n := range h.aim.wanted.Neighbours {
		h.neighbours[n.Address] = true
	}
}

// unreadable is why nothing can be held although something was applied.
func unreadable(s Standing) error {
	var all []error
	for _, d := range s.Damaged {
		all = append(all, d)
	}
	if s.Unreadable {
		all = append(all, ErrUnreadable)
	}
	return errors.Join(all...)
}

// record writes down that the fight is lost, over whatever lockdown there was. It is tried again until the disk takes it.
func (h *Holder) record() {
	h.unrecorded = h.writer.Store.LockDown(h.giveUp) != nil
}

// deadline is when a pending change is to be taken back, on the clock of the loop.
func (h *Holder) deadline(s Standing) (time.Time, error) {
	p := s.Pending
	switch {
	case s.Lost:
		return h.writer.Now(), nil // nobody could confirm it
	case p == nil:
		return time.Time{}, nil
	}
	if over, err := Overdue(*p); over || err != nil {
		return h.writer.Now(), err
	}
	boot, err := kernel.BootTime()
	return h.writer.Now().Add(p.Deadline - boot), err
}

// revert takes back what nobody confirmed. What fails is tried again. What somebody broke before is put back first, so that it is said;
// what he breaks meanwhile the next repair says.
func (h *Holder) revert(ctx context.Context) {
	if h.drain(); !h.seen.Empty() && !h.reverting && h.standing.waits() {
		h.repair(ctx)
	}
	h.reverting = true
	taken, err := h.writer.Settle(ctx)
	if err != nil {
		h.failures++
		h.say(News{What: Failed, Err: err})
		if err := h.stand(); err != nil { // without it: its time is over
			h.say(News{What: Failed, Err: err})
		}
		h.overdue = h.writer.Now().Add(pause(h.failures))
		return
	}
	if taken != nil {
		h.failures = 0
		h.say(News{What: Reverted})
	}
	h.drain()
	if err := h.stand(); err != nil {
		h.say(News{What: Failed, Err: err})
	}
	h.due = h.writer.Now()
}

// drain hears what the kernel has said already, and ends also where somebody makes it speak all the time.
func (h *Holder) drain() {
	for range 4 {
		select {
		case e := <-h.events:
			h.hear(e)
		default:
			return
		}
	}
}

// repair reads the machine and puts back what differs.
func (h *Holder) repair(ctx context.Context) {
	h.drain()
	now := h.writer.Now()
	seen, first := h.seen, h.first
	if seen.Empty() {
		first = now
	}
	h.seen, h.due, h.hours = observe.Event{}, time.Time{}, time.Time{}
	h.lookAtEverything(now)
	if h.settings.IsZero() {
		h.settings = now.Add(settingsEvery)
	}
	if h.aim == nil {
		return
	}
	result, err := h.writer.mend(ctx, h.aim)
	took := h.writer.Now().Sub(first)
	if err == nil {
		result.join(h.writer.besides)
	}
	if h.reverting && len(seen.By) == 0 || result.broken && !result.turned && seen.Empty() {
		seen = seen.And(h.late())
	}
	if err == nil {
		result = h.withTouched(result, seen)
	}
	h.hours = h.aim.opening
	news := News{
		What: result.what(seen), Kinds: seen.Kinds, By: seen.By, Changes: result.changes, Took: took,
		Absent: result.absent, Err: err, broken: result.broken,
	}
	h.conclude(ctx, news, seen, first)
}

// withTouched adds what somebody touched and the way back from a change has put back already, with the change.
func (h *Holder) withTouched(m mended, seen observe.Event) mended {
	if h.reverting && !m.broken && len(seen.By) > 0 {
		m.broken, m.changes = true, touched(seen)
	}
	h.writer.besides, h.reverting = mended{}, false
	return m
}

// late returns what the kernel says of a damage that was found before it was heard of, as by a request that came between the two, or that
// the way back from a change put back with the change.
func (h *Holder) late() observe.Event {
	wait := time.NewTimer(word)
	defer wait.Stop()
	select {
	case e := <-h.events:
		h.hear(e)
		return e
	case <-wait.C:
		return observe.Event{}
	}
}

// lookAtEverything has the next repair trust nothing that was read before, once in a while.
func (h *Holder) lookAtEverything(now time.Time) {
	if h.everything.After(now) {
		return
	}
	h.everything = now.Add(everythingEvery)
	if h.aim != nil {
		h.aim.doubtAll()
	}
}

// conclude says what came of a repair, and decides when and how the next one is.
func (h *Holder) conclude(ctx context.Context, news News, seen observe.Event, first time.Time) {
	now := h.writer.Now()
	h.notBefore = time.Time{}
	if h.lost {
		h.notBefore = now.Add(pace)
	}
	switch {
	case ctx.Err() != nil:
		return
	case news.Err != nil:
		h.failures++
		h.notBefore = now.Add(pause(h.failures))
		h.seen, h.first, h.due = seen, first, h.notBefore
		news.What = Failed
		h.say(news)
		return
	case news.broken || !h.initialised:
		h.everything = earlier(h.everything, now.Add(afterRepair))
		h.report(ctx, news)
	}
	h.failures, h.initialised = 0, true
	if !slices.Equal(h.absent, news.Absent) {
		h.absent = news.Absent
		h.say(News{What: Missing, Absent: news.Absent})
	}
}

// report says what was put back, and ends a fight that goes on for too long. An interface that comes and goes is no fight.
func (h *Holder) report(ctx context.Context, news News) {
	if news.broken {
		h.say(news)
	}
	if !h.initialised {
		h.say(News{What: Holding, Absent: news.Absent})
		return
	}
	hostile := news.What == Repaired && (news.Kinds&observe.Links == 0 || len(news.By) > 0)
	if hostile && h.fight.blow(h.writer.Now()) && !h.lost {
		h.lockDown(ctx, news)
	}
}

// lockDown gives the fight up, and everything with it that might be open while it is lost. When the disk does not take it, the machine
// is locked down all the same.
func (h *Holder) lockDown(ctx context.Context, news News) {
	h.lost = true
	by := "" // not everything that the kernel says has somebody behind it
	if len(news.By) > 0 {
		by = news.By[len(news.By)-1].Name
	}
	now := h.writer.Now()
	h.giveUp = history.Lockdown{Since: now, Who: Itself, Because: by}
	_, err := h.writer.LockDown(ctx, h.giveUp)
	written, locked, _ := h.writer.Store.Lockdown() // damaged is locked down, too
	h.unrecorded = !locked || len(written.Segments) > 0
	h.say(News{What: LockedDown, By: news.By, Err: err})
	if err := h.stand(); err != nil {
		h.aim = h.writer.aimAt(h.aim.policy.LockedDown(), h.aim.commit)
	}
	h.notBefore = now.Add(pace)
	h.due = now
}

func (h *Holder) say(n News) {
	n.At = h.writer.Now()
	h.tell(n)
}
