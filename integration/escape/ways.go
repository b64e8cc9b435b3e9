package escape

import "slices"

// Way is a way out of a camera network, or into it, that somebody has gone. Its number is its place in Ways, from 1.
type Way struct {
	Name string
	// Reference is where it is described: an RFC, a CVE, an advisory, an article, a bug report.
	Reference string
	// Stops is what stops it.
	Stops string
	// Elsewhere is the test of this repository that plays it, where frames and a marker alone do not.
	Elsewhere string
	// Unplayed is why nothing plays it.
	Unplayed string
}

const (
	ingress  = "ingress knows cameras by MAC and address"
	noRoad   = "forward refuses by default"
	noInput  = "input refuses by default"
	jailed   = "policy routing leads nowhere else"
	settings = "kernel settings"
)

// Ways lists the ways, the first one has the number 1.
func Ways() []Way { return slices.Concat(packets(), devices(), moments()) }

// packets are ways that a packet's form opens.
func packets() []Way {
	return []Way{
		{Name: "IPv6 addresses of any kind", Reference: "rules in table ip only", Stops: ingress + "; " + noRoad},
		{Name: "the gateway by its link-local address", Reference: "RFC 4291 §2.5.6", Stops: noInput},
		{Name: "multicast groups of the gateway", Reference: "RFC 4291 §2.7.1, RFC 6762", Stops: ingress},
		{Name: "6to4, Teredo, NAT64, mapped destinations", Reference: "RFC 3056, 4380, 6052", Stops: noRoad + "; " + jailed},
		{Name: "protocols that are no TCP or UDP", Reference: "IANA protocol numbers", Stops: ingress},
		{Name: "SCTP, DCCP, UDP-Lite", Reference: "RFC 9260, 4340, 3828", Stops: ingress},
		{Name: "other next headers of IPv6", Reference: "RFC 8200 §4", Stops: ingress},
		{Name: "extension headers before the transport", Reference: "RFC 7045, RFC 8200 §4.1", Stops: ingress},
		{Name: "routing headers", Reference: "RFC 5095, RFC 8754", Stops: ingress + "; " + settings},
		{Name: "fragments: tiny, later ones alone, overlapping", Reference: "RFC 1858, 3128, 5722; CVE-2018-5391", Stops: ingress},
		{Name: "DNS as a tunnel, by the gateway's resolver", Reference: "RFC 1034 §4.3.1 recursion", Stops: noInput},
		{Name: "time servers abroad", Reference: "RFC 5905", Stops: noRoad + "; " + jailed},
		{Name: "ICMP with a payload", Reference: "RFC 4890; ufw's before.rules", Stops: ingress},
		{
			Name: "an error that quotes an allowed flow", Reference: "Synacktiv 2019, icmp-reachable",
			Stops:     "errors come from the flow's other side only",
			Elsewhere: "TestErrorsFromTheOtherSide",
		},
		{Name: "the gateway's ssh, console, SNMP", Reference: "input forgotten in most recipes", Stops: noInput},
		{Name: "the same at its other addresses", Reference: "RFC 1122 §3.3.4.2, weak host", Stops: noInput},
		{Name: "the gateway from recorders and from the internet", Reference: "firewalld's zone external opens ssh", Stops: noInput},
	}
}

// devices are ways of who pretends to be somebody, and of who is somewhere else.
func devices() []Way {
	return []Way{
		{Name: "127.0.0.0/8 from outside", Reference: "CVE-2020-8558", Stops: ingress + "; " + settings},
		{Name: "UPnP, mDNS, WS-Discovery of the gateway", Reference: "UPnP IGD AddPortMapping", Stops: ingress},
		{Name: "broadcasts, forwarded", Reference: "RFC 2644", Stops: ingress + "; " + settings},
		{Name: "the address of a recorder, a client, the gateway", Reference: "BCP 38, BCP 84", Stops: ingress},
		{Name: "addresses that nobody has: 0/8, 169.254/16", Reference: "RFC 6890", Stops: ingress},
		{Name: "a device that the policy does not name", Reference: "rules by network", Stops: ingress},
		{Name: "another camera's MAC or address", Reference: "IEEE 802.1X's reason", Stops: ingress},
		{Name: "the gateway's own errors and answers as carriers", Reference: "RFC 792, RFC 4443 §3", Stops: ingress},
		{Name: "source routes", Reference: "RFC 7126 §4.3", Stops: ingress + "; " + settings},
		{Name: "options of IPv4", Reference: "RFC 7126", Stops: ingress},
		{Name: "segments of no connection", Reference: "nf_conntrack_tcp_loose", Stops: "a segment out of state is judged as a new one"},
		{Name: "the source port of an allowed service", Reference: "stateless rules", Stops: "answers are known by the tracked direction"},
		{Name: "from the internet to cameras", Reference: "rules for one direction", Stops: noRoad + "; " + jailed},
		{Name: "from the internet as an inside address", Reference: "BCP 38", Stops: "an inside address counts on its own interface only"},
		{Name: "from the office and recorders to other ports", Reference: "rules by zone", Stops: noRoad},
		{Name: "camera to camera by the gateway's hand", Reference: "PVLAN proxy, SANS ISC 8785", Stops: ingress + "; " + noRoad},
		{Name: "camera to camera at the ports", Reference: "IEEE 802.1D", Stops: "ports are isolated, the bridge refuses by default"},
		{Name: "router advertisements", Reference: "RFC 6104, 6105, 7113; CVE-2020-10749", Stops: ingress + "; " + settings},
		{Name: "a DHCP server among the cameras", Reference: "RFC 3442; CVE-2024-3661", Stops: ingress},
		{Name: "lies about who has an address", Reference: "RFC 826, RFC 4861", Stops: "neighbours are permanent, others' claims are dropped"},
		{Name: "the gateway answers for its other networks", Reference: "arp_ignore", Stops: settings},
		{Name: "redirects", Reference: "RFC 1122 §3.3.1.2", Stops: ingress + "; " + settings},
		{Name: "VLAN tags", Reference: "CERT VU#855201, CVE-2021-27853", Stops: "a tagged frame is no camera's"},
		{Name: "stolen ports, STP, LLDP", Reference: "IEEE 802.1D", Stops: "the bridge refuses by default, MACs are locked to ports"},
	}
}

