//go:build full

package nft_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"cordon/gateway/kernel/nft"
	"cordon/gateway/ruleset"
	"cordon/gateway/wire"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// judge has nft apply a text and fails the test when it will not.
func judge(t *testing.T, text string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func listing(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "nft", "-s", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("nft list ruleset: %v: %s", err, out)
	}
	return string(out)
}

// roads applies the same rules by nft and by Commit, and compares what the kernel holds and what nft lists.
func roads(t *testing.T, c *nft.Conn, rules ruleset.Ruleset) {
	t.Helper()
	wipe(t, c)
	if err := judge(t, rules.String()); err != nil {
		t.Fatalf("nft refuses our text: %v\n%s", err, rules)
	}
	byNFT, listedNFT := read(t, c).Ours, listing(t)
	wipe(t, c)
	commit(t, c, rules)
	byUs, listedUs := read(t, c).Ours, listing(t)
	want := wire.Stable(wire.Of(rules))
	if d := cmp.Diff(wire.Stable(byNFT), want); d != "" {
		t.Errorf("Of differs from what nft makes (-nft +Of):\n%s\n%s", d, rules)
	}
	if d := cmp.Diff(wire.Stable(byNFT), wire.Stable(byUs)); d != "" {
		t.Errorf("the kernel holds something else (-nft +Commit):\n%s", d)
	}
	if d := cmp.Diff(listedNFT, listedUs); d != "" {
		t.Errorf("nft lists something else (-nft +Commit):\n%s", d)
	}
}

func TestEveryFieldByTwoRoads(t *testing.T) {
	c := open(t)
	covered := 0
	for _, family := range []ruleset.Family{ruleset.Inet, ruleset.Netdev, ruleset.Bridge} {
		for f := ruleset.IIFName; f <= ruleset.DestinationKind; f++ {
			if !fits(f, family) {
				continue
			}
			values := valuesOf(f)
			statements := []ruleset.Statement{
				ruleset.Compare{Field: f, Values: values[:1]},
				ruleset.Compare{Field: f, Values: values[:1], Not: true},
				ruleset.Compare{Field: f, Values: values},
				ruleset.Compare{Field: f, Values: values, Not: true},
			}
			chain := ruleset.Chain{Name: "c"}
			for _, s := range statements {
				chain.Rules = append(chain.Rules, ruleset.Rule{Statements: []ruleset.Statement{s, ruleset.Counter{}}})
			}
			roads(t, c, ruleset.Ruleset{Tables: []ruleset.Table{{Family: family, Name: nft.Ours, Chains: []ruleset.Chain{chain}}}})
			covered++
			if t.Failed() {
				t.Fatalf("%s %s", family, f.Spec().Name)
			}
		}
	}
	if covered < 80 {
		t.Errorf("covered %d pairs of field and family", covered)
	}
}

func TestSkeletonByTwoRoads(t *testing.T) {
	c := open(t)
	links(t, "cam0", "cam1", "rec0", "wan0")
	roads(t, c, skeleton())
}

func TestRandomRulesByTwoRoads(t *testing.T) {
	c := open(t)
	links(t, "cam0", "cam1", "rec0", "wan0")
	refused, taken := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		rules := randomRules(r)
		wipe(t, c)
		if err := judge(t, rules.String()); err != nil {
			refused++ // nft refuses what contradicts itself, such as tcp behind udp
			return
		}
		taken++
		byNFT := wire.Stable(read(t, c).Ours)
		if d := cmp.Diff(byNFT, wire.Stable(wire.Of(rules))); d != "" {
			r.Fatalf("Of differs from what nft makes (-nft +Of):\n%s\n%s", d, rules)
		}
	})
	t.Logf("%d rule sets compared, %d refused by nft", taken, refused)
	if taken < refused {
		t.Errorf("only %d of %d random rule sets were taken by nft", taken, taken+refused)
	}
}

