package doctor

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// roadChecks look for a way around the rules: frames and packets that take another road.
func roadChecks() []check {
	return []check{
		{id: "bridged", severity: Error, judge: bridged, inside: true},
		{id: "second-address", severity: Error, judge: secondAddress, inside: true},
		{id: "routing-rules", severity: Error, judge: routingRules, inside: true},
		{id: "other-tables", severity: Warning, judge: otherTables},
		{id: "programs", severity: Error, judge: programs, inside: true},
	}
}

// bridged names governed interfaces that share a bridge, a bond or a VRF with something that the policy does not know: what comes in by
// the other port goes to the cameras without meeting a rule of theirs.
func bridged(b Box) *finding {
	known := b.memberships()
	governed := b.governed()
	var names []string
	var command string
	for _, l := range b.links() {
		inside := slices.Contains(governed, l.Name) || slices.Contains(governed, l.Master)
		if l.Master == "" || !inside || known[l.Name] == l.Master {
			continue
		}
		names = append(names, l.Name+" ("+l.Master+")")
		if command == "" {
			command = "sudo ip link set dev " + word(l.Name) + " nomaster"
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("interfaces", names), command}
}

// memberships are the bridges' ports that the policy names, each with its bridge.
func (b Box) memberships() map[string]string {
	known := map[string]string{}
	if b.Policy == nil {
		return known
	}
	for i := range b.Policy.Segments {
		s := &b.Policy.Segments[i]
		for _, port := range s.Ports {
			known[port] = s.Interface
		}
	}
	return known
}

// secondAddress names other interfaces with an address out of a camera's or recorder's network: the box is there by two roads, and one
// of them has no rules.
func secondAddress(b Box) *finding {
	var names []string
	var command string
	for _, a := range b.Machine.State.Addresses {
		at := a.Prefix.Masked()
		for _, s := range b.isolated() {
			if a.Interface == s.Interface || slices.Contains(s.Ports, a.Interface) || !overlaps(s, at) || at.Bits() == 0 {
				continue
			}
			names = append(names, a.Prefix.String()+" "+a.Interface)
			if command == "" {
				command = "sudo ip address del " + a.Prefix.String() + " dev " + word(a.Interface)
			}
			break
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("addresses", names), command}
}

func overlaps(s policy.Segment, at netip.Prefix) bool {
	return slices.ContainsFunc(s.Networks(), at.Overlaps)
}

// routingRules names rules that are asked before ours and could answer for a governed interface. The kernel's own first rule, which
// looks for local addresses, is none of them.
func routingRules(b Box) *finding {
	var names []string
	var command string
	for _, r := range b.Machine.State.Rules {
		if !b.goesAround(r) {
			continue
		}
		names = append(names, r.String())
		if command == "" {
			command = "sudo ip" + map[netstate.Family]string{netstate.IPv6: " -6"}[r.Family] + " rule del pref " + strconv.Itoa(int(r.Priority))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("rules", names), command}
}

// localTable holds the machine's own addresses (RT_TABLE_LOCAL).
const localTable = 255

func (b Box) goesAround(r netstate.Rule) bool {
	if r.Ours() || r.Priority > netstate.ShutPreference || !r.Opens() || r.Table == localTable || len(b.isolated()) == 0 {
		return false
	}
	for _, s := range b.isolated() {
		from := (r.IIF == "" || r.IIF == s.Interface) && meets(s, r.From)
		to := r.IIF != s.Interface && r.To.IsValid() && meets(s, r.To)
		if from || to {
			return true
		}
	}
	return false
}

// meets says whether a rule's prefix, everything where there is none, touches a segment's networks.
func meets(s policy.Segment, p netip.Prefix) bool {
	return !p.IsValid() || p.Bits() == 0 || overlaps(s, p)
}

// otherTables names other programs' tables that do more than accept or drop: what they rewrite, copy, pass on or keep from being
// tracked is not what our rules see.
func otherTables(b Box) *finding {
	var names, tables []string
	for _, m := range b.Machine.Meddling {
		names = append(names, m.Table.String()+" "+m.Chain+" ("+m.Does+")")
		tables = append(tables, m.Table.String())
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Warning, "", list("tables", names), "sudo nft list table " + words(strings.Fields(tables[0]))}
}

// programs names what handles frames on a governed interface before the packet filter sees them.
func programs(b Box) *finding {
	governed := b.governed()
	var names []string
	var command string
	for _, p := range b.Machine.Programs {
		if !slices.Contains(governed, p.Interface) {
			continue
		}
		names = append(names, p.Interface+" ("+strings.TrimSpace(p.Layer+" "+p.Name)+")")
		if command == "" {
			command = removal(p)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("programs", names), command}
}

// removal is the command that takes a program off.
func removal(p netstate.Program) string {
	if p.Layer == netstate.XDP {
		return "sudo ip link set dev " + word(p.Interface) + " xdp off"
	}
	discipline, _, _ := strings.Cut(p.Name, " ")
	return "sudo tc qdisc del dev " + word(p.Interface) + " " + word(discipline)
}
