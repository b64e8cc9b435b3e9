package write_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
	"cordon/policy/write"
)

// prefixes reads addresses.
func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// machines are what a policy may be begun for.
func machines() map[string]write.Surroundings {
	eth0 := write.Interface{Name: "eth0", Addresses: prefixes("192.168.1.10/24", "fd00::10/64")}
	eth1, eth2 := write.Interface{Name: "eth1"}, write.Interface{Name: "eth2", Addresses: prefixes("10.30.0.1/16")}
	three := []write.Interface{eth0, eth1, eth2}
	return map[string]write.Surroundings{
		"nothing":       {Site: "x"},
		"one interface": {Site: "x", Manage: "eth0", Interfaces: []write.Interface{eth0}},
		"a guess":       {Site: "école-2", Manage: "eth0", Guessed: true, Cameras: "eth1", Interfaces: three},
		"all three":     {Site: "x", Manage: "eth0", Uplink: "eth1", Cameras: "eth2", Interfaces: three},
		"terminal only": {Site: "x", Uplink: "eth0", Cameras: "eth1", Interfaces: three},
		"IPv6 alone": {
			Site: "x", Manage: "eth3", Cameras: "eth1",
			Interfaces: []write.Interface{eth1, {Name: "eth3", Addresses: prefixes("fd01::1/64")}},
		},
		"a small network": {
			Site: "x", Manage: "eth3", Cameras: "eth1",
			Interfaces: []write.Interface{eth1, {Name: "eth3", Addresses: prefixes("10.9.9.1/30")}},
		},
		"behind a router": {
			Site: "x", Manage: "eth0", Cameras: "eth1", Interfaces: three,
			Client: netip.MustParseAddr("10.31.9.9"), Router: netip.MustParseAddr("192.168.1.1"),
		},
	}
}

// read reads a text as a policy.
func read(text []byte) (policy.Policy, []message.Diagnostic) {
	at := policy.Moment{Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Trusted: true}
	return load.Dir(at, nil, load.Directory{FS: fstest.MapFS{"site.hcl": {Data: text}}})
}

// uncommented takes the number signs from the examples, which are the last comments and the only ones that are not sentences.
func uncommented(text string, first string) string {
	at := strings.Index(text, "# "+first)
	if at < 0 {
		return text
	}
	lines := strings.Split(text[at:], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
	}
	return text[:at] + strings.Join(lines, "\n")
}

// TestStarterIsAPolicy holds that what is begun is without an error and without a warning, canonical, and still so once its examples are
// no comments any more.
func TestStarterIsAPolicy(t *testing.T) {
	examples := 0
	for name, m := range machines() {
		for _, language := range []message.Language{message.English, message.French} {
			say := message.In(language)
			text := write.Starter(m, say)
			if p, diagnostics := read(text); len(diagnostics) > 0 {
				t.Errorf("%s, %s:\n%s\n%s", name, language, text, say.RenderAll(diagnostics))
			} else if len(p.Manage) != 1 || len(p.Allows) != 0 || len(p.Devices) != 0 || (len(p.Expectations) == 1) != (m.Cameras != "") {
				t.Errorf("%s, %s: %d manage, %d allows, %d devices, %d expectations", name, language, len(p.Manage), len(p.Allows), len(p.Devices),
					len(p.Expectations))
			}
			if again, _ := write.Format("site.hcl", text); string(again) != string(text) {
				t.Errorf("%s, %s: not in the canonical format:\n%s", name, language, text)
			}
			p, diagnostics := read([]byte(uncommented(string(text), "camera \"")))
			if len(diagnostics) > 0 {
				t.Errorf("%s, %s, with its examples:\n%s", name, language, say.RenderAll(diagnostics))
			}
			examples += len(p.Devices) + len(p.Allows)
			for line := range strings.SplitSeq(string(text), "\n") {
				if strings.HasPrefix(line, "#") && len([]rune(line)) > 100 {
					t.Errorf("%s, %s: a comment of %d columns: %s", name, language, len([]rune(line)), line)
				}
			}
		}
	}
	if len(machines()) != 8 || examples != 2*(5*3+1) {
		t.Errorf("%d machines, %d examples", len(machines()), examples)
	}
}

// TestStarterHasAControl holds that a starter for a machine whose addresses overlap is seen to be wrong.
func TestStarterHasAControl(t *testing.T) {
	m := write.Surroundings{Site: "x", Manage: "eth0", Cameras: "eth1", Interfaces: []write.Interface{
		{Name: "eth0", Addresses: prefixes("10.0.0.1/8")}, {Name: "eth1", Addresses: prefixes("10.30.0.1/24")},
	}}
	if _, diagnostics := read(write.Starter(m, message.In(message.English))); !message.HasErrors(diagnostics) {
		t.Error("overlapping segments are not seen")
	}
}

// TestStarterFindsAFreeNetwork draws machines: the network that is proposed for the cameras is nobody else's.
func TestStarterFindsAFreeNetwork(t *testing.T) {
	say := message.In(message.English)
	rapid.Check(t, func(t *rapid.T) {
		m := write.Surroundings{Site: "x", Manage: "eth0", Cameras: "eth1", Interfaces: []write.Interface{{Name: "eth1"}}}
		address := netip.AddrFrom4([4]byte{10, rapid.ByteRange(28, 40).Draw(t, "second"), rapid.Byte().Draw(t, "third"), 5})
		m.Interfaces = append(m.Interfaces, write.Interface{
			Name: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(address, rapid.IntRange(9, 30).Draw(t, "bits"))},
		})
		text := write.Starter(m, say)
		if _, diagnostics := read(text); len(diagnostics) > 0 {
			t.Fatalf("%s\n%s", text, say.RenderAll(diagnostics))
		}
	})
}