// behindTag says whether a field stands in or behind the header that an Ethernet frame carries.
func behindTag(f ruleset.Field) bool { return f >= ruleset.IPHead && f <= ruleset.ARPTargetIP }

func randomRules(r *rapid.T) ruleset.Ruleset {
	family := rapid.SampledFrom([]ruleset.Family{ruleset.Inet, ruleset.Inet, ruleset.Netdev, ruleset.Bridge}).Draw(r, "family")
	var fields []ruleset.Field
	// What stands behind a tag is looked for at another offset: our rules ask for the one or for the other.
	tagged := rapid.Bool().Draw(r, "tagged")
	for f := ruleset.IIFName; f <= ruleset.DestinationKind; f++ {
		tag := f == ruleset.VLANID || f == ruleset.VLANType
		if fits(f, family) && (tagged && !behindTag(f) || !tagged && !tag) {
			fields = append(fields, f)
		}
	}
	table := ruleset.Table{Family: family, Name: nft.Ours}
	chain := ruleset.Chain{Name: "c"}
	var rule ruleset.Rule
	for range rapid.IntRange(1, 4).Draw(r, "statements") {
		f := rapid.SampledFrom(fields).Draw(r, "field")
		switch rapid.IntRange(0, 8).Draw(r, "kind") {
		case 0:
			rule.Statements = append(rule.Statements, rapid.SampledFrom(plain()).Draw(r, "plain"))
		case 2:
			if mask := valuesOf(f)[0]; maskable(f) {
				c := ruleset.Compare{Field: f, Mask: mask, Values: []string{mask}, Not: rapid.Bool().Draw(r, "not")}
				rule.Statements = append(rule.Statements, c)
			}
		case 3:
			if values := valuesOf(f); f.Spec().Type == ruleset.InetService || f.Spec().Type == ruleset.ICMPv6Name {
				rule.Statements = append(rule.Statements, ruleset.Between{Field: f, First: values[0], Last: values[1]})
			}
		case 1:
			key := rapid.SliceOfNDistinct(rapid.SampledFrom(fields), 1, 4, rapid.ID).Draw(r, "key")
			name := fmt.Sprintf("s%d", len(table.Sets))
			if !fitsKey(key) {
				continue
			}
			table.Sets = append(table.Sets, ruleset.Set{Name: name, Key: key, Typeof: true, Size: 64})
			rule.Statements = append(rule.Statements, ruleset.In{Fields: key, Set: name, Not: rapid.Bool().Draw(r, "not")})
		default:
			values := valuesOf(f)
			if rapid.Bool().Draw(r, "one") {
				values = values[:1]
			}
			rule.Statements = append(rule.Statements, ruleset.Compare{Field: f, Values: values, Not: rapid.Bool().Draw(r, "not")})
		}
	}
	rule.Statements = append(rule.Statements, ruleset.Verdict{Kind: ruleset.AcceptPacket})
	chain.Rules = []ruleset.Rule{rule}
	table.Chains = []ruleset.Chain{chain}
	return ruleset.Ruleset{Tables: []ruleset.Table{table}}
}

// plain returns statements that look at no field.
func plain() []ruleset.Statement {
	return []ruleset.Statement{
		ruleset.Counter{},
		ruleset.Limit{Rate: 7, Burst: 9},
		ruleset.Flows{Most: 5},
		ruleset.Log{Group: 3, SnapLen: 64, Prefix: "x"},
		ruleset.SetMark{Value: 5},
	}
}

// maskable tells whether nft takes a field with a mask in the form that we print.
func maskable(f ruleset.Field) bool {
	switch f.Spec().Type {
	case ruleset.IPv4Addr, ruleset.MarkValue, ruleset.TCPFlag, ruleset.InetService:
		return true
	default:
		return f == ruleset.IPHead
	}
}

// fitsKey tells whether nft can make a set with such a key: at most five parts and 64 octets.
func fitsKey(key []ruleset.Field) bool {
	n := 0
	for _, f := range key {
		n += (f.Spec().Bytes + 3) / 4 * 4
	}
	return n <= 64
}
