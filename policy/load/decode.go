package load

import (
	"cmp"
	"slices"
	"strings"

	"cordon/policy"
	"cordon/policy/catalog"
	"cordon/policy/message"
)

// decode makes the policy's nodes out of the named blocks, each kind after those that it refers to.
func (l *loader) decode() {
	l.builtins = map[string]policy.Service{}
	for _, s := range catalog.Services() {
		l.builtins[s.Name] = s
	}
	devices := 0
	for _, kind := range deviceKinds() {
		devices += len(l.blocks[kind.String()])
	}
	l.seen = newSeen(devices)
	l.out.Devices = make([]policy.Device, 0, devices)
	l.decodeSite()
	l.decodeSegments()
	l.decodeDevices()
	l.checkCards()
	l.checkServed()
	l.decodeGroups()
	l.decodeServices()
	l.decodeAllows()
	l.decodeExceptions()
	l.decodeExpectations()
	l.decodeManage()
}

func (l *loader) decodeSite() {
	l.out.Site.ExceptionLimit = defaultLimit
	sites := l.blocks["site"]
	if len(sites) == 0 {
		if !l.missingMay("site") && len(l.tree.read) > 0 {
			l.report.add(place{}, "no-site", nil)
		}
		return
	}
	slices.SortStableFunc(sites, func(a, b block) int { return before(a.header, b.header) })
	for _, second := range sites[1:] {
		if second.name != sites[0].name {
			l.report.add(at(second.origin()), "second-site", message.Args{"name": sites[0].name}, sites[0].origin())
		}
	}
	for _, b := range sites {
		l.site(b)
	}
}

func (l *loader) site(b block) {
	s := schemaOf("site")
	l.shape(b, s)
	site := policy.Site{Name: b.name, Origin: b.origin(), Description: l.free(b, "description")}
	if choice, ok := l.choice(b, "scope", "box", "segments"); ok && choice == 1 {
		site.Scope = policy.ScopeSegments
	}
	site.Timezone, site.Zone = l.zone(b)
	site.ExceptionLimit = l.duration(b, "exception_limit", defaultLimit)
	l.out.Site = site
}

// missingMay says whether a block of a kind that seems to be missing may stand where nothing could be read.
func (l *loader) missingMay(kind string) bool {
	return l.partial || l.unread[kind] || len(l.lost[kind]) > 0
}

// gone says whether a block of a name that seems to be missing may stand there.
func (l *loader) gone(kind, name string) bool {
	return l.partial || l.unread[kind] || l.lost[kind][name]
}

// free returns a free text, which may be empty.
func (l *loader) free(b block, name string) string {
	text, _, _ := l.text(b, name)
	return text
}

// choice returns which of the words an attribute is.
func (l *loader) choice(b block, name string, words ...string) (int, bool) {
	text, here, ok := l.word(b, name)
	if !ok {
		return 0, false
	}
	if i := slices.Index(words, text); i >= 0 {
		return i, true
	}
	args := withNearest(text, words, message.Args{"value": text, "name": name, "choices": strings.Join(words, ", ")})
	l.report.add(here, "bad-choice", args)
	return 0, false
}

func before(a, b policy.Origin) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
