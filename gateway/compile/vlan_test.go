package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/compile"
	"cordon/gateway/netstate"
	"cordon/gateway/ruleset"
	"cordon/policy"
)

// onVLAN is the school with its cameras and its recorders on VLANs of one trunk, which is the way to the office too.
func onVLAN(scope policy.Scope) policy.Policy {
	p := school()
	p.Site.Scope = scope
	p.Segments[cameras].VLAN = &policy.VLAN{Parent: "lan0", ID: 30}
	p.Segments[recorders].VLAN = &policy.VLAN{Parent: "eth1", ID: 40}
	return p
}

func TestGuardOfATrunk(t *testing.T) {
	cases := map[policy.Scope][]string{
		policy.ScopeBox: {
			`iifname "eth1" vlan id 40 vlan type { ip, ip6, arp } accept`,
			`iifname "lan0" vlan id 30 vlan type { ip, ip6, arp } accept`,
			`iifname "lan0" ether type { ip, ip6, arp } accept comment "a segment without a tag"`,
			`counter drop comment "no tag, two tags, or a VLAN that the policy does not name"`,
		},
		policy.ScopeSegments: {
			`iifname "eth1" vlan id 40 vlan type != { ip, ip6, arp } counter drop comment "a second tag behind ours"`,
			`iifname "lan0" vlan id 30 vlan type != { ip, ip6, arp } counter drop comment "a second tag behind ours"`,
			`vlan id 0 counter drop comment "a tag that is taken off unseen"`,
			`ether type 0x88a8 counter drop`,
		},
	}
	for scope, want := range cases {
		state, r := compile.State(onVLAN(scope), "", policy.Moment{})
		if diff := cmp.Diff(want, rules(t, r, ruleset.Netdev, "trunks")); diff != "" {
			t.Errorf("scope %v: -want +got:\n%s", scope, diff)
		}
		quiet := false
		for _, s := range state.Sysctls {
			quiet = quiet || s.Name == "net/ipv6/conf/eth1/disable_ipv6" && s.Value == "1"
		}
		if quiet != (scope == policy.ScopeBox) {
			t.Errorf("scope %v: the gateway keeps quiet on the trunk: %t", scope, quiet)
		}
	}
	for _, table := range compile.Ruleset(school(), "", policy.Moment{}).Tables {
		for _, c := range table.Chains {
			if c.Name == "trunks" {
				t.Error("control: a policy without a VLAN guards a trunk")
			}
		}
	}
}

func TestTrunksAreWanted(t *testing.T) {
	state, _ := compile.State(onVLAN(policy.ScopeBox), "", policy.Moment{})
	var got []string
	for _, l := range state.Links {
		got = append(got, l.String())
	}
	want := []string{
		"dev cam0 link lan0 type vlan id 30 group 67 up", "dev eth1 group 0 up", "dev lan0 group 0 up",
		"dev rec0 link eth1 type vlan id 40 group 67 up", "dev wan0 group 0 up",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if l := state.Links[0]; l.Kind != netstate.VLANKind || l.VLAN != 30 || l.Parent != "lan0" {
		t.Errorf("%+v", l)
	}
}
