package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cordon/gateway/netstate"
)

// settingName is a setting's name in parts: net/ipv4/conf/cam0/rp_filter is family ipv4, link cam0, key rp_filter.
type settingName struct{ family, link, key string }

// parse divides a name; a setting of no interface has no link.
func parse(name string) settingName {
	parts := strings.Split(name, "/")
	if len(parts) == 5 && parts[0] == "net" && (parts[2] == "conf" || parts[2] == "neigh") {
		return settingName{parts[1], parts[3], parts[4]}
	}
	return settingName{key: parts[len(parts)-1]}
}

// Template returns the name of what an interface that is yet to be made begins with, or the name itself where there is no such thing.
func Template(setting string) string {
	name := parse(setting)
	if name.link == "" || name.everyLink() {
		return setting
	}
	return strings.Replace(setting, "/"+name.link+"/", "/default/", 1)
}

// fresh returns a setting of an interface that is yet to be made.
func (s settingName) fresh(live map[string]netstate.Sysctl, name string) (netstate.Sysctl, bool) {
	before, known := live[Template(name)]
	before.Name = name
	return before, known
}

// everyLink says whether the setting is for all interfaces, or for those to come.
func (s settingName) everyLink() bool { return s.link == "all" || s.link == "default" }

// forwards says whether the setting lets packets cross the machine.
func (s settingName) forwards() bool {
	return s.key == "ip_forward" || (s.link != "" && (s.key == "forwarding" || s.key == "mc_forwarding" || s.key == "force_forwarding"))
}

// overwritten says whether the kernel writes the setting by itself when forwarding is switched: net.ipv4.ip_forward sets
// all/accept_redirects to its opposite (net/ipv4/devinet.c, inet_forward_change).
func (s settingName) overwritten() bool { return s.key == "accept_redirects" }

// rank sorts settings: "all" writes over single interfaces, and an interface without IPv6 has nothing more to set there.
func (s settingName) rank() int {
	switch {
	case s.link == "all" || s.link == "":
		return 0
	case s.link == "default":
		return 1
	case s.key == "disable_ipv6":
		return 2
	}
	return 3
}

func settingOrder(a, b netstate.Sysctl) int {
	return cmp.Compare(parse(a.Name).rank(), parse(b.Name).rank())
}

// settings compares every wanted setting with the live one. What switches forwarding on comes last of all.
func (n *network) settings() {
	live := map[string]netstate.Sysctl{}
	for _, s := range n.live.Sysctls {
		live[s.Name] = s
	}
	wanted := slices.Clone(n.wanted.Sysctls)
	slices.SortStableFunc(wanted, settingOrder)
	var rewritten []Step
	for _, w := range wanted {
		name := parse(w.Name)
		if name.link != "" && !name.everyLink() && !n.present(name.link) {
			continue
		}
		before, known := live[w.Name]
		if n.made[name.link] {
			before, known = name.fresh(live, w.Name)
		}
		if !known || before.Missing {
			n.missing = append(n.missing, w)
			continue
		}
		if name.overwritten() {
			rewritten = append(rewritten, Step{Action: Amend, Object: w, Before: before})
		}
		switch {
		case n.made[name.link]:
			n.change(settleLinks, before, w)
		case before.Value != w.Value:
			n.change(settingPhase(name, w), before, w)
		}
	}
	n.rewrite(rewritten)
	n.giveBack(live, wanted)
}

// giveBack gives an interface that is governed and will not be what every interface begins with, for what it was before is not known: the
// value of "default" as it is, or is wanted. That comes with the end of the group, so that nothing is loosened on an interface that is
// governed, and one that is taken away has nothing to be given. A port's settings are its bridge's matter: none of them are ours.
func (n *network) giveBack(live map[string]netstate.Sysctl, wanted []netstate.Sysctl) {
	begin, kept, named := map[string]netstate.Sysctl{}, map[string]bool{}, map[string]bool{}
	maps.Copy(begin, live)
	for _, w := range wanted {
		begin[w.Name], kept[w.Name] = w, true
	}
	for _, w := range n.wanted.Links {
		named[w.Name], kept[w.Name] = true, w.Governed()
	}
	for _, s := range slices.SortedStableFunc(slices.Values(n.live.Sysctls), settingOrder) {
		name := parse(s.Name)
		l, there := n.links[name.link]
		if !there || !l.Governed() || l.Master != "" || l.Ours() && !named[l.Name] || kept[l.Name] || kept[s.Name] || s.Missing {
			continue
		}
		fresh, known := name.fresh(begin, s.Name)
		if known && !fresh.Missing && fresh.Value != s.Value {
			n.change(release, s, fresh)
		}
	}
}

func settingPhase(name settingName, s netstate.Sysctl) phase {
	if !name.forwards() {
		return setSettings
	}
	return choose(s.Value == "0", stopForwarding, startForwarding)
}

// rewrite sets what switching forwarding writes over: after the switch, and before it, so that taking the switch back ends with what was
// there before.
func (n *network) rewrite(settings []Step) {
	again := make([]Step, len(settings))
	for i, s := range settings {
		again[i] = Step{Action: Amend, Object: s.Object, Before: s.Object}
	}
	if n.any(stopForwarding) {
		n.steps = slices.DeleteFunc(n.steps, func(p placed) bool { return slices.Contains(settings, p.step) })
		n.steps = slices.Concat(put(stopForwarding, settings), n.steps, put(stopForwarding, again))
	}
	if n.any(startForwarding) {
		n.steps = slices.Concat(put(startForwarding, again), n.steps, put(startForwarding, again))
	}
}

// any says whether there is a step in the phase.
func (n *network) any(at phase) bool {
	return slices.ContainsFunc(n.steps, func(p placed) bool { return p.phase == at })
}

func put(at phase, steps []Step) []placed {
	list := make([]placed, len(steps))
	for i, s := range steps {
		list[i] = placed{at, s}
	}
	return list
}
