package write

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cordon/policy/message"
)

// Surroundings are what is known of the machine that a policy is begun for.
type Surroundings struct {
	// Site is the site's label.
	Site string
	// Manage is the interface by which the gateway is managed, empty where none is known; Guessed says that nobody is logged in by it.
	Manage  string
	Guessed bool
	// Uplink is the interface of the default route where that is another one, Cameras the one that the cameras may stand behind.
	Uplink, Cameras string
	// Interfaces are every one that could be a segment's.
	Interfaces []Interface
	// Client is the address that somebody is logged in from when it lies behind a router of Manage, and Router that router.
	Client, Router netip.Addr
}

// Interface is one interface of the machine and the addresses that it has, each with its network's length.
type Interface struct {
	Name      string
	Addresses []netip.Prefix
}

// widest is how far the comments of a starter reach, in columns.
const widest = 100

// starter writes the text of a policy to begin with.
type starter struct {
	Surroundings

	say  message.Printer
	text strings.Builder
}

// Starter returns a policy to begin with, in which the machine's own interfaces and addresses stand and comments say what comes next, in
// the printer's language. It opens nothing but the gateway's own ssh towards its administrator, and holds no error.
func Starter(m Surroundings, say message.Printer) []byte {
	s := &starter{Surroundings: m, say: say}
	s.comment("head", nil)
	fmt.Fprintf(&s.text, "site %q {}\n", m.Site)
	s.managed()
	if m.Uplink != "" {
		s.comment("uplink", message.Args{"interface": m.Uplink})
		s.segment("uplink", "uplink", m.Uplink, nil, "")
	}
	s.cameras()
	s.others()
	s.expectation()
	s.examples()
	text, _ := Format("site.hcl", []byte(s.text.String()))
	return text
}

// managed writes the segment of the administrator, and what he may open.
func (s *starter) managed() {
	args := message.Args{"interface": s.Manage}
	if s.Manage == "" {
		s.comment("unmanaged", nil)
		s.text.WriteString("manage {\n  from = []\n}\n")
		return
	}
	sentence := "logged_in"
	if s.Guessed {
		sentence = "guessed"
	}
	s.comment(sentence, args)
	s.segment("office", "client", s.Manage, s.addresses(s.Manage), s.route())
	s.comment("manage", nil)
	fmt.Fprintf(&s.text, "manage {\n  from = [%s]\n  services = [\"ssh\", \"ping\"]\n}\n", s.reference("office"))
}

// route is the way back to an administrator behind a router.
func (s *starter) route() string {
	if !s.Client.IsValid() {
		return ""
	}
	host := netip.PrefixFrom(s.Client, s.Client.BitLen())
	return s.remark("route", message.Args{"client": s.Client.String()}) +
		fmt.Sprintf("route {\n  to = [%q]\n  via = %q\n}\n", host, s.Router)
}

// cameras writes the segment of the cameras, as a comment where the machine has no interface for it.
func (s *starter) cameras() {
	if s.Cameras == "" {
		s.comment("no_interface", nil)
		return
	}
	sentence, addresses := "cameras", s.addresses(s.Cameras)
	if len(addresses) == 0 {
		sentence, addresses = "cameras_new", []netip.Prefix{s.free()}
	}
	s.comment(sentence, message.Args{"interface": s.Cameras})
	s.segment("cameras", "camera", s.Cameras, addresses, "")
}

// others lists the interfaces that are in no segment yet.
func (s *starter) others() {
	var list []string
	for _, i := range s.Interfaces {
		if slices.Contains([]string{s.Manage, s.Uplink, s.Cameras}, i.Name) {
			continue
		}
		words := []string{i.Name}
		for _, a := range i.Addresses {
			words = append(words, a.String())
		}
		list = append(list, strings.Join(words, " "))
	}
	if len(list) > 0 {
		s.comment("others", message.Args{"interfaces": strings.Join(list, ", ")})
	}
}

// expectation writes what has to hold however the policy grows.
func (s *starter) expectation() {
	if s.Cameras == "" {
		return
	}
	s.comment("expect", nil)
	fmt.Fprintf(&s.text, "expect %q {\n  from = %s\n  to = [\"any\"]\n  services = [\"any\"]\n  verdict = \"blocked\"\n}\n",
		s.name("expect"), s.reference("cameras"))
}

