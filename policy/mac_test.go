package policy_test

import (
	"testing"

	"cordon/policy"
)

func TestParseMAC(t *testing.T) {
	want := policy.MAC{0x44, 0x19, 0xb6, 0x12, 0x34, 0x56}
	for _, text := range []string{"44:19:b6:12:34:56", "44-19-B6-12-34-56", "4419.b612.3456", "44:19:B6:12:34:56"} {
		if got, err := policy.ParseMAC(text); err != nil || got != want {
			t.Errorf("ParseMAC(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "44:19:b6:12:34", "44:19:b6:12:34:56:78", "44:19:b6:12:34:5g", "4419b6123456", "44.19.b6.12.34.56", "4:19:b6:12:34:56",
		"44:19-b6:12:34:56", "444:9:b6:12:34:56", "4419:b612:3456",
	} {
		if got, err := policy.ParseMAC(text); err == nil {
			t.Errorf("ParseMAC(%q) = %v, want an error", text, got)
		}
	}
	if got := want.String(); got != "44:19:b6:12:34:56" {
		t.Errorf("String() = %q", got)
	}
}

func FuzzParseMAC(f *testing.F) {
	f.Add("44:19:b6:12:34:56")
	f.Add("4419.b612.3456")
	f.Fuzz(func(t *testing.T, text string) {
		mac, err := policy.ParseMAC(text)
		if err != nil {
			return
		}
		again, err := policy.ParseMAC(mac.String())
		if err != nil || again != mac {
			t.Errorf("%q is %v, and %q is %v, %v", text, mac, mac.String(), again, err)
		}
	})
}

func TestKindsOfMAC(t *testing.T) {
	for _, c := range []struct {
		mac             policy.MAC
		zero, multicast bool
	}{
		{policy.MAC{}, true, false},
		{policy.MAC{0x44, 0x19, 0xb6, 0, 0, 1}, false, false},
		{policy.MAC{0x01, 0, 0x5e, 0, 0, 1}, false, true},
		{policy.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, true},
	} {
		if c.mac.IsZero() != c.zero || c.mac.IsMulticast() != c.multicast {
			t.Errorf("%s: zero %t, multicast %t", c.mac, c.mac.IsZero(), c.mac.IsMulticast())
		}
	}
}
