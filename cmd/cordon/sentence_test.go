package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cordon/gateway"
	"cordon/gateway/netstate"
	"cordon/gateway/plan"
	"cordon/gateway/wire"
	"cordon/policy"
	"cordon/policy/message"
)

// manyChanges is a plan of four thousand cameras, two kinds of the machine's own business, and some flows that end.
func manyChanges(flows int) gateway.Proposal {
	p := gateway.Proposal{Policy: policy.Policy{Devices: []policy.Device{
		{Kind: policy.Camera, Name: "gym", Addresses: []netip.Addr{netip.MustParseAddr("10.30.0.21")}},
	}}}
	p.Plan.Batch = wire.NewBatch(0)
	for i := range 4000 {
		name := fmt.Sprintf("c%04d", i+1)
		p.Plan.Changes = append(p.Plan.Changes, plan.Change{
			Action: plan.Add, Kind: "camera", Name: name, Text: "10.30.0.24 44:19:b6:00:00:04", Peers: []string{"nvr-1", "nvr-2"},
			Origin: policy.Origin{File: "cameras.csv", Line: i + 2},
		})
	}
	p.Plan.Changes = append(p.Plan.Changes,
		plan.Change{Action: plan.Remove, Kind: "allow", Name: "record"},
		plan.Change{Action: plan.Amend, Kind: "sysctl", Name: "net/ipv4/ip_forward=1"},
		plan.Change{Action: plan.Amend, Kind: "segment", Name: "cameras"},
	)
	for i := range flows {
		p.Cut = append(p.Cut, netstate.Flow{
			Protocol: policy.TCP, Source: netip.MustParseAddr("10.30.0.21"), SourcePort: uint16(40000 + i),
			Destination: netip.MustParseAddr("203.0.113.80"), DestinationPort: 443,
		})
	}
	return p
}

func planned(t *testing.T, language message.Language, verbose bool, p gateway.Proposal) []string {
	t.Helper()
	a := &app{words: message.In(language)}
	a.flags.verbose = verbose
	var text bytes.Buffer
	if err := a.planText(p)(&text); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

func has(t *testing.T, lines []string, want ...string) {
	t.Helper()
	for _, w := range want {
		found := false
		for _, l := range lines {
			found = found || strings.TrimRight(l, " ") == w
		}
		if !found {
			t.Errorf("no line %q in\n%s", w, strings.Join(lines, "\n"))
		}
	}
}

func TestPlanFoldsWhatIsMany(t *testing.T) {
	lines := planned(t, message.English, false, manyChanges(12))
	if len(lines) != 20+1+3+1+10+1+1 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	has(t, lines,
		`+ camera "c0020" (10.30.0.24, 44:19:b6:00:00:04), recorded by nvr-1, nvr-2   cameras.csv:21`,
		"+ and 3,980 more cameras", `- allow "record"`, `~ segment "cameras"`, "~ 1 kernel setting",
		"12 running flows end:", "  tcp 10.30.0.21 40009 → 203.0.113.80 443 (camera.gym)", "  and 2 more flows",
		"0 elements added, 0 removed; 0 rules added, 0 removed.",
	)
	if all := planned(t, message.English, true, manyChanges(1)); len(all) != 4003+1+1+1 {
		t.Errorf("control: with -v %d lines", len(all))
	}
}

func TestPlanInFrench(t *testing.T) {
	has(t, planned(t, message.French, false, manyChanges(1)),
		"+ et 3\u00a0980 autres caméras", "- autorisation «\u00a0record\u00a0»", "~ 1 paramètre du noyau", "1 flux en cours prend fin\u00a0:")
}

func TestNothingToDo(t *testing.T) {
	var p gateway.Proposal
	p.Plan.Batch = wire.NewBatch(0)
	has(t, planned(t, message.English, false, p), "Nothing to do: the machine is as the policy wants it.")
}

// TestKindsHaveSentences holds every kind of change against both languages: those of a policy are folded, the machine's are counted.
func TestKindsHaveSentences(t *testing.T) {
	kinds := []string{
		"camera", "recorder", "host", "allow", "exception", "manage", "segment", "service",
		"skeleton", "route", "rule", "address", "link", "sysctl", "neighbour",
	}
	for _, language := range []message.Language{message.English, message.French} {
		keys := message.In(language).Keys()
		for _, kind := range kinds {
			many := "more." + kind
			if internal(kind) {
				many = "changes." + kind
			}
			if keys["change."+kind] == "" || keys[many] == "" {
				t.Errorf("%s: no sentence for %s", language, kind)
			}
		}
	}
}

func TestNumber(t *testing.T) {
	english, french := &app{words: message.In(message.English)}, &app{words: message.In(message.French)}
	for n, want := range map[int][2]string{
		0: {"0", "0"}, 999: {"999", "999"}, 1000: {"1,000", "1\u00a0000"}, 1234567: {"1,234,567", "1\u00a0234\u00a0567"},
	} {
		if got := [2]string{english.number(n), french.number(n)}; got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
