package load

import (
	"net/netip"
	"strings"

	"cordon/policy"
	"cordon/policy/message"
)

// maxName is how many characters a DNS name may have, without its last dot (RFC 1035).
const maxName = 253

// isName says whether a text can be a DNS name, of one label or of several. Beyond a host's name (RFC 952, RFC 1123 section 2.1) it may
// have underscores: the DNS takes any octet (RFC 2181 section 11), names with one are in use, and which name a camera asks for is its
// maker's choice. Everything else that is no host's name is a slip of the pen.
func isName(text string) bool {
	if len(text) > maxName {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > maxLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

// isDomain says whether a text is meant as a DNS name: it has a dot and, at its end, a letter. A wildcard is meant as one too.
func isDomain(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return false
	}
	text = strings.TrimSuffix(text, ".")
	last := text[strings.LastIndex(text, ".")+1:]
	letters := strings.Trim(last, "0123456789-")
	return strings.Contains(text, ".") && letters != "" && !strings.ContainsAny(text, "/: ")
}

// keepNames keeps the DNS names of a list until it is known who opens towards them.
func (l *loader) keepNames(b block, values []value) {
	key := b.kind + "." + b.name + " names"
	for _, v := range values {
		if text, ok := plain(v.cty); ok && isDomain(text) && !isReference(text) {
			l.items[key] = append(l.items[key], v)
		}
	}
}

// checkNames holds the DNS names that a block names against who opens towards them: a camera that may ask any other server learns
// addresses that the gateway does not know.
func (l *loader) checkNames(b block, from []policy.Endpoint) {
	names := l.items[b.kind+"."+b.name+" names"]
	if len(names) == 0 {
		return
	}
	segment, asks := l.asksElsewhere(from)
	for _, v := range names {
		text, _ := plain(v.cty)
		switch {
		case !isName(strings.TrimSuffix(text, ".")):
			l.report.add(v.place, "bad-domain", message.Args{"name": text})
		case asks:
			l.report.add(v.place, "name-unserved", message.Args{"name": text, "segment": segment})
		default:
			l.report.add(v.place, "needs-names", message.Args{"name": text})
		}
	}
}

// asksElsewhere returns a segment of cameras or recorders whose questions the gateway does not answer.
func (l *loader) asksElsewhere(from []policy.Endpoint) (string, bool) {
	asks := func(id policy.SegmentID) bool {
		return id >= 0 && l.out.Segments[id].Kind.Governed() && l.out.Segments[id].Serve.Names != policy.NamesSinkhole
	}
	for _, e := range from {
		for _, id := range e.Segments {
			if asks(id) {
				return l.out.Segments[id].Name, true
			}
		}
		for _, id := range e.Devices {
			if segment := l.out.Devices[id].Segment; asks(segment) {
				return l.out.Segments[segment].Name, true
			}
		}
	}
	return "", false
}
