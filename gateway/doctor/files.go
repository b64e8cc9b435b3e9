package doctor

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// most is how much of a file is read, in octets.
const most = 16 << 20

// The parts of what is read. A check says which it depends on: when that cannot be read, nobody knows.
const (
	settingsPart = "settings"
	bootPart     = "boot"
	unitsPart    = "units"
	ownersPart   = "owners"
	logoutPart   = "logout"
	countersPart = "counters"
	diskPart     = "disk"
)

// Files is what was read below /etc, /usr/lib, /run, /proc and /sys.
type Files struct {
	// Kernel is its release: 6.1.0-40-amd64.
	Kernel string
	// Settings are kernel settings by their path below /proc/sys. One that is not there is not in it.
	Settings map[string]string
	Boot     []BootSetting
	// Units are the units that start at boot or run now.
	Units map[string]bool
	// Owners are the programs that set addresses and routes, with the interfaces that they do it on.
	Owners []Owner
	// KillsAtLogout is the file by which logind ends what a user has started when he logs out; empty where it lets it run.
	KillsAtLogout string
	// Interfaces are counters by interface, Softnet those of all processors, since the machine or the interface came up.
	Interfaces map[string]Counters
	Softnet    Counters
	// Missed is how many notices the kernel could not give to running processes of Cordon.
	Missed int
	// Unread says why a part could not be read: settings, boot, units, owners, logout, counters, disk.
	Unread map[string]string
}

// Counters count packets.
type Counters struct{ Received, Dropped uint64 }

// BootSetting is a line of sysctl.d(5). Name is the path below /proc/sys, Written what stands there.
type BootSetting struct{ File, Name, Written, Value string }

// Owner is a program that a file tells to configure an interface. Asks says that it asks the network for an address.
type Owner struct {
	Interface, Program, File string
	Asks                     bool
}

// Interface is a governed interface: what files know it by.
type Interface struct{ Name, MAC string }

// ReadFiles reads a machine's files below its root. The interfaces are those that owners are looked for.
func ReadFiles(root fs.FS, interfaces []Interface) Files {
	t := tree{root, map[string]string{}}
	f := Files{Unread: t.unread, Kernel: strings.TrimSpace(t.text(settingsPart, "proc/sys/kernel/osrelease"))}
	f.Settings = t.settings(interfaces)
	f.Boot = t.boot()
	f.Units = t.units()
	f.Owners = t.owners(f.Units, interfaces)
	f.KillsAtLogout = t.killsAtLogout(f.Units)
	f.Interfaces = interfaceCounters(t.text(countersPart, "proc/thread-self/net/dev"))
	f.Softnet = softnet(t.text(countersPart, "proc/thread-self/net/softnet_stat"))
	f.Missed = t.missed()
	return f
}

// Undisked says that the state directory's file system could not be asked.
func (f *Files) Undisked(err error) { f.Unread[diskPart] = err.Error() }

// number returns a setting that is a number, 0 where there is none.
func (f Files) number(setting string) int {
	n, err := strconv.Atoi(f.Settings[setting])
	if err != nil {
		return 0
	}
	return n
}

// units returns those of the names that start at boot or run.
func (f Files) units(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !f.Units[name] })
}

// tree is a machine's files.
type tree struct {
	fs.FS

	unread map[string]string
}

// text reads a file. One that is not there is empty; one that cannot be read makes its part unknown.
func (t tree) text(p string, name string) string {
	content, err := t.read(name)
	t.note(p, err)
	return string(content)
}

// read takes a file in large pieces: what the kernel shows below /proc/sys ends after the first read, however little that took.
func (t tree) read(name string) ([]byte, error) {
	file, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, most))
	return content, errors.Join(err, file.Close())
}

func (t tree) note(p string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && t.unread[p] == "" {
		t.unread[p] = err.Error()
	}
}

