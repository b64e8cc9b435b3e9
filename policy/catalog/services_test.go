package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/policy"
	"cordon/policy/catalog"
)

// documented is the list as the language's manual gives it.
func documented() map[string]string {
	return map[string]string{
		"any": "any", "ping": "ping", "http": "tcp 80", "https": "tcp 443", "ssh": "tcp 22", "rtsp": "tcp 554", "rtsps": "tcp 322",
		"onvif": "tcp 80", "ntp": "udp 123", "dns": "udp 53 tcp 53", "syslog": "udp 514 tcp 6514", "snmp": "udp 161",
		"snmp-trap": "udp 162", "smtp": "tcp 25 tcp 465 tcp 587", "ftp": "tcp 21", "smb": "tcp 445", "nfs": "tcp 2049",
		"sip": "udp 5060 tcp 5060-5061", "hikvision": "tcp 8000 tcp 8443", "dahua": "tcp 37777 udp 37778",
	}
}

func spell(s policy.Service) string {
	var words []string
	if s.Any {
		words = append(words, "any")
	}
	if s.Ping {
		words = append(words, "ping")
	}
	for _, p := range s.Ports {
		name := map[policy.Protocol]string{policy.TCP: "tcp", policy.UDP: "udp"}[p.Protocol]
		if p.First == p.Last {
			words = append(words, fmt.Sprintf("%s %d", name, p.First))
			continue
		}
		words = append(words, fmt.Sprintf("%s %d-%d", name, p.First, p.Last))
	}
	return strings.Join(words, " ")
}

func TestServicesAreTheDocumentedOnes(t *testing.T) {
	got := map[string]string{}
	for _, s := range catalog.Services() {
		got[s.Name] = spell(s)
	}
	if diff := cmp.Diff(documented(), got); diff != "" {
		t.Errorf("services (-documented +built in):\n%s", diff)
	}
	if len(got) != 20 {
		t.Errorf("%d services, want 20", len(got))
	}
}

func TestService(t *testing.T) {
	if s, ok := catalog.Service("rtsp"); !ok || spell(s) != "tcp 554" {
		t.Errorf("rtsp is %q, %t", spell(s), ok)
	}
	if _, ok := catalog.Service("rtsp-udp"); ok {
		t.Error("rtsp-udp is built in; its range is not decided")
	}
}

// TestEveryServiceHasASource holds that nobody has to believe a port: the registry, a standard, a record of a vulnerability, or that it
// was only seen.
func TestEveryServiceHasASource(t *testing.T) {
	kinds := []string{"IANA ", "RFC ", "ONVIF ", "CVE-", "seen", "own"}
	used := map[string]int{}
	for _, s := range catalog.BuiltIns() {
		i := slices.IndexFunc(kinds, func(kind string) bool { return strings.HasPrefix(s.Source, kind) })
		if i < 0 {
			t.Errorf("%s comes from %q", s.Name, s.Source)
			continue
		}
		used[kinds[i]]++
		if s.From == s.To {
			t.Errorf("%s is opened by %s towards %s", s.Name, s.From, s.To)
		}
	}
	if len(used) != len(kinds) {
		t.Errorf("sources %v, want each of %q", used, kinds)
	}
}

func TestParseServicesRefuses(t *testing.T) {
	rest := " | client > camera | RFC 1\n"
	for name, text := range map[string]string{
		"no port":         "http tcp" + rest,
		"no protocol":     "http 80" + rest,
		"unknown word":    "http sctp 80" + rest,
		"port zero":       "http tcp 0" + rest,
		"port too large":  "http tcp 65536" + rest,
		"backwards":       "media udp 6299-6100" + rest,
		"open run":        "media udp 6100-" + rest,
		"same name twice": "http tcp 80" + rest + "http tcp 8080" + rest,
		"no name":         rest,
		"no columns":      "http tcp 80",
		"no source":       "http tcp 80 | client > camera |",
		"no direction":    "http tcp 80 | | RFC 1",
		"unknown end":     "http tcp 80 | client > printer | RFC 1",
		"a fourth column": "http tcp 80 | client > camera | RFC 1 | x",
	} {
		if list, err := catalog.ParseServices(text); err == nil {
			t.Errorf("%s: accepted as %v", name, list)
		}
	}
	list, err := catalog.ParseServices("# comment\n\nhttp tcp 80" + rest)
	if err != nil || len(list) != 1 || list[0].To != "camera" || list[0].Source != "RFC 1" {
		t.Errorf("control: %v, %v", list, err)
	}
}
