package doctor

import (
	"slices"
	"strings"

	"cordon/gateway/netstate"
	"cordon/policy/message"
)

// hostChecks are about other programs of the machine.
func hostChecks() []check {
	return []check{
		{id: "ruleset-flushed", severity: Error, reads: unitsPart, judge: rulesetFlushed},
		{id: "other-firewall", severity: Warning, reads: unitsPart, judge: otherFirewall},
		{id: "interface-owner", severity: Error, reads: ownersPart, judge: interfaceOwner, inside: true},
		{id: "containers", severity: Warning, reads: unitsPart, judge: containers},
		{id: "logout", severity: Warning, reads: logoutPart, judge: logout},
	}
}

// rulesetFlushed asks for nftables.service, which flushes the whole ruleset when it stops, and with Debian's /etc/nftables.conf when it
// starts and reloads, too.
func rulesetFlushed(b Box) *finding {
	if !b.Files.Units["nftables.service"] {
		return nil
	}
	return &finding{severity: Error, command: "sudo systemctl disable nftables.service"}
}

// otherFirewall names programs that keep a packet filter of their own beside ours: theirs may refuse what the policy allows.
func otherFirewall(b Box) *finding {
	units := b.Files.units(
		"ufw.service", "firewalld.service", "netfilter-persistent.service", "iptables.service", "ip6tables.service", "shorewall.service",
	)
	if len(units) == 0 {
		return nil
	}
	return &finding{Warning, "", list("units", units), "sudo systemctl disable --now " + words(units)}
}

// interfaceOwner names programs that set addresses and routes on governed interfaces. One that asks for an address there believes
// whatever a camera answers.
func interfaceOwner(b Box) *finding {
	governed := b.governed()
	owners := slices.DeleteFunc(slices.Clone(b.Files.Owners), func(o Owner) bool { return !slices.Contains(governed, o.Interface) })
	if len(owners) == 0 {
		return nil
	}
	slices.SortStableFunc(owners, func(x, y Owner) int { return asking(y) - asking(x) })
	var names []string
	for _, o := range owners {
		names = append(names, o.Interface+" ("+o.Program+")")
	}
	if owners[0].Asks {
		return &finding{Error, "asks", list("owners", names), owners[0].release()}
	}
	return &finding{Warning, "", list("owners", names), owners[0].release()}
}

func asking(o Owner) int {
	if o.Asks {
		return 1
	}
	return 0
}

// release is the command after which a program leaves an interface alone.
func (o Owner) release() string {
	iface := o.Interface
	switch o.Program {
	case networkManager:
		return "printf '[keyfile]\\nunmanaged-devices=interface-name:%s\\n' " + word(iface) +
			" | sudo tee /etc/NetworkManager/conf.d/90-cordon-" + word(iface) + ".conf && sudo systemctl reload NetworkManager.service"
	case networkd:
		return "printf '[Match]\\nName=%s\\n[Link]\\nUnmanaged=yes\\n' " + word(iface) +
			" | sudo tee /etc/systemd/network/00-cordon-" + word(iface) + ".network && sudo networkctl reload"
	case dhcpcd:
		return "echo denyinterfaces " + word(iface) + " | sudo tee -a /etc/dhcpcd.conf && sudo systemctl restart dhcpcd.service"
	}
	return `sudo sed -i 's/^\([[:space:]]*iface[[:space:]]\+` + pattern(iface) + `[[:space:]]\+inet6\?\)[[:space:]]\+[a-z0-9]\+/\1 manual/' ` +
		word(o.File)
}

// logout asks for a logind that ends what a user has started when he logs out: the guardian of an unconfirmed change, which runs on for
// exactly the case that his connection is gone, ends with it. Where the service runs, it takes the change back.
func logout(b Box) *finding {
	if b.Files.KillsAtLogout == "" || b.Files.Units["cordon.service"] {
		return nil
	}
	const command = "printf '[Login]\\nKillUserProcesses=no\\n' | sudo install -D -m 0644 /dev/stdin " +
		"/etc/systemd/logind.conf.d/zz-cordon.conf && sudo systemctl kill -s HUP systemd-logind.service"
	return &finding{Warning, "", message.Args{"file": b.Files.KillsAtLogout}, command}
}

// containers names what brings bridges, forwarding and rules of its own.
func containers(b Box) *finding {
	units := b.Files.units(
		"docker.service", "docker.socket", "podman-restart.service", "libvirtd.service", "virtnetworkd.service", "lxc-net.service",
		"incus.service", "lxd.service", "k3s.service", "kubelet.service",
	)
	names := slices.Clone(units)
	var bridges []string
	for _, l := range b.links() {
		if l.Kind == netstate.BridgeKind && isContainers(l.Name) && !slices.Contains(b.named(), l.Name) {
			bridges = append(bridges, l.Name)
		}
	}
	names = append(names, bridges...)
	switch {
	case len(names) == 0:
		return nil
	case len(units) > 0:
		return &finding{Warning, "", list("programs", names), "sudo systemctl disable --now " + words(units)}
	}
	return &finding{Warning, "", list("programs", names), "sudo ip link delete dev " + word(bridges[0])}
}

// isContainers knows the names that Docker, Podman, libvirt, LXC and Kubernetes give their bridges.
func isContainers(name string) bool {
	return slices.ContainsFunc([]string{"docker", "br-", "podman", "cni", "virbr", "lxcbr", "lxdbr", "incusbr", "flannel"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