// moments are ways that other programs and moments open.
func moments() []Way {
	return []Way{
		{
			Name: "helpers of the connection tracking", Reference: "NAT slipstreaming, CVE-2021-23961",
			Unplayed: "Cordon assigns no helper, and kernels since 6.0 assign none by themselves",
		},
		{Name: "flows that a tightened policy leaves", Reference: "established accepted first", Stops: noRoad, Elsewhere: "TestRevokedFlowDies"},
		{Name: "flows older than the policy", Reference: "established accepted first", Stops: noRoad, Elsewhere: "TestOlderFlows"},
		{
			Name: "flows in a flowtable", Reference: "kernel: nf_flowtable",
			Unplayed: "Cordon makes none; this lab's kernel has none to make one of somebody else's with",
		},
		{Name: "an answer's way back, kept open", Reference: "conntrack UDP timeouts", Stops: noRoad, Elsewhere: "TestRevokedOnABridge"},
		{
			Name: "anything within an allowed service", Reference: "no filter of packets can tell",
			Unplayed: "a gateway cannot stop it: see README.md for what Cordon does about it",
		},
		{Name: "a recorder as a relay", Reference: "a recorder is the same maker's", Stops: noRoad + "; " + jailed},
		{Name: "another program's DNAT", Reference: "firewalld: ct status dnat accept", Stops: ingress + "; " + noRoad},
		{Name: "published ports of containers", Reference: "moby#22054, moby#4737", Stops: noRoad},
		{Name: "another program's early accept", Reference: "an accept ends one base chain", Stops: noRoad},
		{Name: "somebody flushes the ruleset", Reference: "docker/for-linux#1472, firewalld#863", Stops: jailed, Elsewhere: "TestFlushedFilter"},
		{
			Name: "somebody flushes iptables", Reference: "scripts at boot",
			Unplayed: "Cordon's tables are its own: iptables has no verb that reaches them",
		},
		{Name: "a second uplink, a tunnel", Reference: "rules that name one uplink", Stops: noRoad + "; " + jailed},
		{Name: "an uplink that is renamed or made anew", Reference: "rules by number", Stops: noRoad, Elsewhere: "TestDamageIsRepaired"},
		{Name: "a camera interface that is made anew", Reference: "hooks on devices", Stops: noRoad, Elsewhere: "TestDamageIsRepaired"},
		{Name: "an interface that nobody named", Reference: "accept by default", Stops: noRoad + "; " + noInput},
		{
			Name: "before the rules are there", Reference: "openwrt#10749", Stops: "forwarding is on only afterwards",
		},
		{Name: "while rules are reloaded", Reference: "ufw reload, firewalld restart", Stops: "one transaction", Elsewhere: "TestReloads"},
		{Name: "a policy with mistakes", Reference: "half a load", Stops: "nothing of it is applied", Elsewhere: "TestFailedChangeIsUndone"},
		{Name: "the service stops or dies", Reference: "ufw disable, firewalld stop", Stops: "rules and routes stay", Elsewhere: "TestFaults"},
		{
			Name: "the connection tracking is full", Reference: "RFC 4732", Stops: "rates and no entry for what is refused",
			Elsewhere: "TestTracked",
		},
		{Name: "a set is full", Reference: "dynamic sets", Stops: "what follows an update refuses", Elsewhere: "TestFullSetsRefuse"},
		{
			Name: "a flood fills the log", Reference: "firewall4 PR 2, firewalld#439",
			Unplayed: "no packet is logged to a file: refused ones are counted in sets of a fixed size",
		},
		{Name: "translated by a foreign masquerade", Reference: "recipes masquerade 10.0.0.0/8", Stops: ingress + "; " + noRoad},
	}
}
