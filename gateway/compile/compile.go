package compile

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cordon/gateway/ruleset"
	"cordon/policy"
)

// Ruleset returns the packet filter of a policy. Stamp is written into it for whoever lists the kernel: the commit that the policy
// came from, or "".
func Ruleset(p policy.Policy, commit string, at policy.Moment) ruleset.Ruleset {
	c := compiler{Policy: p, files: codes(p)}
	all, own := openings(p, at), slices.Collect(managed(p))
	for _, f := range families() {
		s := collect(f, p, all, c.comment)
		c.live = append(c.live, liveOf(f, p, all, c.comment))
		origin := func(o opening) string { return c.comment(o.origin) }
		c.sets = append(c.sets, s)
		c.gates = append(c.gates, gates(f, s.flows, plainGates(f), origin))
		c.manage = append(c.manage, gates(f, own, plainManage(f), origin))
	}
	tables := []ruleset.Table{c.linkTable(), c.inetTable(commit)}
	if ports := c.bridgePorts(governed); len(ports) > 0 {
		tables = append(tables, c.bridgeTable(ports, all))
	}
	return ruleset.Ruleset{Tables: tables}
}

// compiler holds what the tables of one policy are made from; the slices have IPv4 first.
type compiler struct {
	policy.Policy
	files
	sets          []*collected
	live          []*live
	gates, manage [][]gate
}

// TableName is the name of our table in every family: what is in it is ours, and nothing else is.
const TableName = "cordon"

func (c compiler) linkTable() ruleset.Table {
	t := ruleset.Table{
		Family: ruleset.Netdev, Name: TableName,
		Sets: []ruleset.Set{
			hash("devices4", "who may speak ARP", c.sets[0].devices, ruleset.IIFName, ruleset.EtherSource, ruleset.IPSource),
			hash("bare4", "who may speak ARP without a MAC of its own", c.sets[0].bare, ruleset.IIFName, ruleset.IPSource),
			hash("gateway4", "whom one may ask for", c.sets[0].gateway, ruleset.IIFName, ruleset.IPSource),
			hash("abroad4", "governed devices that an allow lets through an uplink", c.sets[0].abroad, ruleset.IPSource),
			hash("abroad6", "governed devices that an allow lets through an uplink", c.sets[1].abroad, ruleset.IP6Source),
			guarded(c.Policy, ipv4()),
			guarded(c.Policy, ipv6()),
			c.addressSet(ipv4()),
		},
		Chains: append(trunkGuard(c.Policy), links(c.ports(governed), c.interfaces(isUplink), carried(c.Policy), c.live, c.bridges())...),
	}
	t.Sets = append(t.Sets, c.modes()...)
	if c.bridges() {
		t.Sets = append(t.Sets, c.takenSet())
	}
	for _, l := range c.live {
		t.Sets = append(t.Sets, l.leakSets()...)
	}
	return t
}

func (c compiler) inetTable(commit string) ruleset.Table {
	t := ruleset.Table{Family: ruleset.Inet, Name: TableName}
	t.Sets = slices.Concat(c.shared(), c.modes(), []ruleset.Set{c.targets()}, c.serveSets())
	serves := serves(c.Policy)
	byFamily, manage := map[string][]gate{}, map[string][]gate{}
	for i, s := range c.sets {
		t.Sets = append(append(t.Sets, s.sets(c.Policy)...), c.addressSet(s.family))
		for _, g := range slices.Concat(c.gates[i], c.manage[i], s.about.sorted()) {
			t.Sets = append(t.Sets, g.set())
		}
		t.Sets = append(t.Sets, c.live[i].sets()...)
		byFamily[s.suffix], manage[s.suffix] = slices.Concat(c.gates[i], s.about.sorted()), c.manage[i]
	}
	t.Chains = append(t.Chains, ingressHook("cameras", "camera", c.ports(kind(policy.CameraSegment)))...)
	t.Chains = append(t.Chains, ingressHook("recorders", "recorder", c.ports(kind(policy.RecorderSegment)))...)
	for _, l := range c.live {
		t.Chains = append(append(t.Chains, l.guards(serves, c.bridges())...), l.overlooking()...)
	}
	t.Chains = append(t.Chains, common()...)
	t.Chains = append(t.Chains, prerouting(c.Site.Scope)...)
	if routed := c.routed(); routed || c.limited() {
		t.Chains = append(t.Chains, unlock(c.live, routed))
	}
	t.Chains = append(t.Chains, input(c.Site.Scope, manage, serves)...)
	t.Chains = append(t.Chains, output(c.Site.Scope, serves)...)
	if serves {
		t.Chains = append(append(append(t.Chains, serving()...), offering()), answeringChains()...)
	}
	t.Chains = append(t.Chains, forward(c.Site.Scope, byFamily, c.live, c.bridges())...)
	if len(c.interfaces(isUplink)) > 0 {
		t.Chains = append(t.Chains, leaving(c.translates(), c.live)...)
	}
	t.Chains = append(t.Chains, c.origins(commit))
	return t
}

