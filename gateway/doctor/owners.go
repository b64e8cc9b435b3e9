package doctor

import (
	"path"
	"slices"
	"strings"
)

// The programs that configure interfaces on the systems that Cordon runs on.
const (
	networkManager = "NetworkManager"
	networkd       = "systemd-networkd"
	dhcpcd         = "dhcpcd"
	ifupdown       = "ifupdown"
)

// owners says which program configures which interface.
func (t tree) owners(units map[string]bool, interfaces []Interface) []Owner {
	var list []Owner
	if units["NetworkManager.service"] {
		list = append(list, t.networkManager(interfaces)...)
	}
	if units["systemd-networkd.service"] {
		list = append(list, t.networkd(interfaces)...)
	}
	if units["dhcpcd.service"] {
		list = append(list, t.dhcpcd(interfaces)...)
	}
	if units["networking.service"] {
		list = append(list, t.ifupdown(interfaces)...)
	}
	return list
}

// section is a part of an INI file: its name, and the values of each key in their order.
type section struct {
	name   string
	values map[string][]string
}

// last returns a key's last value.
func (s section) last(key string) string {
	if v := s.values[key]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// ini reads the files of systemd and of NetworkManager.
func ini(text string) []section {
	list := []section{{values: map[string][]string{}}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(name, "]") {
			list = append(list, section{strings.TrimSuffix(name, "]"), map[string][]string{}})
			continue
		}
		key, value, assigns := strings.Cut(line, "=")
		if !assigns || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		s := list[len(list)-1]
		key = strings.TrimSpace(key)
		s.values[key] = append(s.values[key], strings.TrimSpace(value))
	}
	return list
}

// networkManager takes every interface but those that its files leave out (NetworkManager.conf(5), unmanaged-devices and [device]
// managed). Without a connection of its own an interface gets one that asks for an address.
func (t tree) networkManager(interfaces []Interface) []Owner {
	const file = "etc/NetworkManager/NetworkManager.conf"
	dirs := []string{"etc/NetworkManager/conf.d", "run/NetworkManager/conf.d", "usr/lib/NetworkManager/conf.d"}
	var left []string
	plugins, managed := "", ""
	for _, name := range append([]string{file}, t.dropIns(ownersPart, ".conf", dirs...)...) {
		for _, s := range ini(t.text(ownersPart, name)) {
			if s.name == "keyfile" && s.last("unmanaged-devices") != "" {
				left = append(left, s.last("unmanaged-devices"))
			}
			if strings.HasPrefix(s.name, "device") && slices.Contains([]string{"0", "false", "no"}, s.last("managed")) {
				left = append(left, s.last("match-device"))
			}
			plugins, managed = plugins+s.last("plugins"), managed+map[bool]string{true: s.last("managed")}[s.name == "ifupdown"]
		}
	}
	if strings.Contains(plugins, ifupdown) && !strings.Contains(managed, "true") {
		left = append(left, t.stanzas()...) // Debian's way: what ifupdown has a word about is left to it
	}
	var list []Owner
	for _, i := range interfaces {
		if !slices.ContainsFunc(left, i.specified) {
			list = append(list, Owner{i.Name, networkManager, "/" + file, true})
		}
	}
	return list
}

// specified says whether a device list of NetworkManager names the interface. What is excepted is not named, whatever else is.
func (i Interface) specified(devices string) bool {
	named := false
	for spec := range strings.FieldsFuncSeq(devices, func(r rune) bool { return r == ';' || r == ',' }) {
		spec, except := strings.CutPrefix(strings.TrimSpace(spec), "except:")
		pattern := strings.TrimPrefix(strings.TrimPrefix(spec, "interface-name:"), "=")
		matches, err := path.Match(pattern, i.Name)
		matches = err == nil && matches || i.MAC != "" && strings.EqualFold(strings.TrimPrefix(spec, "mac:"), i.MAC)
		if matches && except {
			return false
		}
		named = named || matches
	}
	return named
}

// networkd takes for each interface the first file whose [Match] names it (systemd.network(5)).
func (t tree) networkd(interfaces []Interface) []Owner {
	files := t.dropIns(ownersPart, ".network", "etc/systemd/network", "run/systemd/network", "usr/lib/systemd/network")
	var list []Owner
	for _, i := range interfaces {
		for _, name := range files {
			sections := ini(t.text(ownersPart, name))
			if !i.matched(sections) {
				continue
			}
			if !saysYes(sections, "Link", "Unmanaged") {
				list = append(list, Owner{i.Name, networkd, "/" + name, asks(sections)})
			}
			break
		}
	}
	return list
}

// matched says whether a file is for the interface. What is not known of it, such as its driver, is taken to match.
func (i Interface) matched(sections []section) bool {
	for _, s := range sections {
		if s.name != "Match" {
			continue
		}
		names, macs := strings.Join(s.values["Name"], " "), strings.Join(s.values["MACAddress"], " ")
		return (names == "" || globs(names, i.Name)) && (macs == "" || i.MAC != "" && globs(strings.ToLower(macs), strings.ToLower(i.MAC)))
	}
	return false
}

// globs says whether one of several patterns matches; a first "!" turns all of them round.
func globs(patterns, name string) bool {
	patterns, inverted := strings.CutPrefix(patterns, "!")
	for pattern := range strings.FieldsSeq(patterns) {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return !inverted
		}
	}
	return inverted
}

