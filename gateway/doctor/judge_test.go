package doctor_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/gateway"
	"cordon/gateway/doctor"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/policy"
	"cordon/policy/message"
)

// healthy is a box on which nothing is wrong: two segments, applied, one of them on a bridge that Cordon made.
func healthy() doctor.Box {
	p := policy.Policy{
		Digest: "sha256:1",
		Segments: []policy.Segment{
			{
				Name: "cameras", Kind: policy.CameraSegment, Interface: "br0", Ports: []string{"eth1", "eth2"},
				Addresses: []netip.Prefix{netip.MustParsePrefix("10.30.0.1/24")}, Origin: policy.Origin{File: "site.hcl", Line: 2},
			},
			{
				Name: "recorders", Kind: policy.RecorderSegment, Interface: "eth3",
				Addresses: []netip.Prefix{netip.MustParsePrefix("10.40.0.1/24"), netip.MustParsePrefix("fd00:40::1/64")},
			},
			{Name: "office", Kind: policy.ClientSegment, Interface: "eth0"},
		},
		Devices: []policy.Device{{Name: "gym"}},
	}
	return doctor.Box{
		Policy: &p, Applied: true, OnDisk: "sha256:1", StateDir: "/var/lib/cordon", PolicyDir: "/etc/cordon/policy",
		Status: gateway.Status{Whole: true, Stamp: gateway.Stamp{Digest: "sha256:1"}},
		Machine: gateway.Examination{
			State: netstate.State{
				Links: []netstate.Link{
					{Name: "br0", Kind: "bridge"}, {Name: "eth1", Master: "br0"}, {Name: "eth2", Master: "br0"}, {Name: "eth3"}, {Name: "eth0"},
				},
				Addresses: []netstate.Address{
					address("br0", "10.30.0.1/24"), address("eth3", "10.40.0.1/24"), address("eth3", "fd00:40::1/64"), address("eth0", "192.0.2.1/24"),
				},
				Rules: []netstate.Rule{
					{Family: netstate.IPv4, Priority: 0, Table: 255},
					{Family: netstate.IPv4, Priority: 880, IIF: "br0", Table: 88000},
					{Family: netstate.IPv4, Priority: 32766, Table: 254},
				},
			},
			Features: []gateway.Feature{{Name: "notrack"}},
			Programs: []netstate.Program{{Interface: "eth0", Layer: netstate.XDP, Name: "program 1"}},
		},
		Moment: policy.Moment{Time: noon(), Trusted: true},
		Files: doctor.Files{
			Kernel: "6.1.0-40-amd64",
			Settings: map[string]string{
				"net/netfilter/nf_conntrack_count": "749", "net/netfilter/nf_conntrack_max": "1000", "net/core/wmem_max": "212992",
				"net/ipv6/conf/eth3/accept_ra": "1", "net/ipv6/conf/eth3/forwarding": "1",
			},
			Units:      map[string]bool{"ssh.service": true},
			Interfaces: map[string]doctor.Counters{"eth1": {Received: 1_000_000, Dropped: 999}, "eth0": {Received: 10, Dropped: 1000}},
			Softnet:    doctor.Counters{Received: 10, Dropped: 99},
			Unread:     map[string]string{},
		},
		Disk: doctor.Disk{There: true, Read: true, Mode: 0o700, Mount: "/var/lib/cordon", Free: 1 << 30, Inodes: 1 << 20, FreeInodes: 1 << 19},
	}
}

