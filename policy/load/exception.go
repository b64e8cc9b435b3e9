package load

import (
	"time"

	"cordon/policy"
	"cordon/policy/message"
)

// defaultLimit is how long an exception may last where the site does not say.
const defaultLimit = 30 * 24 * time.Hour

func (l *loader) decodeExceptions() {
	s := schemaOf("exception")
	for _, b := range l.blocks["exception"] {
		l.shape(b, s)
		e := policy.Exception{Name: b.name, Description: l.free(b, "description"), Origin: b.origin(), Ticket: l.free(b, "ticket")}
		e.From = l.endpoints(b, "from")
		e.To = l.endpoints(b, "to")
		e.Services = l.servicesOf(b)
		e.Reason = l.given(b, "reason")
		e.Owner = l.given(b, "owner")
		e.Until = l.until(b)
		e.During = l.during(b)
		l.out.Exceptions = append(l.out.Exceptions, e)
		l.checkNames(b, e.From)
		l.checkAllow(b, opened(e))
		l.checkOpens(b, e)
	}
}

// opened returns what an exception opens while it lasts.
func opened(e policy.Exception) policy.Allow {
	return policy.Allow{Name: e.Name, From: e.From, To: e.To, Services: e.Services, During: e.During, Origin: e.Origin}
}

// given returns a text that somebody must have written: a null one is missing.
func (l *loader) given(b block, name string) string {
	text, _, ok := l.word(b, name)
	if !ok {
		l.missing(b, name)
	}
	return text
}

// until returns the end of an exception. How far off it may be is asked only of a clock that is right: one that begins in 1970 would
// refuse at every start the policy that was in force before it.
func (l *loader) until(b block) time.Time {
	text, here, ok := l.word(b, "until")
	if !ok {
		l.missing(b, "until")
		return time.Time{}
	}
	until, ok := parseUntil(text, l.out.Site.Zone)
	limit := l.out.Site.ExceptionLimit
	switch {
	case !ok:
		l.report.add(here, "bad-until", message.Args{"value": text})
	case !l.at.Trusted:
	case !until.After(l.at.Time):
		l.report.warn(here, "exception-over", message.Args{"name": b.name})
	case until.Sub(l.at.Time) > limit:
		l.report.add(here, "exception-long", message.Args{
			"limit": spellDuration(limit), "latest": l.at.Time.Add(limit).In(l.out.Site.Zone.Location()).Format(time.RFC3339),
		})
	}
	return until
}

// parseUntil reads a moment of RFC 3339. Without an offset it is what the clocks of the site show; an hour that they show twice is the
// first of the two.
func parseUntil(text string, zone policy.Zone) (time.Time, bool) {
	const minutes = "2006-01-02T15:04"
	for _, form := range []string{time.RFC3339, minutes + "Z07:00"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	for _, form := range []string{minutes + ":05", minutes} {
		t, err := time.ParseInLocation(form, text, zone.Location())
		if err != nil {
			continue
		}
		if earlier := t.Add(-time.Hour); earlier.Format(minutes) == t.Format(minutes) {
			return earlier, true
		}
		return t, true
	}
	return time.Time{}, false
}

// checkOpens warns of an exception that ends before its schedule opens.
func (l *loader) checkOpens(b block, e policy.Exception) {
	if len(e.During) == 0 || !l.at.Trusted || !e.Until.After(l.at.Time) {
		return
	}
	s := policy.Schedule{Windows: e.During, Zone: l.out.Site.Zone}
	if _, open := s.OpenAt(l.at.Time); open {
		return
	}
	if next, found := s.Next(l.at.Time); found && !next.Before(e.Until) {
		l.report.warn(at(e.During[0].Origin), "never-opens", message.Args{"name": b.name})
	}
}
