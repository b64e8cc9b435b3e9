package main

import (
	"bytes"
	"cmp"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cordon/gateway/kernel/route"
	"cordon/gateway/netstate"
	"cordon/policy/write"
)

const (
	// ancestors bounds the search for the session that the program runs in.
	ancestors = 16
	// routerAdvertisement is who gave an address for a while only (linux/if_addr.h, IFAPROT_KERNEL_RA).
	routerAdvertisement = 2
)

// surroundings reads what a policy for this machine begins with. It needs no right.
func (a *app) surroundings() (write.Surroundings, error) {
	conn, err := route.Open()
	if err != nil {
		return write.Surroundings{}, err
	}
	state, err := conn.Read()
	if err = cmp.Or(err, conn.Close()); err != nil {
		return write.Surroundings{}, err
	}
	host, _ := os.Hostname() // a machine without a name has a gateway all the same
	return look(state, a.session(), host), nil
}

// inherited finds a variable in the environment of a process or of those that began it; proc is /proc. Only root may read that of others.
func inherited(proc fs.FS, pid int, name string) string {
	for range ancestors {
		folder := strconv.Itoa(pid)
		environ, _ := fs.ReadFile(proc, path.Join(folder, "environ")) // nobody's, then
		for pair := range bytes.SplitSeq(environ, []byte{0}) {
			if value, ok := bytes.CutPrefix(pair, []byte(name+"=")); ok {
				return string(value)
			}
		}
		stat, err := fs.ReadFile(proc, path.Join(folder, "stat"))
		if err != nil {
			return ""
		}
		// The name in parentheses may hold anything; behind its end come the state and the parent (proc(5)).
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 {
			return ""
		}
		if pid, err = strconv.Atoi(string(fields[1])); err != nil || pid < 1 {
			return ""
		}
	}
	return ""
}

// look sees in the state of a machine what a policy for it begins with. Session is "client port server port", as sshd writes it.
func look(state netstate.State, session, host string) write.Surroundings {
	way := defaultRoute(state)
	client, server := ends(session)
	m := write.Surroundings{Site: label(host)}
	for _, l := range state.Links {
		if segmentable(l) {
			m.Interfaces = append(m.Interfaces, write.Interface{Name: l.Name, Addresses: addressesOf(state, l.Name, server)})
		}
	}
	m.Manage = holder(state, server)
	if m.Manage == "" {
		m.Guessed = true
		if m.Manage = way.Interface; m.Manage == "" {
			m.Manage = firstWithAddress(m.Interfaces)
		}
	}
	if !hasAddress(m.Interfaces, m.Manage) {
		m.Manage, m.Guessed = "", false
	}
	if way.Interface != m.Manage && known(m, way.Interface) {
		m.Uplink = way.Interface
	}
	m.Cameras = spare(state, m)
	if m.Manage != "" && !m.Guessed {
		m.Client, m.Router = behind(state, m, client)
	}
	return m
}

// segmentable says whether a link can be a segment's interface: Ethernet, not a port of something else, and with a name that a policy
// may hold.
func segmentable(l netstate.Link) bool {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}
	if strings.ContainsFunc(l.Name, odd) {
		return false
	}
	return l.Master == "" && !l.MAC.IsZero() && slices.Contains([]string{"", "vlan", "bond", "team", "bridge", "veth", "macvlan"}, l.Kind)
}

// addressesOf are those that an interface keeps: neither link-local nor from a router advertisement, unless somebody is there by it.
func addressesOf(state netstate.State, name string, server netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range state.Addresses {
		passing := a.Protocol == routerAdvertisement && a.Prefix.Addr() != server
		if a.Interface == name && a.Prefix.Addr().IsGlobalUnicast() && !passing && !a.Prefix.IsSingleIP() {
			list = append(list, a.Prefix)
		}
	}
	return list
}

// defaultRoute is the best one, IPv4 before IPv6; its interface is empty where there is none.
func defaultRoute(state netstate.State) netstate.Route {
	var best netstate.Route
	for _, r := range state.Routes {
		if r.Table != netstate.MainTable || r.Destination.Bits() != 0 || r.Type != netstate.Unicast || r.Interface == "" {
			continue
		}
		worse := best.Interface != "" && (r.Family() > best.Family() || (r.Family() == best.Family() && r.Metric >= best.Metric))
		if !worse {
			best = r
		}
	}
	return best
}

// ends are the two addresses of a session; they are invalid where there is none.
func ends(session string) (client, server netip.Addr) {
	fields := strings.Fields(session)
	if len(fields) != 4 {
		return netip.Addr{}, netip.Addr{}
	}
	client, _ = netip.ParseAddr(fields[0])
	server, _ = netip.ParseAddr(fields[2])
	return client.Unmap(), server.Unmap()
}

// holder is the interface that has an address of the machine.
func holder(state netstate.State, address netip.Addr) string {
	if zone := address.Zone(); zone != "" {
		return zone
	}
	for _, a := range state.Addresses {
		if address.IsValid() && a.Prefix.Addr() == address && a.Interface != "lo" {
			return a.Interface
		}
	}
	return ""
}

func firstWithAddress(interfaces []write.Interface) string {
	for _, i := range interfaces {
		if len(i.Addresses) > 0 {
			return i.Name
		}
	}
	return ""
}

func hasAddress(interfaces []write.Interface, name string) bool {
	return slices.ContainsFunc(interfaces, func(i write.Interface) bool { return i.Name == name && len(i.Addresses) > 0 })
}

func known(m write.Surroundings, name string) bool {
	return slices.ContainsFunc(m.Interfaces, func(i write.Interface) bool { return i.Name == name })
}

// spare is the interface that cameras may stand behind: one that is nothing else yet, hardware before what is made of it.
func spare(state netstate.State, m write.Surroundings) string {
	for _, kinds := range [][]string{{""}, {"vlan", "bond", "team"}, {"veth", "macvlan"}} {
		for _, l := range state.Links {
			if l.Name != m.Manage && l.Name != m.Uplink && known(m, l.Name) && slices.Contains(kinds, l.Kind) {
				return l.Name
			}
		}
	}
	return ""
}

// behind returns a client and its router when the client is not in a network of the interface by which it manages the machine.
func behind(state netstate.State, m write.Surroundings, client netip.Addr) (from, router netip.Addr) {
	var best netstate.Route
	for _, r := range state.Routes {
		if r.Table == netstate.MainTable && r.Interface == m.Manage && r.Destination.Contains(client) &&
			(best.Interface == "" || r.Destination.Bits() > best.Destination.Bits()) {
			best = r
		}
	}
	if !best.Via.IsValid() || best.Via.Is4() != client.Is4() {
		return netip.Addr{}, netip.Addr{}
	}
	return client, best.Via
}

// label makes a host's name one that a site can have.
func label(host string) string {
	host, _, _ = strings.Cut(host, ".")
	clean := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, host))
	return cmp.Or(string(clean[:min(len(clean), 63)]), "gateway")
}