func address(iface, prefix string) netstate.Address {
	return netstate.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// fault is one thing that is wrong with a box: what the check then says, and with which command.
type fault struct {
	id       string
	severity doctor.Severity
	variant  string
	command  string // how it begins
	says     string // what the English sentence contains
	spoil    func(*doctor.Box)
}

func faults() []fault {
	return slices.Concat(policyFaults(), kernelFaults(), roadFaults(), hostFaults(), healthFaults())
}

func policyFaults() []fault {
	none := func(b *doctor.Box) { b.Policy, b.Applied, b.OnDisk, b.Status = nil, false, "", gateway.Status{} }
	return []fault{
		{"in-force", doctor.Error, "nothing", "sudo cordon init /etc/cordon/policy", "not isolated", none},
		{"in-force", doctor.Error, "nothing", "sudo cordon apply", "not isolated", func(b *doctor.Box) {
			b.Applied, b.Status = false, gateway.Status{}
		}},
		{"in-force", doctor.Error, "unrecorded", "sudo cordon apply", "no record", func(b *doctor.Box) { b.Applied = false }},
		{"in-force", doctor.Error, "gone", "sudo cordon apply", "deleted", func(b *doctor.Box) { b.Status = gateway.Status{} }},
		{"in-force", doctor.Error, "absent", "ip -brief link", "eth3", func(b *doctor.Box) {
			b.Status.Whole, b.Status.Down = false, map[string]string{"eth3": "absent"}
		}},
		{"in-force", doctor.Error, "failed", "sudo cordon apply", "1 difference, first route x", func(b *doctor.Box) {
			b.Status.Whole, b.Status.Drift = false, []plan.Change{{Kind: "route", Name: "x"}}
		}},
		{"interfaces", doctor.Warning, "failed", "sudo ip link set dev br0 up", "br0, eth3 are down", func(b *doctor.Box) {
			b.Status.Down = map[string]string{"eth3": "down", "br0": "down"}
		}},
		{"observed", doctor.Warning, "failed", "sudoedit /etc/cordon/policy/site.hcl", "cameras", func(b *doctor.Box) {
			b.Policy.Segments[0].Mode = policy.Observe
		}},
		{"not-served", doctor.Warning, "failed", "ss -lunt", "cameras/ntp", func(b *doctor.Box) { b.Status.NotServed = []string{"cameras/ntp"} }},
		{"lockdown", doctor.Warning, "all", "sudo cordon release", "by root", func(b *doctor.Box) {
			b.Lockdown = &doctor.Lockdown{Since: noon(), Who: "root"}
		}},
		{"lockdown", doctor.Warning, "failed", "sudo cordon release", "cameras lets nothing", func(b *doctor.Box) {
			b.Lockdown = &doctor.Lockdown{Since: noon(), Who: "root", Segments: []string{"cameras"}}
		}},
		{"lockdown", doctor.Error, "damaged", "sudo cordon release", "damaged", func(b *doctor.Box) {
			b.Lockdown = &doctor.Lockdown{Damaged: true}
		}},
		{"pending", doctor.Info, "failed", "sudo cordon confirm", "2026-06-01T12:00:00Z", func(b *doctor.Box) { b.Pending = noon() }},
		{"pending", doctor.Error, "overdue", "sudo cordon status", "2026-06-01T12:00:00Z", func(b *doctor.Box) {
			b.Pending, b.Overdue = noon(), true
		}},
		{"policy-changed", doctor.Info, "failed", "sudo cordon plan", "not the one", func(b *doctor.Box) { b.OnDisk = "sha256:2" }},
		{"policy-changed", doctor.Warning, "wrong", "cordon validate", "2 errors", func(b *doctor.Box) { b.Wrong = 2 }},
	}
}

func kernelFaults() []fault {
	set := func(name, value string) func(*doctor.Box) {
		return func(b *doctor.Box) { b.Files.Settings[name] = value }
	}
	boot := func(name, written, value string) func(*doctor.Box) {
		return func(b *doctor.Box) {
			b.Files.Boot = []doctor.BootSetting{{File: "/etc/sysctl.d/9.conf", Name: name, Written: written, Value: value}}
		}
	}
	return []fault{
		{"kernel-features", doctor.Error, "failed", "sudo modprobe -a nf_tables", "masquerade", func(b *doctor.Box) {
			b.Machine.Features = append(b.Machine.Features, gateway.Feature{Name: "masquerade", Because: "operation not supported"})
		}},
		{"kernel-version", doctor.Warning, "failed", "sudo apt-get install", "5.10.0-9", func(b *doctor.Box) {
			b.Files.Kernel = "5.10.0-9-amd64"
		}},
		{"kernel-version", doctor.Warning, "failed", "sudo apt-get install", "6.0+", func(b *doctor.Box) { b.Files.Kernel = "6.0+" }},
		{
			"router-advertisements", doctor.Error, "failed", "sudo sysctl -w net/ipv6/conf/eth3/accept_ra=0", "eth3 believes",
			set("net/ipv6/conf/eth3/forwarding", "0"),
		},
		{
			"router-advertisements", doctor.Error, "failed", "sudo sysctl -w net/ipv6/conf/eth3/accept_ra=0", "eth3 believes",
			set("net/ipv6/conf/eth3/accept_ra", "2"),
		},
		{
			"bridge-netfilter", doctor.Warning, "failed", "sudo sysctl -w net/bridge/bridge-nf-call-ip6tables=0", "br0",
			set("net/bridge/bridge-nf-call-ip6tables", "1"),
		},
		{
			"conntrack", doctor.Warning, "failed", "sudo sysctl -w net.netfilter.nf_conntrack_max=2000", "750 of 1000",
			set("net/netfilter/nf_conntrack_count", "750"),
		},
		{"conntrack", doctor.Error, "failed", "sudo sysctl -w", "950 of 1000", set("net/netfilter/nf_conntrack_count", "950")},
		{"send-buffer", doctor.Info, "failed", "sudo sysctl -w net.core.wmem_max=", "4000 devices", func(b *doctor.Box) {
			b.Policy.Devices = make([]policy.Device, 4000)
		}},
		{
			"boot-settings", doctor.Warning, "failed",
			`sudo sed -i '\@^[[:space:]]*-\?net\.ipv4\.ip_forward[[:space:]]*=@s@^@#@' /etc/sysctl.d/9.conf`, "9.conf (net/ipv4/ip_forward = 1)",
			boot("net/ipv4/ip_forward", "net.ipv4.ip_forward", "1"),
		},
		{"boot-settings", doctor.Warning, "failed", "sudo sed", "rp_filter = 2", boot("net/ipv4/conf/all/rp_filter", "x", "2")},
		{"boot-settings", doctor.Warning, "failed", "sudo sed", "eth3/accept_ra", boot("net/ipv6/conf/eth3/accept_ra", "x", "2")},
	}
}

func roadFaults() []fault {
	rule := func(r netstate.Rule) func(*doctor.Box) {
		return func(b *doctor.Box) { b.Machine.State.Rules = append(b.Machine.State.Rules, r) }
	}
	link := func(name, master string) func(*doctor.Box) {
		return func(b *doctor.Box) {
			l := &b.Machine.State.Links
			*l = append(slices.DeleteFunc(*l, func(l netstate.Link) bool { return l.Name == name }), netstate.Link{Name: name, Master: master})
		}
	}
	to := netip.MustParsePrefix
	return []fault{
		{"bridged", doctor.Error, "failed", "sudo ip link set dev eth9 nomaster", "eth9 (br0) belongs", link("eth9", "br0")},
		{"bridged", doctor.Error, "failed", "sudo ip link set dev eth3 nomaster", "eth3 (bond0)", link("eth3", "bond0")},
		{"bridged", doctor.Error, "failed", "sudo ip link set dev eth1 nomaster", "eth1 (br7)", link("eth1", "br7")},
		{"second-address", doctor.Error, "failed", "sudo ip address del 10.30.0.9/16 dev eth0", "10.30.0.9/16 eth0", func(b *doctor.Box) {
			b.Machine.State.Addresses = append(b.Machine.State.Addresses, address("eth0", "10.30.0.9/16"))
		}},
		{"second-address", doctor.Error, "failed", "sudo ip address del fd00:40::9/128 dev lo", "fd00:40::9", func(b *doctor.Box) {
			b.Machine.State.Addresses = append(b.Machine.State.Addresses, address("lo", "fd00:40::9/128"))
		}},
		{"routing-rules", doctor.Error, "failed", "sudo ip rule del pref 100", "100", rule(netstate.Rule{
			Family: netstate.IPv4, Priority: 100, Table: 254,
		})},
		{"routing-rules", doctor.Error, "failed", "sudo ip -6 rule del pref 5", "fd00:40::/64", rule(netstate.Rule{
			Family: netstate.IPv6, Priority: 5, IIF: "eth0", To: to("fd00:40::/64"), Table: 7,
		})},
		{"routing-rules", doctor.Error, "failed", "sudo ip rule del pref 7", "br0", rule(netstate.Rule{
			Family: netstate.IPv4, Priority: 7, IIF: "br0", Table: 254,
		})},
		{"other-tables", doctor.Warning, "failed", "sudo nft list table ip nat", "ip nat POSTROUTING (masq)", func(b *doctor.Box) {
			b.Machine.Meddling = []netstate.Meddling{{Table: netstate.ForeignTable{Family: "ip", Name: "nat"}, Chain: "POSTROUTING", Does: "masq"}}
		}},
		{"programs", doctor.Error, "failed", "sudo ip link set dev eth1 xdp off", "eth1 (xdp program 7)", func(b *doctor.Box) {
			b.Machine.Programs = []netstate.Program{{Interface: "eth1", Layer: netstate.XDP, Name: "program 7"}}
		}},
		{"programs", doctor.Error, "failed", "sudo tc qdisc del dev eth1 ingress", "eth1 (tc ingress bpf)", func(b *doctor.Box) {
			b.Machine.Programs = []netstate.Program{{Interface: "eth1", Layer: netstate.Traffic, Name: "ingress bpf"}}
		}},
		{"programs", doctor.Error, "failed", "sudo tc qdisc del dev eth3 clsact", "eth3 (tc clsact ingress u32)", func(b *doctor.Box) {
			b.Machine.Programs = []netstate.Program{{Interface: "eth3", Layer: netstate.Traffic, Name: "clsact ingress u32"}}
		}},
	}
}

func hostFaults() []fault {
	unit := func(name string) func(*doctor.Box) { return func(b *doctor.Box) { b.Files.Units[name] = true } }
	owner := func(program string, asks bool) func(*doctor.Box) {
		return func(b *doctor.Box) {
			b.Files.Owners = []doctor.Owner{
				{Interface: "eth0", Program: "ifupdown", File: "/etc/network/interfaces", Asks: true},
				{Interface: "eth3", Program: program, File: "/etc/network/interfaces", Asks: asks},
			}
		}
	}
	return []fault{
		{"ruleset-flushed", doctor.Error, "failed", "sudo systemctl disable nftables.service", "nftables.service", unit("nftables.service")},
		{"other-firewall", doctor.Warning, "failed", "sudo systemctl disable --now ufw.service", "ufw.service", unit("ufw.service")},
		{"other-firewall", doctor.Warning, "failed", "sudo systemctl disable --now firewalld.service", "firewalld", unit("firewalld.service")},
		{
			"other-firewall", doctor.Warning, "failed", "sudo systemctl disable --now netfilter-persistent.service", "netfilter-persistent",
			unit("netfilter-persistent.service"),
		},
		{"interface-owner", doctor.Error, "asks", "printf '[keyfile]", "eth3 (NetworkManager)", owner("NetworkManager", true)},
		{"interface-owner", doctor.Warning, "failed", "printf '[Match]", "eth3 (systemd-networkd)", owner("systemd-networkd", false)},
		{"interface-owner", doctor.Error, "asks", "echo denyinterfaces eth3", "eth3 (dhcpcd)", owner("dhcpcd", true)},
		{"interface-owner", doctor.Warning, "failed", "sudo sed -i", "eth3 (ifupdown)", owner("ifupdown", false)},
		{
			"logout", doctor.Warning, "failed", "printf '[Login]\\nKillUserProcesses=no\\n' | sudo install", "(/etc/systemd/logind.conf)",
			func(b *doctor.Box) { b.Files.KillsAtLogout = "/etc/systemd/logind.conf" },
		},
		{"containers", doctor.Warning, "failed", "sudo systemctl disable --now docker.service", "docker.service", unit("docker.service")},
		{"containers", doctor.Warning, "failed", "sudo ip link delete dev virbr0", "virbr0", func(b *doctor.Box) {
			b.Machine.State.Links = append(b.Machine.State.Links, netstate.Link{Name: "virbr0", Kind: "bridge"})
		}},
	}
}

func healthFaults() []fault {
	return []fault{
		{"clock", doctor.Warning, "failed", "sudo timedatectl set-ntp true", "wrong times", func(b *doctor.Box) { b.Moment.Trusted = false }},
		{"clock", doctor.Error, "closes", "sudo systemctl restart chrony.service", "shut: firmware, night", func(b *doctor.Box) {
			b.Moment.Trusted, b.Files.Units["chrony.service"] = false, true
			b.Policy.Exceptions = []policy.Exception{{Name: "old", Until: noon()}, {Name: "firmware", Until: noon().Add(1)}}
			b.Policy.Allows = []policy.Allow{{Name: "always"}, {Name: "night", During: make([]policy.Window, 1)}}
		}},
		{"state-damaged", doctor.Error, "failed", "sudo cordon apply", "applied.zip", func(b *doctor.Box) { b.Damaged = "/x/applied.zip" }},
		{"state-damaged", doctor.Error, "unusable", "sudo cordon apply", "cannot read", func(b *doctor.Box) { b.Unusable = true }},
		{"state-directory", doctor.Error, "failed", "sudo chmod 0700 /var/lib/cordon", "mode 0720", func(b *doctor.Box) { b.Disk.Mode = 0o720 }},
		{"state-directory", doctor.Error, "readonly", "sudo mount -o remount,rw", "read-only", func(b *doctor.Box) { b.Disk.ReadOnly = true }},
		{"state-directory", doctor.Warning, "owner", "sudo chown", "user 1000", func(b *doctor.Box) { b.Disk.Owner = 1000 }},
		{"disk", doctor.Warning, "failed", "sudo journalctl --vacuum-size", "255 MB", func(b *doctor.Box) { b.Disk.Free = 255 << 20 }},
		{"disk", doctor.Error, "failed", "sudo journalctl --vacuum-size", "15 MB", func(b *doctor.Box) { b.Disk.Free = 15 << 20 }},
		{"inodes", doctor.Warning, "failed", "sudo du --inodes", "4000", func(b *doctor.Box) { b.Disk.FreeInodes = 4000 }},
		{"inodes", doctor.Error, "failed", "sudo du --inodes", "63", func(b *doctor.Box) { b.Disk.FreeInodes = 63 }},
		{"notifications", doctor.Warning, "failed", "sudo sysctl -w net.core.rmem_max", "1 notice ", func(b *doctor.Box) { b.Files.Missed = 1 }},
		{"backlog", doctor.Warning, "failed", "sudo sysctl -w net.core.netdev_max_backlog=2000", "100 of 5000", func(b *doctor.Box) {
			b.Files.Softnet = doctor.Counters{Received: 5000, Dropped: 100}
		}},
		{"received", doctor.Warning, "failed", "sudo ethtool -G eth1 rx 4096", "eth1 lost 1000 of 1000000", func(b *doctor.Box) {
			b.Files.Interfaces["eth1"] = doctor.Counters{Received: 1_000_000, Dropped: 1000}
		}},
	}
}

func one(t *testing.T, checks []doctor.Check, id string) doctor.Check {
	t.Helper()
	i := slices.IndexFunc(checks, func(c doctor.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	return checks[i]
}

// TestNothingIsWrongWithAHealthyBox is the control of every fault.
func TestNothingIsWrongWithAHealthyBox(t *testing.T) {
	checks := doctor.Judge(healthy())
	for _, c := range checks {
		if c.State != doctor.Passed || c.Command != "" {
			t.Errorf("%s %s: %s", c.ID, c.State, message.In(message.English).Text(c.Sentence, c.Args))
		}
	}
	if len(checks) != 32 {
		t.Errorf("%d checks", len(checks))
	}
	if _, failed := doctor.Worst(checks); failed {
		t.Error("something is wrong")
	}
}

// TestFaults breaks one thing of a healthy box at a time: its check fails, and no other that has another cause.
func TestFaults(t *testing.T) {
	english := message.In(message.English)
	seen := map[string]int{}
	for _, f := range faults() {
		box := healthy()
		f.spoil(&box)
		checks := doctor.Judge(box)
		c := one(t, checks, f.id)
		sentence := english.Text(c.Sentence, c.Args)
		if c.State != doctor.Failed || c.Severity != f.severity || c.Sentence != "doctor."+f.id+"."+f.variant {
			t.Errorf("%s: %s %s %s", f.id, c.State, c.Severity, c.Sentence)
		}
		if !strings.HasPrefix(c.Command, f.command) || !strings.Contains(sentence, f.says) {
			t.Errorf("%s: %s\n  $ %s", f.id, sentence, c.Command)
		}
		for _, other := range checks {
			if other.State == doctor.Failed && other.ID != f.id {
				t.Errorf("%s breaks %s, too: %s", f.id, other.ID, english.Text(other.Sentence, other.Args))
			}
		}
		if checks[0].ID != f.id {
			t.Errorf("%s is told first, not %s", checks[0].ID, f.id)
		}
		worst, failed := doctor.Worst(checks)
		if !failed || worst != f.severity {
			t.Errorf("%s: the worst is %s", f.id, worst)
		}
		seen[f.id]++
	}
	for _, c := range doctor.Judge(healthy()) {
		if seen[c.ID] == 0 {
			t.Errorf("nothing breaks %s", c.ID)
		}
	}
	t.Logf("%d faults of %d checks", len(faults()), len(seen))
}

// TestHarmless holds that what only resembles a fault is none.
func TestHarmless(t *testing.T) {
	for name, change := range map[string]func(*doctor.Box){
		"rules after ours": func(b *doctor.Box) {
			b.Machine.State.Rules = append(b.Machine.State.Rules, netstate.Rule{Family: netstate.IPv4, Priority: 5210, Table: 52})
		},
		"a rule of another interface": func(b *doctor.Box) {
			b.Machine.State.Rules = append(b.Machine.State.Rules, netstate.Rule{Family: netstate.IPv4, Priority: 10, IIF: "eth0", Table: 52})
		},
		"a rule that closes": func(b *doctor.Box) {
			b.Machine.State.Rules = append(b.Machine.State.Rules, netstate.Rule{Family: netstate.IPv4, Priority: 10, Action: netstate.RuleBlackhole})
		},
		"a bridge of nobody's": func(b *doctor.Box) {
			other := []netstate.Link{{Name: "br9", Kind: "bridge"}, {Name: "eth9", Master: "br9"}}
			b.Machine.State.Links = append(b.Machine.State.Links, other...)
		},
		"no IPv6": func(b *doctor.Box) {
			b.Files.Settings["net/ipv6/conf/eth3/disable_ipv6"], b.Files.Settings["net/ipv6/conf/eth3/accept_ra"] = "1", "2"
		},
		"a newer kernel":    func(b *doctor.Box) { b.Files.Kernel = "7.0.3" },
		"no inodes counted": func(b *doctor.Box) { b.Disk.Inodes, b.Disk.FreeInodes = 0, 0 },
		"no state yet":      func(b *doctor.Box) { b.Disk.There, b.Disk.Mode = false, 0o777 },
		"a distribution's default": func(b *doctor.Box) {
			b.Files.Boot = []doctor.BootSetting{{File: "x", Name: "net/ipv4/conf/default/rp_filter", Written: "x", Value: "2"}}
		},
		"forwarding off at boot": func(b *doctor.Box) {
			b.Files.Boot = []doctor.BootSetting{{File: "x", Name: "net/ipv4/ip_forward", Written: "x", Value: "0"}}
		},
		"bridges without br_netfilter": func(b *doctor.Box) { b.Files.Settings["net/bridge/bridge-nf-call-iptables"] = "0" },
	} {
		box := healthy()
		change(&box)
		for _, c := range doctor.Judge(box) {
			if c.State != doctor.Passed {
				t.Errorf("%s: %s: %s", name, c.ID, message.In(message.English).Text(c.Sentence, c.Args))
			}
		}
	}
}

// TestBridgeNetfilterMattersOnBridgesOnly holds that a box without a governed bridge is not told about the setting.
func TestBridgeNetfilterMattersOnBridgesOnly(t *testing.T) {
	box := healthy()
	box.Files.Settings["net/bridge/bridge-nf-call-iptables"] = "1"
	box.Policy.Segments = box.Policy.Segments[1:]
	if c := one(t, doctor.Judge(box), "bridge-netfilter"); c.State != doctor.Passed {
		t.Errorf("%s", c.State)
	}
}

// TestUnreadIsUnknown holds that what could not be read passes no check, and hides no finding.
func TestUnreadIsUnknown(t *testing.T) {
	box := healthy()
	box.Files.Unread = map[string]string{"units": "permission denied"}
	box.Files.Units["ufw.service"] = true
	checks := doctor.Judge(box)
	for id, want := range map[string]doctor.State{
		"ruleset-flushed": doctor.Unknown, "containers": doctor.Unknown, "other-firewall": doctor.Failed, "clock": doctor.Passed,
	} {
		if c := one(t, checks, id); c.State != want {
			t.Errorf("%s is %s, want %s", id, c.State, want)
		}
	}
	if checks[0].ID != "other-firewall" || checks[1].State != doctor.Unknown || checks[3].State != doctor.Passed {
		t.Errorf("order: %v", checks[:4])
	}
}

// TestWithoutAPolicy holds that nobody is told that interfaces are well which nobody knows.
func TestWithoutAPolicy(t *testing.T) {
	box := healthy()
	box.Policy, box.Applied, box.Status = nil, false, gateway.Status{}
	checks := doctor.Judge(box)
	for _, id := range []string{"bridged", "second-address", "programs", "interface-owner", "router-advertisements", "received"} {
		if c := one(t, checks, id); c.State != doctor.Unknown || c.Sentence != doctor.Without {
			t.Errorf("%s is %s", id, c.State)
		}
	}
}

// TestWords holds that every sentence exists in both languages, says all its arguments and ends in a full stop.
func TestWords(t *testing.T) {
	for _, language := range []message.Language{message.English, message.French} {
		words := message.In(language)
		for _, f := range append(faults(), fault{spoil: func(*doctor.Box) {}}) {
			box := healthy()
			f.spoil(&box)
			for _, c := range doctor.Judge(box) {
				text := words.Text(c.Sentence, c.Args)
				if text == c.Sentence || strings.ContainsAny(text, "{}|") || !strings.HasSuffix(text, ".") {
					t.Errorf("%s %s: %q", language, c.Sentence, text)
				}
				if len([]rune(text)) > 200 {
					t.Errorf("%s %s is too long for two lines: %q", language, c.Sentence, text)
				}
			}
		}
	}
}

// TestCommands holds that every command begins with a program that is there to be called, and that a shell reads it.
func TestCommands(t *testing.T) {
	known := []string{
		"sudo", "cordon", "ip", "ss", "sudoedit", "printf", "echo", "systemctl", "sysctl", "sed", "tc", "nft", "modprobe", "apt-get", "tee",
		"chmod", "chown", "mount", "journalctl", "du", "ethtool", "timedatectl", "networkctl", "sort", "tail", "install",
	}
	count := 0
	for _, f := range faults() {
		box := healthy()
		f.spoil(&box)
		command := one(t, doctor.Judge(box), f.id).Command
		for part := range strings.SplitSeq(strings.NewReplacer(" && ", "\n", " | ", "\n").Replace(command), "\n") {
			word, rest, _ := strings.Cut(part, " ")
			if word == "sudo" {
				word, _, _ = strings.Cut(rest, " ")
			}
			if !slices.Contains(known, word) {
				t.Errorf("%s: %q is no known program: %s", f.id, word, command)
			}
			count++
		}
		if strings.Count(command, "'")%2 != 0 {
			t.Errorf("%s: a quote is open: %s", f.id, command)
		}
	}
	if count < len(faults()) {
		t.Errorf("%d commands of %d faults", count, len(faults()))
	}
}

// TestNamesAreQuoted holds that an interface whose name a shell would take apart does no harm, and that long lists are cut.
func TestNamesAreQuoted(t *testing.T) {
	box := healthy()
	box.Status.Down = map[string]string{"a;b": "down", "c": "down", "d": "down", "e": "down", "f": "down", "g": "down"}
	c := one(t, doctor.Judge(box), "interfaces")
	if c.Command != "sudo ip link set dev 'a;b' up" {
		t.Error(c.Command)
	}
	if text := message.In(message.English).Text(c.Sentence, c.Args); !strings.Contains(text, "a;b, c, d, e … +2") {
		t.Error(text)
	}
}