// origins returns a chain that no packet meets: the stamp of the policy, the names behind the short codes of files, and for each block
// its place, a digest of what it says, and its name. A table's own comment cannot change while the table lives, and holds 128 octets.
//
//	policy sha256:4b1d…
//	lockdown cameras
//	f0 school.hcl
//	f0:60 allow 9a3c11f0 record
func (c compiler) origins(commit string) ruleset.Chain {
	stamp := chain("origins", rule("policy "+c.Digest, back()))
	if commit != "" {
		stamp.Rules = append(stamp.Rules, rule("commit "+commit, back()))
	}
	for _, name := range c.Lockdown {
		stamp.Rules = append(stamp.Rules, rule(shortened("lockdown "+name), back()))
	}
	for _, name := range c.Files {
		stamp.Rules = append(stamp.Rules, rule(shortened(c.files[name]+" "+name), back()))
	}
	for _, s := range c.Segments {
		stamp.Rules = append(stamp.Rules, c.block(s.Origin, "segment", s.Name, s))
	}
	for _, a := range c.Allows {
		says := [...]any{written(a.From), written(a.To), a.Services, hours(a.During)}
		stamp.Rules = append(stamp.Rules, c.block(a.Origin, "allow", a.Name, says))
	}
	for _, e := range c.Exceptions {
		says := [...]any{written(e.From), written(e.To), e.Services, e.Until.Unix(), hours(e.During)}
		stamp.Rules = append(stamp.Rules, c.block(e.Origin, "exception", e.Name, says))
	}
	for i, m := range c.Manage {
		stamp.Rules = append(stamp.Rules, c.block(m.Origin, "manage", strconv.Itoa(i+1), [...]any{written(m.From), m.Services}))
	}
	return stamp
}

// block returns the rule that remembers one block. The digest leaves out where things stand, so that a block which only moved is the
// same block.
func (c compiler) block(at policy.Origin, kind, name string, says any) ruleset.Rule {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, withoutOrigins(says)) // a hash never fails
	return rule(shortened(fmt.Sprintf("%s %s %08x %s", c.comment(at), kind, h.Sum32(), name)), back())
}

// withoutOrigins returns what a block says, with every place taken out.
func withoutOrigins(says any) any {
	switch v := says.(type) {
	case policy.Segment:
		return segmentSays(v)
	case [4]any:
		return [...]any{v[0], v[1], withoutOrigins(v[2]), v[3]}
	case [5]any:
		return [...]any{v[0], v[1], withoutOrigins(v[2]), v[3], v[4]}
	case [2]any:
		return [...]any{v[0], withoutOrigins(v[1])}
	case []policy.Service:
		v = slices.Clone(v)
		for i := range v {
			v[i].Origin = policy.Origin{}
		}
		return v
	}
	return says
}

// segmentSays returns a segment without places and without pointers, whose numbers are others in every process.
func segmentSays(s policy.Segment) any {
	s.Origin, s.Serve.Origin = policy.Origin{}, policy.Origin{}
	s.Routes = slices.Clone(s.Routes)
	for i := range s.Routes {
		s.Routes[i].Origin = policy.Origin{}
	}
	var vlan policy.VLAN
	if s.VLAN != nil {
		vlan = *s.VLAN
	}
	var leases policy.Leases
	if s.Serve.Leases != nil {
		leases = *s.Serve.Leases
	}
	s.VLAN, s.Serve.Leases = nil, nil
	return [...]any{vlan, leases, s}
}

// written returns the ends of an allow as the policy names them: a camera that joins a group does not change the allow.
func written(list []policy.Endpoint) []string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name
	}
	return names
}

// hours returns a schedule without its places.
func hours(windows []policy.Window) []policy.Window {
	list := slices.Clone(windows)
	for i := range list {
		list[i].Origin = policy.Origin{}
	}
	return list
}

// routed says whether ICMP errors come from routers that are no peers: on the way through an uplink, or inside a segment.
func (c compiler) routed() bool {
	return len(c.sets[0].abroad)+len(c.sets[1].abroad) > 0 || slices.ContainsFunc(c.Segments, func(s policy.Segment) bool {
		return isInside(&s) && len(s.Routes) > 0
	})
}