func saysYes(sections []section, name string, key string) bool {
	return slices.ContainsFunc(sections, func(s section) bool {
		return s.name == name && slices.Contains([]string{"yes", "true", "1", "on"}, strings.ToLower(s.last(key)))
	})
}

// asks says whether the file has networkd ask by DHCP or take addresses from routers.
func asks(sections []section) bool {
	return slices.ContainsFunc(sections, func(s section) bool {
		return s.name == "Network" &&
			slices.Contains([]string{"yes", "true", "1", "on", "ipv4", "ipv6", "both"}, strings.ToLower(s.last("DHCP")))
	}) || saysYes(sections, "Network", "IPv6AcceptRA")
}

// dhcpcd asks on every interface but those that its file denies or does not allow (dhcpcd.conf(5)).
func (t tree) dhcpcd(interfaces []Interface) []Owner {
	const file = "etc/dhcpcd.conf"
	denied, allowed := "", ""
	for line := range strings.Lines(t.text(ownersPart, file)) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "denyinterfaces":
			denied += " " + rest
		case "allowinterfaces":
			allowed += " " + rest
		}
	}
	var list []Owner
	for _, i := range interfaces {
		if !globs(commas(denied), i.Name) && (allowed == "" || globs(commas(allowed), i.Name)) {
			list = append(list, Owner{i.Name, dhcpcd, "/" + file, true})
		}
	}
	return list
}

func commas(list string) string { return strings.TrimSpace(strings.ReplaceAll(list, ",", " ")) }

// ifupdown configures the interfaces that have a stanza of another method than manual (interfaces(5)).
func (t tree) ifupdown(interfaces []Interface) []Owner {
	var list []Owner
	t.eachStanza(func(file, name, method string) {
		named := slices.ContainsFunc(interfaces, func(i Interface) bool { return i.Name == name })
		if named && method != "manual" && method != "loopback" {
			list = append(list, Owner{name, ifupdown, "/" + file, method == "dhcp" || method == "auto"})
		}
	})
	return list
}

// stanzas are the interfaces that ifupdown knows.
func (t tree) stanzas() []string {
	var names []string
	t.eachStanza(func(_, name, _ string) { names = append(names, name) })
	return names
}

func (t tree) eachStanza(tell func(file, name, method string)) {
	files := []string{"etc/network/interfaces"}
	for _, name := range t.list(ownersPart, "etc/network/interfaces.d") {
		files = append(files, "etc/network/interfaces.d/"+name)
	}
	for _, file := range files {
		for line := range strings.Lines(t.text(ownersPart, file)) {
			if fields := strings.Fields(line); len(fields) >= 4 && fields[0] == "iface" {
				tell(file, fields[1], fields[3])
			}
		}
	}
}