// list returns the names of a directory's entries.
func (t tree) list(p string, dir string) []string {
	entries, err := fs.ReadDir(t.FS, dir)
	t.note(p, err)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// dropIns returns the files of a suffix in several directories, as systemd takes them: by name, the first directory's before another's of
// the same name.
func (t tree) dropIns(p string, suffix string, dirs ...string) []string {
	paths := map[string]string{}
	for _, dir := range slices.Backward(dirs) {
		for _, name := range t.list(p, dir) {
			if strings.HasSuffix(name, suffix) {
				paths[name] = dir + "/" + name
			}
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		list = append(list, paths[name])
	}
	return list
}

// settings reads the settings that are judged.
func (t tree) settings(interfaces []Interface) map[string]string {
	names := []string{
		"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max", "net/core/wmem_max", "net/core/netdev_max_backlog",
		"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-arptables",
	}
	for _, i := range interfaces {
		for _, key := range []string{"accept_ra", "forwarding", "disable_ipv6"} {
			names = append(names, "net/ipv6/conf/"+i.Name+"/"+key)
		}
	}
	found := map[string]string{}
	for _, name := range names {
		if text := t.text(settingsPart, "proc/sys/"+name); text != "" {
			found[name] = strings.TrimSpace(text)
		}
	}
	return found
}

// boot reads what administrators set at boot. What a distribution sets below /usr/lib is its own care.
func (t tree) boot() []BootSetting {
	var list []BootSetting
	for _, name := range append(t.dropIns(bootPart, ".conf", "etc/sysctl.d", "run/sysctl.d"), "etc/sysctl.conf") {
		for line := range strings.Lines(t.text(bootPart, name)) {
			key, value, assigns := strings.Cut(strings.TrimSpace(line), "=")
			key = strings.TrimSpace(strings.TrimPrefix(key, "-"))
			if assigns && key != "" && !strings.ContainsAny(key[:1], "#;") {
				list = append(list, BootSetting{"/" + name, settingPath(key), key, strings.TrimSpace(value)})
			}
		}
	}
	return list
}

// settingPath returns a setting's path as sysctl.d(5) reads it: where the first separator is a dot, dots and slashes change places.
func settingPath(name string) string {
	if at := strings.IndexAny(name, "./"); at < 0 || name[at] == '/' {
		return name
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(name)
}

// units looks for what systemd starts: links in the folders of targets, and the control groups of what runs.
func (t tree) units() map[string]bool {
	found := map[string]bool{}
	for _, dir := range t.list(unitsPart, "etc/systemd/system") {
		if strings.HasSuffix(dir, ".wants") || strings.HasSuffix(dir, ".requires") {
			for _, name := range t.list(unitsPart, "etc/systemd/system/"+dir) {
				found[name] = true
			}
		}
	}
	for _, name := range t.list(unitsPart, "sys/fs/cgroup/system.slice") {
		if strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket") {
			found[name] = true
		}
	}
	return found
}

// interfaceCounters reads /proc/net/dev: of each interface the packets received, and those with errors, dropped or without room.
func interfaceCounters(text string) map[string]Counters {
	found := map[string]Counters{}
	for line := range strings.Lines(text) {
		at := strings.LastIndex(line, ":")
		if at < 0 {
			continue
		}
		if n := numbers(line[at+1:], 10); len(n) >= 5 {
			found[strings.TrimSpace(line[:at])] = Counters{n[1], n[2] + n[3] + n[4]}
		}
	}
	return found
}

// softnet adds the processors' lines of /proc/net/softnet_stat up: packets handled, packets without room in the backlog.
func softnet(text string) Counters {
	var all Counters
	for line := range strings.Lines(text) {
		if n := numbers(line, 16); len(n) >= 2 {
			all.Received += n[0]
			all.Dropped += n[1]
		}
	}
	return all
}

// numbers returns the numbers of a line, up to the first that is none.
func numbers(line string, base int) []uint64 {
	var list []uint64
	for field := range strings.FieldsSeq(line) {
		n, err := strconv.ParseUint(field, base, 64)
		if err != nil {
			break
		}
		list = append(list, n)
	}
	return list
}

// missed adds up what the kernel's sockets for notices threw away, of processes that are Cordon.
func (t tree) missed() int {
	lost := map[string]int{} // by the socket's inode
	for line := range strings.Lines(t.text(countersPart, "proc/thread-self/net/netlink")) {
		fields := strings.Fields(line)
		if len(fields) < 10 {
			continue
		}
		if n, err := strconv.Atoi(fields[8]); err == nil && n > 0 {
			lost["socket:["+fields[9]+"]"] = n
		}
	}
	if len(lost) == 0 {
		return 0
	}
	sum := 0
	for _, socket := range t.socketsOf("cordon") {
		sum += lost[socket]
	}
	return sum
}

// socketsOf returns the sockets of the processes of a name.
func (t tree) socketsOf(command string) []string {
	var list []string
	for _, pid := range t.list(countersPart, "proc") {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		name, err := t.read("proc/" + pid + "/comm")
		if err != nil || strings.TrimSpace(string(name)) != command {
			continue // it has ended, or is somebody else
		}
		for _, fd := range t.list(countersPart, "proc/"+pid+"/fd") {
			if target, err := fs.ReadLink(t.FS, "proc/"+pid+"/fd/"+fd); err == nil {
				list = append(list, target)
			}
		}
	}
	return list
}
