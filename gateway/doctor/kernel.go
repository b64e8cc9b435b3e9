package doctor

import (
	"slices"
	"strconv"
	"strings"

	"cordon/gateway/netstate"
	"cordon/policy/message"
)

// The oldest kernel that the rules are tested on.
const (
	oldestMajor = 6
	oldestMinor = 1
)

// modules are what the rules need of the kernel's parts that it loads by itself only where it may.
const modules = "nf_tables nft_chain_nat nft_ct nft_fib_inet nft_limit nft_log nft_masq nft_reject_inet nfnetlink_log"

// kernelChecks are about the kernel and its settings.
func kernelChecks() []check {
	return []check{
		{id: "kernel-features", severity: Error, judge: kernelFeatures},
		{id: "kernel-version", severity: Warning, reads: settingsPart, judge: kernelVersion},
		{id: "router-advertisements", severity: Error, reads: settingsPart, judge: routerAdvertisements, inside: true},
		{id: "bridge-netfilter", severity: Warning, reads: settingsPart, judge: bridgeNetfilter, inside: true},
		{id: "conntrack", severity: Error, reads: settingsPart, judge: conntrack},
		{id: "send-buffer", severity: Info, reads: settingsPart, judge: sendBuffer, inside: true},
		{id: "boot-settings", severity: Warning, reads: bootPart, judge: bootSettings},
	}
}

