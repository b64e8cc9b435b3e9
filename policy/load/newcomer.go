package load

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy"
	"cordon/policy/message"
)

// unknownBlock reports a block of a kind that there is none of: in the words of another program, or misspelt.
func (l *loader) unknownBlock(here place, kind string, b *hclsyntax.Block) {
	args := message.Args{"name": kind}
	switch kind {
	case "resource", "data", "module", "provider", "terraform", "output":
		args["want"] = "camera"
		if len(b.Labels) > 0 && slices.Contains(referable(), b.Labels[0]) {
			args["want"] = b.Labels[0]
		}
		l.report.add(here, "terraform-block", args)
		return
	case "deny", "block", "reject", "drop", "forbid", "refuse":
		l.report.add(here, "deny-block", args)
		return
	}
	if synonym := blockSynonym(kind); synonym != "" {
		args["nearest"] = synonym
		l.report.add(here, "unknown-block", args)
		return
	}
	l.report.add(here, "unknown-block", withNearest(kind, topLevel(), args))
}

// unknownAttribute reports an attribute that a kind of block does not have.
func (l *loader) unknownAttribute(here place, b block, name string, known []string) {
	args := message.Args{"name": name, "kind": b.kind}
	opens := slices.Contains(known, "services")
	switch {
	case slices.Contains([]string{"for_each", "count"}, name) && slices.Contains(topLevel(), b.kind):
		l.report.add(here, "many-blocks", args)
	case opens && slices.Contains([]string{"port", "ports", "protocol", "tcp", "udp"}, name):
		l.report.add(here, "ports-not-services", args)
	case opens && slices.Contains([]string{"action", "deny", "enabled", "priority"}, name):
		l.report.add(here, "only-allows", args)
	case slices.Contains(known, attributeSynonym(name)):
		args["nearest"] = attributeSynonym(name)
		l.report.add(here, "unknown-attribute", args)
	default:
		l.report.add(here, "unknown-attribute", withNearest(name, known, args))
	}
}

// plainer returns the code of what is wrong with a line that the parser could not read, and the words that it is about, where the line
// says more than the parser can know: an address without quotes, an attribute without its sign.
func plainer(code string, line []byte) (string, string) {
	if h, ok := headerOf(line); ok && code == "syntax-block" && !h.top() && !h.inner() && !bytes.Contains(line, []byte("{")) {
		return "syntax-no-equals", h.kind
	}
	switch code {
	case "syntax-separator", "syntax-number", "syntax-comma", "syntax-index", "syntax-dot", "syntax-conditional", "syntax-expression":
	default:
		return "", ""
	}
	for word := range bytes.FieldsFuncSeq(line, isApart) {
		if isLiteral(string(word)) {
			return "syntax-unquoted", string(word)
		}
	}
	return "", ""
}

// isApart says whether a character stands between words, never in an address.
func isApart(c rune) bool { return strings.ContainsRune(" \t\r\n,[]()={}", c) }

// isLiteral says whether a word without quotes is an address, a network or a MAC address.
func isLiteral(word string) bool {
	if _, err := netip.ParseAddr(word); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(word); err == nil {
		return true
	}
	_, err := policy.ParseMAC(word)
	return err == nil && strings.ContainsAny(word, ":.-")
}

// meant says whether an attribute stands there under another name, which is reported already.
func meant(b block, s schema, name string) bool {
	known := slices.Concat(s.required, s.optional)
	for given := range b.body.Attributes {
		if !slices.Contains(known, given) && (attributeSynonym(given) == name || nearest(given, known) == name) {
			return true
		}
	}
	return false
}

// blockSynonym returns what other programs' words mean here.
func blockSynonym(kind string) string {
	switch kind {
	case "nvr", "vms":
		return "recorder"
	case "network", "subnet", "zone", "vlan", "interface":
		return "segment"
	case "rule", "permit", "accept", "pass":
		return "allow"
	case "device", "machine", "server":
		return "host"
	case "admin", "management":
		return "manage"
	case "assert", "test", "check":
		return "expect"
	case "port":
		return "service"
	}
	return ""
}

func attributeSynonym(name string) string {
	switch name {
	case "source", "sources", "src":
		return "from"
	case "destination", "destinations", "dest", "dst":
		return "to"
	case "ip", "ips", "ip_address", "ipv4", "ipv6", "subnet", "cidr", "gateway":
		return "address"
	case "mac_address", "hwaddr", "ethernet":
		return "mac"
	case "network", "vlan", "zone":
		return "segment"
	case "iface", "nic", "dev", "device":
		return "interface"
	case "type":
		return "kind"
	case "expires", "expiry", "end", "ends":
		return "until"
	case "comment", "note", "desc":
		return "description"
	case "tags":
		return "labels"
	}
	return ""
}

// comma reports a text that was meant as a list, and says so.
func (l *loader) comma(v value) bool {
	text, ok := plain(v.cty)
	if !ok || !strings.ContainsAny(text, ",;") {
		return false
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' })
	for i, part := range parts {
		parts[i] = strconv.Quote(strings.TrimSpace(part))
	}
	l.report.add(v.place, "comma-text", message.Args{"value": text, "list": strings.Join(parts, ", ")})
	return true
}

// single drops what was reported as several in one text.
func (l *loader) single(list []value) ([]value, bool) {
	kept := slices.DeleteFunc(list, l.comma)
	return kept, len(kept) == len(list)
}
