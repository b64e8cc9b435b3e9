package catalog_test

import (
	"fmt"
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

func TestParseServicesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no port":         "http tcp",
		"no protocol":     "http 80",
		"unknown word":    "http sctp 80",
		"port zero":       "http tcp 0",
		"port too large":  "http tcp 65536",
		"backwards":       "media udp 6299-6100",
		"open run":        "media udp 6100-",
		"same name twice": "http tcp 80\nhttp tcp 8080",
	} {
		if list, err := catalog.ParseServices(text); err == nil {
			t.Errorf("%s: accepted as %v", name, list)
		}
	}
	if _, err := catalog.ParseServices("# comment\n\nhttp tcp 80\n"); err != nil {
		t.Errorf("control: %v", err)
	}
}
