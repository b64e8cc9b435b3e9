package compile

import (
	"slices"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// setting is a sysctl below net/FAMILY/conf/INTERFACE/.
type setting struct{ family, name, value string }

// everywhere are the settings of every interface that the policy governs: strict reverse-path checks, nothing believed that a
// neighbour says about routes, no answer for an address that is not on the interface that was asked.
func everywhere() []setting {
	return []setting{
		{"ipv4", "rp_filter", "1"},
		{"ipv4", "accept_redirects", "0"},
		{"ipv4", "secure_redirects", "0"},
		{"ipv4", "send_redirects", "0"},
		{"ipv4", "accept_source_route", "0"},
		{"ipv4", "proxy_arp", "0"},
		{"ipv4", "route_localnet", "0"},
		{"ipv4", "arp_announce", "2"},
		{"ipv4", "bc_forwarding", "0"},
		{"ipv6", "accept_redirects", "0"},
		{"ipv6", "accept_source_route", "0"},
		{"ipv6", "seg6_enabled", "0"},
	}
}

// inside are the settings of camera and recorder interfaces beyond those.
func inside() []setting {
	return []setting{
		{"ipv4", "arp_accept", "0"},
		{"ipv4", "drop_gratuitous_arp", "1"},
		{"ipv4", "drop_unicast_in_l2_multicast", "1"},
		{"ipv6", "drop_unsolicited_na", "1"},
		{"ipv6", "drop_unicast_in_l2_multicast", "1"},
		{"ipv6", "autoconf", "0"},
	}
}

// sysctls returns the kernel's settings. In scope "segments" only governed interfaces are touched: the rest belongs to somebody else.
func sysctls(p policy.Policy, rules []netstate.Rule) []netstate.Sysctl {
	var list []netstate.Sysctl
	set := func(iface string, settings ...setting) {
		for _, s := range settings {
			list = append(list, netstate.Sysctl{Name: "net/" + s.family + "/conf/" + iface + "/" + s.name, Value: s.value})
		}
	}
	if p.Site.Scope == policy.ScopeBox {
		// A new interface begins with what "default" holds: it believes nobody, too.
		for _, iface := range []string{"all", "default"} {
			set(iface, everywhere()...)
			set(iface, setting{"ipv4", "arp_ignore", "1"}, setting{"ipv6", "accept_ra", "0"})
		}
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		if again(p, i) {
			continue
		}
		if p.Site.Scope == policy.ScopeBox || s.Kind.Governed() {
			set(s.Interface, everywhere()...)
			set(s.Interface, setting{"ipv4", "arp_ignore", arpIgnore(s)}, setting{"ipv6", "accept_ra", acceptRA(s)})
		}
		if marked(rules, s.Interface) {
			// The reverse-path check asks with the packet's mark too: it comes by the rules of the opposite direction.
			set(s.Interface, setting{"ipv4", "src_valid_mark", "1"})
		}
		if s.Kind.Governed() {
			set(s.Interface, inside()...)
			set(s.Interface, setting{"ipv6", "disable_ipv6", flag(!speaksV6(s))})
		}
	}
	return slices.Concat(list, trunkSysctls(p), answering(p), forwarding(p))
}

// Strict returns the names of all settings that a governed interface may be given, for every interface that is governed now: one that no
// policy governs any more gets back what an interface begins with.
func Strict() []string {
	var names []string
	for _, s := range slices.Concat(everywhere(), inside(), []setting{
		{family: "ipv4", name: "arp_ignore"},
		{family: "ipv4", name: "src_valid_mark"},
		{family: "ipv6", name: "accept_ra"},
		{family: "ipv6", name: "disable_ipv6"},
	}) {
		names = append(names, "net/"+s.family+"/conf/"+netstate.EveryGoverned+"/"+s.name)
	}
	return names
}

// answering takes "destination unreachable" out of the errors that the kernel itself bounds, to one a second and receiver (6 at once):
// a camera that asks for the time every second would mostly meet silence, and try the harder. Our own limit stands in its place: the
// packet filter refuses 20 packets a second and device with an answer. The kernel's limit over all receivers stays.
func answering(p policy.Policy) []netstate.Sysctl {
	for i := range p.Segments {
		if p.Segments[i].Kind.Governed() && p.Segments[i].Refuse == policy.RefuseReject {
			return []netstate.Sysctl{
				{Name: "net/ipv4/icmp_ratemask", Value: "6160"},
				{Name: "net/ipv6/icmp/ratemask", Value: "0,3-127"},
			}
		}
	}
	return nil
}

// forwarding is switched on for each family that somebody may cross the gateway in.
func forwarding(p policy.Policy) []netstate.Sysctl {
	list := []netstate.Sysctl{{Name: "net/ipv4/ip_forward", Value: "1"}}
	if p.Site.Scope == policy.ScopeSegments && !anySpeaksV6(p) {
		return list
	}
	return append(list, netstate.Sysctl{Name: "net/ipv6/conf/all/forwarding", Value: flag(anySpeaksV6(p))})
}

func anySpeaksV6(p policy.Policy) bool {
	for i := range p.Segments {
		if speaksV6(&p.Segments[i]) {
			return true
		}
	}
	return false
}

// acceptRA returns whether an interface believes router advertisements: an uplink whose addresses are not given does, also while
// forwarding (2).
func acceptRA(s *policy.Segment) string {
	if leased(s) {
		return "2"
	}
	return "0"
}

// arpIgnore returns how an interface chooses the questions that it answers: those for an address of its own (1), and on a governed one
// only from a sender in that address's network (2). On an uplink the latter would silence the gateway towards a router that asks from
// another address, as Linux does by default.
func arpIgnore(s *policy.Segment) string {
	if s.Kind.Governed() {
		return "2"
	}
	return "1"
}

// marked says whether a rule of the jail asks for a mark of what comes in by an interface.
func marked(rules []netstate.Rule, iface string) bool {
	return slices.ContainsFunc(rules, func(r netstate.Rule) bool {
		return r.Family == netstate.IPv4 && r.Mark != 0 && r.IIF == iface
	})
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
