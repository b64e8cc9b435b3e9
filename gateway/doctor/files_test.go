package doctor_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/doctor"
)

// files makes a tree of name and text.
func files(pairs ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		tree[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return tree
}

func eth1() []doctor.Interface { return []doctor.Interface{{Name: "eth1", MAC: "02:00:00:00:00:01"}} }

// TestOwners reads each program's own files: with a governed interface left alone, and taken.
func TestOwners(t *testing.T) {
	const (
		nm       = "etc/systemd/system/multi-user.target.wants/NetworkManager.service"
		conf     = "etc/NetworkManager/NetworkManager.conf"
		dropIn   = "etc/NetworkManager/conf.d/1.conf"
		backup   = "etc/NetworkManager/conf.d/1.bak"
		asking   = "NetworkManager asks"
		networks = "systemd-networkd asks"
		networkd = "sys/fs/cgroup/system.slice/systemd-networkd.service/cgroup.procs"
		first    = "etc/systemd/network/10-a.network"
		dhcpcd   = "etc/systemd/system/multi-user.target.wants/dhcpcd.service"
		ifup     = "etc/systemd/system/multi-user.target.wants/networking.service"
		stanzas  = "etc/network/interfaces"
	)
	for name, c := range map[string]struct {
		tree fstest.MapFS
		want string // program, and "asks"
	}{
		"nobody":                    {files(stanzas, "iface eth1 inet dhcp\n"), ""},
		"NetworkManager":            {files(nm, "", conf, "[main]\nplugins=keyfile\n"), asking},
		"NM: by name":               {files(nm, "", conf, "[keyfile]\nunmanaged-devices=interface-name:eth9;interface-name:eth1\n"), ""},
		"NM: by pattern":            {files(nm, "", dropIn, "[keyfile]\nunmanaged-devices=interface-name:eth*\n"), ""},
		"NM: by another pattern":    {files(nm, "", dropIn, "[keyfile]\nunmanaged-devices=interface-name:en*\n"), asking},
		"NM: by MAC":                {files(nm, "", conf, "[keyfile]\nunmanaged-devices=mac:02:00:00:00:00:01\n"), ""},
		"NM: all but this":          {files(nm, "", conf, "[keyfile]\nunmanaged-devices=*,except:interface-name:eth1\n"), asking},
		"NM: a device section":      {files(nm, "", conf, "[device-x]\nmatch-device=interface-name:eth1\nmanaged=0\n"), ""},
		"NM: a comment":             {files(nm, "", conf, "[keyfile]\n#unmanaged-devices=interface-name:eth1\n"), asking},
		"NM: a file not of its own": {files(nm, "", backup, "[keyfile]\nunmanaged-devices=*\n"), asking},
		"NM: ifupdown's": {
			files(nm, "", conf, "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=false\n", stanzas, "iface eth1 inet manual\n"), "",
		},
		"NM: ifupdown's, and managed": {
			files(nm, "", conf, "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=true\n", stanzas, "iface eth1 inet manual\n"), asking,
		},

		"networkd":                 {files(networkd, "", first, "[Match]\nName=eth1\n[Network]\nAddress=10.0.0.1/24\n"), "systemd-networkd"},
		"networkd asks":            {files(networkd, "", first, "[Match]\nName=eth*\n[Network]\nDHCP=ipv4\n"), networks},
		"networkd: routers":        {files(networkd, "", first, "[Match]\nName=eth*\n[Network]\nIPv6AcceptRA=yes\n"), networks},
		"networkd: another":        {files(networkd, "", first, "[Match]\nName=en*\n[Network]\nDHCP=yes\n"), ""},
		"networkd: all but this":   {files(networkd, "", first, "[Match]\nName=!eth1\n[Network]\nDHCP=yes\n"), ""},
		"networkd: by MAC":         {files(networkd, "", first, "[Match]\nMACAddress=02:00:00:00:00:01\n"), "systemd-networkd"},
		"networkd: by another MAC": {files(networkd, "", first, "[Match]\nMACAddress=02:00:00:00:00:02\n"), ""},
		"networkd: unmanaged":      {files(networkd, "", first, "[Match]\nName=eth1\n[Link]\nUnmanaged=yes\n"), ""},
		"networkd: the first decides": {
			files(networkd, "", first, "[Match]\nName=eth1\n[Link]\nUnmanaged=yes\n", "run/systemd/network/90-b.network", "[Match]\nName=*\n"), "",
		},
		"networkd: /etc before /usr": {
			files(networkd, "", "etc/systemd/network/50-a.network", "", "usr/lib/systemd/network/50-a.network", "[Match]\nName=*\n"), "",
		},
		"networkd: without a [Match]":  {files(networkd, "", first, "[Network]\nDHCP=yes\n"), ""},
		"dhcpcd":                       {files(dhcpcd, "", "etc/dhcpcd.conf", "# nothing\n"), "dhcpcd asks"},
		"dhcpcd: denied":               {files(dhcpcd, "", "etc/dhcpcd.conf", "denyinterfaces wlan0 eth1\n"), ""},
		"dhcpcd: denied, with a comma": {files(dhcpcd, "", "etc/dhcpcd.conf", "denyinterfaces wlan0,eth*\n"), ""},
		"dhcpcd: another allowed":      {files(dhcpcd, "", "etc/dhcpcd.conf", "allowinterfaces eth0\n"), ""},
		"dhcpcd: allowed":              {files(dhcpcd, "", "etc/dhcpcd.conf", "allowinterfaces eth1\n"), "dhcpcd asks"},
		"ifupdown":                     {files(ifup, "", stanzas, "auto eth1\niface eth1 inet static\n  address 10.0.0.1\n"), "ifupdown"},
		"ifupdown: manual":             {files(ifup, "", stanzas, "iface eth1 inet manual\n"), ""},
		"ifupdown: dhcp":               {files(ifup, "", "etc/network/interfaces.d/eth1", "iface eth1 inet dhcp\n"), "ifupdown asks"},
		"ifupdown: another":            {files(ifup, "", stanzas, "iface eth10 inet dhcp\n"), ""},
	} {
		var got []string
		for _, o := range doctor.ReadFiles(c.tree, eth1()).Owners {
			got = append(got, strings.TrimSpace(o.Program+map[bool]string{true: " asks"}[o.Asks]))
			if o.Interface != "eth1" || !strings.HasPrefix(o.File, "/etc/") {
				t.Errorf("%s: %+v", name, o)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestLogout says which file has logind end what a user has started, by what logind.conf(5) says of their order.
func TestLogout(t *testing.T) {
	const (
		runs, main = "sys/fs/cgroup/system.slice/systemd-logind.service/cgroup.procs", "etc/systemd/logind.conf"
		vendor     = "usr/lib/systemd/logind.conf"
		yes, no    = "[Login]\nKillUserProcesses=yes\n", "[Login]\nKillUserProcesses=no\n"
	)
	for name, c := range map[string]struct {
		tree fs.FS
		want string
	}{
		"nothing is said":           {files(runs, "", main, "[Login]\n#KillUserProcesses=no\n"), ""},
		"yes":                       {files(runs, "", main, yes), "/" + main},
		"1, in any case":            {files(runs, "", main, "[Login]\nKillUserProcesses = True\n"), "/" + main},
		"no":                        {files(runs, "", main, no), ""},
		"the last line counts":      {files(runs, "", main, yes+"KillUserProcesses=no\n"), ""},
		"in another section":        {files(runs, "", main, "[Logout]\nKillUserProcesses=yes\n"), ""},
		"as it was built":           {files(runs, "", vendor, "[Login]\n#KillUserProcesses=yes\n#X=y\n"), "/" + vendor},
		"built so, and set":         {files(runs, "", main, "[Login]\n#KillUserProcesses=yes\nKillUserProcesses=no\n"), ""},
		"a drop-in":                 {files(runs, "", main, no, main+".d/a.conf", yes), "/" + main + ".d/a.conf"},
		"the last drop-in counts":   {files(runs, "", main+".d/a.conf", yes, vendor+".d/zz.conf", no), ""},
		"a drop-in hides another":   {files(runs, "", main+".d/a.conf", no, vendor+".d/a.conf", yes), ""},
		"the main file hides one":   {files(runs, "", main, no, vendor, yes), ""},
		"the vendor's, without one": {files(runs, "", vendor, yes), "/" + vendor},
		"logind does not run":       {files(main, yes), ""},
	} {
		if got := doctor.ReadFiles(c.tree, nil).KillsAtLogout; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestUnits(t *testing.T) {
	got := doctor.ReadFiles(files(
		"etc/systemd/system/sysinit.target.wants/nftables.service", "",
		"etc/systemd/system/x.service.requires/docker.socket", "",
		"etc/systemd/system/ufw.service", "[Unit]\n", // a unit of its own, which nothing wants
		"etc/systemd/system/firewalld.service.d/override.conf", "",
		"sys/fs/cgroup/system.slice/chrony.service/cgroup.procs", "1\n",
		"sys/fs/cgroup/system.slice/memory.max", "max\n",
	), nil).Units
	want := map[string]bool{"nftables.service": true, "docker.socket": true, "chrony.service": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBootSettings(t *testing.T) {
	got := doctor.ReadFiles(files(
		"etc/sysctl.d/10-a.conf", "# x\n; y\n\nnet.ipv4.ip_forward = 1\n-net.ipv4.conf.eth1/30.rp_filter=2\nno assignment\n",
		"etc/sysctl.d/README", "net.ipv4.ip_forward = 1\n",
		"run/sysctl.d/10-a.conf", "net.ipv4.ip_forward = 7\n", // hidden by /etc's
		"usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.all.rp_filter = 2\n",
		"etc/sysctl.conf", "net/ipv6/conf/eth1.30/accept_ra=2\n",
	), nil).Boot
	want := []doctor.BootSetting{
		{File: "/etc/sysctl.d/10-a.conf", Name: "net/ipv4/ip_forward", Written: "net.ipv4.ip_forward", Value: "1"},
		{File: "/etc/sysctl.d/10-a.conf", Name: "net/ipv4/conf/eth1.30/rp_filter", Written: "net.ipv4.conf.eth1/30.rp_filter", Value: "2"},
		{File: "/etc/sysctl.conf", Name: "net/ipv6/conf/eth1.30/accept_ra", Written: "net/ipv6/conf/eth1.30/accept_ra", Value: "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCounters reads what the kernel prints, in its own formats.
func TestCounters(t *testing.T) {
	const head = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	tree := files(
		"proc/thread-self/net/dev", head+"  eth1: 5000 100 1 20 300 0 0 0 9 9 9 9 0 0 0 0\n"+
			"trunk0.30:1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0\n  odd: 1 2\n",
		"proc/thread-self/net/softnet_stat", "0000000a 00000002 00000000\n000000ff 00000010 00000000\n",
		"proc/thread-self/net/netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"+
			"0000000000000000 12  700        00000000 0        0        0     2        5        111\n"+
			"0000000000000000 0   701        00000000 0        0        0     2        7        222\n"+
			"0000000000000000 0   800        00000000 0        0        0     2        9        333\n",
		"proc/700/comm", "cordon\n", "proc/800/comm", "other\n", "proc/self/comm", "cordon\n",
		"proc/sys/kernel/osrelease", "6.1.0-40-amd64\n",
		"proc/sys/net/core/wmem_max", "212992\n",
		"proc/sys/net/ipv6/conf/eth1/accept_ra", "2\n",
	)
	for link, socket := range map[string]string{
		"proc/700/fd/3": "socket:[111]", "proc/700/fd/4": "socket:[222]", "proc/800/fd/3": "socket:[333]",
	} {
		tree[link] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte(socket)}
	}
	got := doctor.ReadFiles(tree, eth1())
	want := map[string]doctor.Counters{"eth1": {Received: 100, Dropped: 321}, "trunk0.30": {Received: 2}}
	if diff := cmp.Diff(want, got.Interfaces); diff != "" {
		t.Error(diff)
	}
	if got.Softnet != (doctor.Counters{Received: 265, Dropped: 18}) || got.Missed != 12 || got.Kernel != "6.1.0-40-amd64" {
		t.Errorf("%+v, %d missed, kernel %q", got.Softnet, got.Missed, got.Kernel)
	}
	if diff := cmp.Diff(map[string]string{"net/core/wmem_max": "212992", "net/ipv6/conf/eth1/accept_ra": "2"}, got.Settings); diff != "" {
		t.Error(diff)
	}
	if len(got.Unread) > 0 {
		t.Errorf("unread: %v", got.Unread)
	}
}

// TestAnEmptyTreeIsNoMistake holds that a box without systemd, br_netfilter or any of the programs is read all the same.
func TestAnEmptyTreeIsNoMistake(t *testing.T) {
	got := doctor.ReadFiles(fstest.MapFS{}, eth1())
	if len(got.Unread)+len(got.Units)+len(got.Owners)+len(got.Boot)+got.Missed != 0 {
		t.Errorf("%+v", got)
	}
}

// locked cannot be read below a folder.
type locked struct {
	fs.FS

	below string
}

func (l locked) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, l.below) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.FS.Open(name)
}

// TestWhatCannotBeReadIsSaid locks one folder after another.
func TestWhatCannotBeReadIsSaid(t *testing.T) {
	const nm = "etc/systemd/system/multi-user.target.wants/NetworkManager.service"
	for below, part := range map[string]string{
		"proc/sys/net": "settings", "etc/sysctl.d": "boot", "etc/systemd/system": "units", "sys/fs": "units", "etc/NetworkManager": "owners",
		"proc/thread-self": "counters",
	} {
		unread := doctor.ReadFiles(locked{files(nm, ""), below}, eth1()).Unread
		if len(unread) != 1 || !strings.Contains(unread[part], below) {
			t.Errorf("%s: %v, want %s", below, unread, part)
		}
	}
}

// TestRealFiles holds the reader against the running kernel: what it shows below /proc/sys ends after the first read of it.
func TestRealFiles(t *testing.T) {
	got := doctor.ReadFiles(struct{ fs.FS }{os.DirFS("/")}, []doctor.Interface{{Name: "lo"}})
	for _, name := range []string{"net/core/wmem_max", "net/netfilter/nf_conntrack_max"} {
		want, err := os.ReadFile("/proc/sys/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a namespace may not show it
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.Settings[name] != strings.TrimSpace(string(want)) {
			t.Errorf("%s: %q, want %q", name, got.Settings[name], want)
		}
	}
	if _, ok := got.Interfaces["lo"]; !ok || got.Kernel == "" || got.Settings["net/ipv6/conf/lo/accept_ra"] == "" {
		t.Errorf("%+v", got)
	}
}

// TestDisk asks about directories that are there and not yet there, with modes good and bad.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	d, err := doctor.ReadDisk(dir)
	if err != nil || !d.There || !d.Read || d.Mode != 0o750 || d.Mount != dir || d.Owner != d.User || d.Free == 0 || d.ReadOnly {
		t.Errorf("%+v, %v", d, err)
	}
	later, err := doctor.ReadDisk(dir + "/not/yet")
	if err != nil || later.There || !later.Read || later.Mount != dir {
		t.Errorf("%+v, %v", later, err)
	}
	if system, err := doctor.ReadDisk("/proc/sys"); err != nil || system.Free != 0 {
		t.Errorf("%+v, %v", system, err)
	}
}