// limited says whether an exception or a schedule limits anything.
func (c compiler) limited() bool {
	return slices.ContainsFunc(c.live, func(l *live) bool { return !l.none() })
}

// shortened cuts a text that is longer than nft's comments may be (128 octets with its final zero).
func shortened(text string) string {
	const most = 127
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// shared returns the sets that both families use.
func (c compiler) shared() []ruleset.Set {
	polite, crossings, bridged := map[string]string{}, map[string]string{}, map[string]string{}
	for _, s := range c.sets {
		for k := range s.crossings {
			crossings[k] = ""
		}
	}
	for i := range c.Segments {
		s := &c.Segments[i]
		if s.Kind.Governed() && s.Refuse == policy.RefuseReject {
			for _, name := range entrances(s, nil) {
				polite[ruleset.Name(name)] = ""
			}
		}
		if s.Kind.Governed() && len(s.Ports) > 0 {
			bridged[ruleset.Key(ruleset.Name(s.Interface), ruleset.Name(s.Interface))] = ""
		}
	}
	list := []ruleset.Set{
		c.doors(),
		hash("crossings", "pairs of interfaces that an allow connects", crossings, ruleset.IIFName, ruleset.OIFName),
		c.liveCrossings(),
		hash("governed", "camera and recorder interfaces", names(c.interfaces(governed)), ruleset.IIFName),
		hash("cameras", "camera interfaces", names(c.interfaces(kind(policy.CameraSegment))), ruleset.IIFName),
		hash("clients", "client interfaces", names(c.interfaces(kind(policy.ClientSegment))), ruleset.IIFName),
		hash("uplinks", "", names(c.interfaces(isUplink)), ruleset.IIFName),
		hash("leased", "uplinks that ask for their addresses", names(c.interfaces(leased)), ruleset.IIFName),
		hash("polite", "refuse = reject", polite, ruleset.IIFName),
		rates("answers", "how often a device is answered", len(c.Devices), ruleset.EtherSource),
	}
	if c.bridges() {
		list = append(list, c.takenSet(), hash("bridged", "bridges whose own table decides", bridged, ruleset.IIFName, ruleset.OIFName))
	}
	return list
}

// doors is the map of interfaces to the chains that judge them. What segments on one bridge have to be judged by is the same.
func (c compiler) doors() ruleset.Set {
	list := []ruleset.Element{{Key: ruleset.Name("lo"), Verdict: accept()}}
	known := map[string]bool{}
	for i := range c.Segments {
		s := &c.Segments[i]
		if known[s.Interface] {
			continue
		}
		known[s.Interface] = true
		list = append(list, ruleset.Element{Key: ruleset.Name(s.Interface), Verdict: goTo(door(s.Kind)), Comment: c.comment(s.Origin)})
	}
	return ruleset.Set{
		Name: "doors", Comment: "every interface that the policy names", Key: []ruleset.Field{ruleset.IIFName},
		Verdicts: true, Size: room(len(list)), Elements: list,
	}
}

// liveCrossings are the pairs of interfaces that something limited connects, of both families.
func (c compiler) liveCrossings() ruleset.Set {
	both := liveElements{}
	for _, l := range c.live {
		for k, e := range l.crossings {
			both.put(k, e.comment, term{limited: true, left: e.left})
		}
	}
	return both.set("livecrossings", "pairs of interfaces that an exception or a schedule connects", ruleset.IIFName, ruleset.OIFName)
}

// door returns the chain that judges what comes in by a segment's interface.
func door(k policy.SegmentKind) string {
	switch k {
	case policy.CameraSegment:
		return "camera"
	case policy.RecorderSegment:
		return "recorder"
	case policy.ClientSegment:
		return "home"
	case policy.UplinkSegment:
	}
	return "uplink"
}

// sets returns the sets of one family but for the gates'.
func (c *collected) sets(p policy.Policy) []ruleset.Set {
	s := c.suffix
	answer := []ruleset.Field{ruleset.IIFName, ruleset.EtherSource, c.source, c.destination, ruleset.TCPSourcePort}
	const answers = "what a named device may answer: interface, MAC, own address, peer, own port"
	const calls = "what a named device may open: interface, MAC, own address, peer, its port"
	list := []ruleset.Set{
		hash("devices"+s, "who: interface, MAC, address", c.devices, ruleset.IIFName, ruleset.EtherSource, c.source),
		hash("bare"+s, "who, without a MAC", c.bare, ruleset.IIFName, c.source),
		hash("bound"+s, "addresses of clients that come with their MAC", c.bound, ruleset.IIFName, c.source),
		interval("reach"+s, "peers whose flows forward decides", ranges(c.reach), ruleset.IIFName, c.destination),
		hash("tcpanswers"+s, answers, c.tcpAnswers, answer...),
		hash("udpanswers"+s, answers, c.udpAnswers, answer...),
		hash("tcpcalls"+s, calls, c.tcpCalls, answer...),
		hash("udpcalls"+s, calls, c.udpCalls, answer...),
		settled(p, c.family),
		interval("inside"+s, "networks that no uplink owns", prefixes(networks(p, c.v4, isInside)), c.source),
		interval("astray"+s, "which source is another uplink's", ranges(astray(p, c.v4)), ruleset.IIFName, c.source),
		guarded(p, c.family),
		hash("abroad"+s, "governed devices that an allow lets through an uplink", c.abroad, c.source),
		interval("routers"+s, "who may report what became of a packet behind a recorder's interface", ranges(routers(p, c.v4)),
			ruleset.IIFName, c.source),
		interval("stands"+s, "which address is behind which interface", ranges(homes(p, c.v4, isInside)), ruleset.IIFName, c.source),
		hash("themselves"+s, "a device on a camera's interface, twice", c.themselves, c.source, c.destination),
		rates("reports"+s, "errors of one source", len(p.Devices), ruleset.IIFName, c.source),
		rates("news"+s, "new flows of one device", len(p.Devices), c.source),
		{Name: "open" + s, Comment: "flows that one device has open", Key: []ruleset.Field{c.source}, Dynamic: true, Size: room(len(p.Devices))},
		interval("masquerade"+s, "clients whose source is translated", ranges(masqueraded(p, c.v4)), ruleset.OIFName, c.source),
		hash("translated"+s, "devices whose source is translated", c.translated, ruleset.OIFName, c.source),
	}
	if p.Site.Scope == policy.ScopeSegments {
		list = append(list, native(p, c.family))
	}
	if c.v4 {
		return list
	}
	target := func(name, comment string, m map[string]string, key ...ruleset.Field) ruleset.Set {
		set := hash(name, comment, m, append(key, ruleset.NDTarget)...)
		set.Typeof = true
		return set
	}
	return append(list,
		hash("own6", "the gateway's own addresses", ownAddresses(p, c.family), c.source),
		target("selves6", "what a device may say that it is", c.selves, ruleset.IIFName, ruleset.EtherSource),
		target("bareselves6", "the same, without a MAC", c.bareSelves, ruleset.IIFName),
		target("gateway6", "whom one may ask for", c.gateway, ruleset.IIFName))
}

func hash(name, comment string, m map[string]string, key ...ruleset.Field) ruleset.Set {
	return ruleset.Set{Name: name, Comment: comment, Key: key, Size: room(len(m)), Elements: elements(m)}
}

func interval(name, comment string, list []ruleset.Element, key ...ruleset.Field) ruleset.Set {
	return ruleset.Set{Name: name, Comment: comment, Key: key, Interval: true, Size: room(2 * len(list)), Elements: list}
}

// rates returns a set that rules write: one limit for each source, forgotten a minute after its last packet.
func rates(name, comment string, devices int, key ...ruleset.Field) ruleset.Set {
	return ruleset.Set{Name: name, Comment: comment, Key: key, Dynamic: true, Timeout: 60, Size: room(devices)}
}

func names(interfaces []string) map[string]string {
	m := map[string]string{}
	for _, i := range interfaces {
		m[ruleset.Name(i)] = ""
	}
	return m
}

func governed(s *policy.Segment) bool { return s.Kind.Governed() }
func isUplink(s *policy.Segment) bool { return s.Kind == policy.UplinkSegment }
func isInside(s *policy.Segment) bool { return s.Kind != policy.UplinkSegment }
func leased(s *policy.Segment) bool   { return isUplink(s) && len(s.Addresses) == 0 }

func kind(k policy.SegmentKind) func(*policy.Segment) bool {
	return func(s *policy.Segment) bool { return s.Kind == k }
}

// interfaces returns the interfaces of the segments that are wanted, in the order of the segments.
func (c compiler) interfaces(wanted func(*policy.Segment) bool) []string {
	return interfaces(c.Policy, wanted)
}

func interfaces(p policy.Policy, wanted func(*policy.Segment) bool) []string {
	var list []string
	for i := range p.Segments {
		if wanted(&p.Segments[i]) {
			list = append(list, p.Segments[i].Interface)
		}
	}
	return list
}

// networks returns what the wanted segments own in one family.
func networks(p policy.Policy, v4 bool, wanted func(*policy.Segment) bool) []netip.Prefix {
	var list []netip.Prefix
	for i := range p.Segments {
		if !wanted(&p.Segments[i]) {
			continue
		}
		for _, n := range p.Segments[i].Networks() {
			if n.Addr().Is4() == v4 {
				list = append(list, without(n, nested(p, i, n))...)
			}
		}
	}
	return list
}

// nested returns what other segments own inside a network of one: the longest prefix wins.
func nested(p policy.Policy, owner int, n netip.Prefix) []netip.Prefix {
	var list []netip.Prefix
	for i := range p.Segments {
		for _, other := range p.Segments[i].Networks() {
			if i != owner && other.Bits() > n.Bits() && n.Overlaps(other) {
				list = append(list, other)
			}
		}
	}
	return list
}

// homes returns the wanted segments' networks by interface. IPv6 clients also have link-local addresses, and none at all while they
// look for a duplicate.
func homes(p policy.Policy, v4 bool, wanted func(*policy.Segment) bool) map[string][]netip.Prefix {
	m := map[string][]netip.Prefix{}
	for i := range p.Segments {
		s := &p.Segments[i]
		if !wanted(s) {
			continue
		}
		m[s.Interface] = append(m[s.Interface], networks(p, v4, func(other *policy.Segment) bool { return other == s })...)
		if !v4 {
			m[s.Interface] = append(m[s.Interface], netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::/128"))
		}
	}
	return m
}

// astray returns by uplink what other uplinks own. One that is given its addresses by others owns what it is told, so nothing is astray
// there; nor is what has no address yet, and what means something on one link alone.
func astray(p policy.Policy, v4 bool) map[string][]netip.Prefix {
	anywhere := []netip.Prefix{netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::/128"), netip.MustParsePrefix("0.0.0.0/32")}
	m := map[string][]netip.Prefix{}
	for i := range p.Segments {
		s := &p.Segments[i]
		if !isUplink(s) || leased(s) {
			continue
		}
		for _, n := range networks(p, v4, func(other *policy.Segment) bool { return isUplink(other) && other != s }) {
			m[s.Interface] = append(m[s.Interface], without(n, anywhere)...)
		}
	}
	return m
}

// ownAddresses returns the gateway's addresses of a family, as far as the policy knows them.
func ownAddresses(p policy.Policy, f family) map[string]string {
	m := map[string]string{}
	for i := range p.Segments {
		for _, a := range p.Segments[i].Addresses {
			if a.Addr().Is4() == f.v4 {
				m[ruleset.Addr(a.Addr())] = ""
			}
		}
	}
	return m
}

// masqueraded returns the networks whose source an uplink translates, by the uplink's interface. In IPv6 only unique local addresses
// are (RFC 4193): global ones are routed as they are.
func masqueraded(p policy.Policy, v4 bool) map[string][]netip.Prefix {
	m := map[string][]netip.Prefix{}
	for i := range p.Segments {
		for _, id := range p.Segments[i].Masquerade {
			for _, n := range p.Segments[id].Networks() {
				if n.Addr().Is4() == v4 && (v4 || n.Addr().IsPrivate()) {
					m[p.Segments[i].Interface] = append(m[p.Segments[i].Interface], n)
				}
			}
		}
	}
	return m
}

// routers returns, by the interfaces of recorder segments, their routers and what is behind those, but for the addresses of devices: who
// these are is known.
func routers(p policy.Policy, v4 bool) map[string][]netip.Prefix {
	m := map[string][]netip.Prefix{}
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Kind != policy.RecorderSegment {
			continue
		}
		var list []netip.Prefix
		for _, r := range s.Routes {
			list = append(append(list, r.To...), netip.PrefixFrom(r.Via, r.Via.BitLen()))
		}
		for _, n := range list {
			if n.Addr().Is4() != v4 {
				continue
			}
			for _, name := range entrances(s, nil) {
				m[name] = append(m[name], without(n, append(nested(p, i, n), named(p)...))...)
			}
		}
	}
	return m
}

// named returns the addresses of every device.
func named(p policy.Policy) []netip.Prefix {
	var list []netip.Prefix
	for _, d := range p.Devices {
		for _, a := range d.Addresses {
			list = append(list, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return list
}

func (c compiler) translates() bool {
	for i := range c.Segments {
		if c.Segments[i].Translates {
			return true
		}
	}
	return false
}