// examples writes what is named next, as comments that are a policy without their number signs.
func (s *starter) examples() {
	if s.Cameras == "" {
		return
	}
	s.comment("examples", nil)
	lines := []string{
		"camera " + strconv.Quote(s.name("camera")) + " {",
		"  segment = " + s.reference("cameras"),
		"  mac     = \"44:19:b6:12:34:56\"",
		"  address = " + strconv.Quote(nth(s.network(s.Cameras), 21).String()),
		"}",
	}
	if s.Manage != "" && len(s.addresses(s.Manage)) > 0 {
		lines = append(lines, "",
			"recorder \"nvr-1\" {",
			"  segment = "+s.reference("office"),
			"  address = "+strconv.Quote(nth(s.network(s.Manage), 10).String()),
			"}", "",
			"allow "+strconv.Quote(s.name("record"))+" {",
			"  from     = recorder.nvr-1",
			"  to       = "+s.reference("cameras"),
			"  services = [\"rtsp\", \"onvif\"]",
			"}")
	}
	for _, line := range lines {
		s.text.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// network is the first network of an interface's segment, IPv4 before IPv6.
func (s *starter) network(name string) netip.Prefix {
	addresses := s.addresses(name)
	if i := slices.IndexFunc(addresses, func(p netip.Prefix) bool { return p.Addr().Is4() }); i >= 0 {
		return addresses[i]
	}
	if len(addresses) > 0 {
		return addresses[0]
	}
	return s.free()
}

// nth is a network's n-th address, or its gateway's next one where it is too small for that.
func nth(network netip.Prefix, n int) netip.Addr {
	address := network.Masked().Addr()
	for range n {
		address = address.Next()
	}
	if !network.Contains(address) || address == network.Addr() {
		return network.Addr().Next()
	}
	return address
}

// free is a gateway's address in a private network that no interface has.
func (s *starter) free() netip.Prefix {
	for second := byte(30); second < 250; second++ {
		candidate := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, 0, 1}), 24)
		taken := slices.ContainsFunc(s.Interfaces, func(i Interface) bool {
			return slices.ContainsFunc(i.Addresses, candidate.Overlaps)
		})
		if !taken && !candidate.Contains(s.Client) {
			return candidate
		}
	}
	return netip.MustParsePrefix("192.168.255.1/24")
}

func (s *starter) addresses(name string) []netip.Prefix {
	for _, i := range s.Interfaces {
		if i.Name == name {
			return i.Addresses
		}
	}
	return nil
}

// segment writes one segment; more is what else stands in it.
func (s *starter) segment(name, kind, link string, addresses []netip.Prefix, more string) {
	fmt.Fprintf(&s.text, "segment %q {\n  kind = %q\n  interface = %q\n", s.name(name), kind, link)
	if len(addresses) > 0 {
		words := make([]string, len(addresses))
		for i, a := range addresses {
			words[i] = strconv.Quote(a.String())
		}
		fmt.Fprintf(&s.text, "  addresses = [%s]\n", strings.Join(words, ", "))
	}
	if more != "" {
		s.text.WriteString("\n" + more)
	}
	s.text.WriteString("}\n")
}

func (s *starter) name(what string) string { return s.say.Text("starter.name_"+what, nil) }

func (s *starter) reference(segment string) string { return "segment." + s.name(segment) }

// comment writes a sentence above what it is about.
func (s *starter) comment(sentence string, args message.Args) {
	if s.text.Len() > 0 {
		s.text.WriteString("\n")
	}
	s.text.WriteString(s.remark(sentence, args))
}

// remark is a sentence as lines of comment.
func (s *starter) remark(sentence string, args message.Args) string {
	var lines []string
	line := "#"
	for word := range strings.SplitSeq(s.say.Text("starter."+sentence, args), " ") {
		if len([]rune(line+" "+word)) > widest {
			lines = append(lines, line)
			line = "#"
		}
		line += " " + word
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}