// kernelFeatures names what our rules need and the kernel does not take.
func kernelFeatures(b Box) *finding {
	var names []string
	for _, f := range b.Machine.Features {
		if f.Because != "" {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("features", names), "sudo modprobe -a " + modules}
}

// kernelVersion compares with the oldest kernel that is tested. A version that is no number says nothing.
func kernelVersion(b Box) *finding {
	first, rest, _ := strings.Cut(b.Files.Kernel, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(strings.TrimRight(second, "+-abcdefghijklmnopqrstuvwxyz"))
	if err != nil || err2 != nil || major > oldestMajor || major == oldestMajor && minor >= oldestMinor {
		return nil
	}
	return &finding{Warning, "", message.Args{"version": b.Files.Kernel}, "sudo apt-get install linux-image-amd64"}
}

// routerAdvertisements names governed interfaces on which anybody may become the router: accept_ra 1 believes while the interface
// does not forward, 2 always (Documentation/networking/ip-sysctl.rst).
func routerAdvertisements(b Box) *finding {
	var names, settings []string
	for _, name := range b.governed() {
		conf := "net/ipv6/conf/" + name + "/"
		accept, forwards := b.Files.Settings[conf+"accept_ra"], b.Files.Settings[conf+"forwarding"] == "1"
		if b.Files.Settings[conf+"disable_ipv6"] == "1" || accept != "2" && (accept != "1" || forwards) {
			continue
		}
		names, settings = append(names, name), append(settings, word(conf+"accept_ra=0"))
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Error, "", list("interfaces", names), "sudo sysctl -w " + strings.Join(settings, " ")}
}

// bridgeNetfilter matters where a governed interface is a bridge or its port: what crosses it then meets the rules for routed packets,
// too, in another order and with fragments put together.
func bridgeNetfilter(b Box) *finding {
	var on []string
	for _, name := range []string{"iptables", "ip6tables", "arptables"} {
		if setting := "net/bridge/bridge-nf-call-" + name; b.Files.Settings[setting] == "1" {
			on = append(on, setting)
		}
	}
	bridges := b.governedBridges()
	if len(on) == 0 || len(bridges) == 0 {
		return nil
	}
	return &finding{Warning, "", list("bridges", bridges), "sudo sysctl -w " + strings.Join(on, "=0 ") + "=0"}
}

func (b Box) governedBridges() []string {
	governed := b.governed()
	var names []string
	for _, l := range b.links() {
		if l.Kind == netstate.BridgeKind && slices.Contains(governed, l.Name) {
			names = append(names, l.Name)
		}
		if l.Master != "" && slices.Contains(governed, l.Name) && b.kindOf(l.Master) == netstate.BridgeKind {
			names = append(names, l.Master)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (b Box) kindOf(name string) string {
	for _, l := range b.links() {
		if l.Name == name {
			return l.Kind
		}
	}
	return ""
}

// conntrack asks how full the table of connections is: nothing new passes when it is.
func conntrack(b Box) *finding {
	count, most := b.Files.number("net/netfilter/nf_conntrack_count"), b.Files.number("net/netfilter/nf_conntrack_max")
	if most <= 0 || count*100 < most*75 {
		return nil
	}
	severity := Warning
	if count*100 >= most*95 {
		severity = Error
	}
	args := message.Args{"used": strconv.Itoa(count), "most": strconv.Itoa(most)}
	return &finding{severity, "", args, "sudo sysctl -w net.netfilter.nf_conntrack_max=" + strconv.Itoa(2*most)}
}

// perDevice is how many octets of one transaction a device takes at most, generously.
const perDevice = 2048

// sendBuffer asks whether the whole policy fits into one transaction of a process that may not pass the machine's limit.
func sendBuffer(b Box) *finding {
	have := b.Files.number("net/core/wmem_max")
	if b.Policy == nil || have <= 0 || len(b.Policy.Devices)*perDevice <= have {
		return nil
	}
	need := len(b.Policy.Devices) * perDevice
	args := message.Args{"devices": strconv.Itoa(len(b.Policy.Devices)), "available": strconv.Itoa(have), "needed": strconv.Itoa(need)}
	return &finding{Info, "", args, "sudo sysctl -w net.core.wmem_max=" + strconv.Itoa(need)}
}

// bootSettings names files that set at boot what the policy sets otherwise, or that switch forwarding on before there is a rule.
func bootSettings(b Box) *finding {
	var files []string
	var command string
	for _, s := range b.Files.Boot {
		if !b.contradicts(s) {
			continue
		}
		files = append(files, s.File+" ("+s.Name+" = "+s.Value+")")
		if command == "" {
			command = "sudo sed -i " + word(`\@^[[:space:]]*-\?`+pattern(s.Written)+`[[:space:]]*=@s@^@#@`) + " " + word(s.File)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return &finding{Warning, "", list("files", files), command}
}

// pattern is a setting's name as sed finds it.
func pattern(name string) string {
	return strings.NewReplacer(".", `\.`, "*", `\*`, "[", `\[`).Replace(name)
}

// contradicts says whether what is set at boot undoes what the policy wants, or opens the way before the rules are there.
func (b Box) contradicts(s BootSetting) bool {
	if s.Name == "net/ipv4/ip_forward" || s.Name == "net/ipv4/conf/all/forwarding" || s.Name == "net/ipv6/conf/all/forwarding" {
		return s.Value == "1"
	}
	folder, key, family, known := parts(s.Name)
	// What "default" and every interface get is Linux's own care: an apply sets the governed ones itself. "all" counts for each.
	if !known || folder != "all" && !slices.Contains(b.governed(), folder) {
		return false
	}
	wanted, ours := wantedSettings()[family+" "+key]
	return ours && s.Value != wanted
}

// parts takes net/FAMILY/conf/INTERFACE/KEY apart.
func parts(name string) (iface, key, family string, known bool) {
	words := strings.Split(name, "/")
	if len(words) != 5 || words[0] != "net" || words[2] != "conf" {
		return "", "", "", false
	}
	return words[3], words[4], words[1], true
}

// wantedSettings are what every governed interface has, and what a wrong value of opens.
func wantedSettings() map[string]string {
	return map[string]string{
		"ipv4 rp_filter": "1", "ipv4 accept_redirects": "0", "ipv4 accept_source_route": "0", "ipv4 proxy_arp": "0",
		"ipv4 route_localnet": "0", "ipv4 send_redirects": "0", "ipv6 accept_ra": "0", "ipv6 accept_redirects": "0",
		"ipv6 accept_source_route": "0",
	}
}
