package ruleset_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cordon/gateway/ruleset"
)

func TestStatements(t *testing.T) {
	const tcp = "\x06"
	flags := ruleset.Compare{Field: ruleset.TCPFlags, Mask: "\x04", Values: []string{"\x00"}}
	port, newOrRelated := ruleset.Short, ruleset.Word(ruleset.StateNew|ruleset.StateRelated)
	for _, c := range []struct {
		statement ruleset.Statement
		want      string
	}{
		{ruleset.Compare{Field: ruleset.L4Proto, Values: []string{tcp}}, "meta l4proto tcp"},
		{ruleset.Compare{Field: ruleset.L4Proto, Values: []string{tcp, "\x01"}}, "meta l4proto { tcp, 1 }"},
		{ruleset.Compare{Field: ruleset.IIFName, Not: true, Values: []string{ruleset.Name("cam0")}}, `iifname != "cam0"`},
		{ruleset.Compare{Field: ruleset.EtherTypeField, Values: []string{port(0x88cc)}}, "ether type 0x88cc"},
		{ruleset.Compare{Field: ruleset.EtherTypeField, Values: []string{port(0x0806)}}, "ether type arp"},
		{ruleset.Compare{Field: ruleset.NFProto, Values: []string{"\x0a"}}, "meta nfproto ipv6"},
		{ruleset.Compare{Field: ruleset.CTDirection, Values: []string{"\x01"}}, "ct direction reply"},
		{
			ruleset.Compare{Field: ruleset.DestinationKind, Values: []string{ruleset.Word(ruleset.KindLocal)}, Not: true},
			"fib daddr type != local",
		},
		{ruleset.Compare{Field: ruleset.IIFGroup, Values: []string{ruleset.Word(67)}}, "iifgroup 67"},
		{ruleset.Compare{Field: ruleset.CTState, Values: []string{newOrRelated}}, "ct state related,new"},
		{
			ruleset.Compare{
				Field: ruleset.IPHead, Mask: "\xff\x00\x00\x00\x00\x00\x3f\xff", Not: true,
				Values: []string{"\x45\x00\x00\x00\x00\x00\x00\x00"},
			},
			"@nh,0,64 & 0xff00000000003fff != 0x4500000000000000",
		},
		{flags, "tcp flags & 4 == 0"},
		{ruleset.Between{Field: ruleset.DestinationPort, First: port(6100), Last: port(6299)}, "th dport 6100-6299"},
		{ruleset.In{Fields: []ruleset.Field{ruleset.IIFName, ruleset.EtherSource}, Set: "macs"}, "iifname . ether saddr @macs"},
		{ruleset.In{Fields: []ruleset.Field{ruleset.IIFName}, Set: "macs", Not: true}, "iifname != @macs"},
		{ruleset.Dispatch{Fields: []ruleset.Field{ruleset.IIFName}, Map: "doors"}, "iifname vmap @doors"},
		{
			ruleset.Update{
				Fields: []ruleset.Field{ruleset.IPSource}, Set: "news", Refresh: true,
				Statements: []ruleset.Statement{ruleset.Limit{Rate: 50, Burst: 200}},
			},
			"update @news { ip saddr limit rate 50/second burst 200 packets }",
		},
		{
			ruleset.Update{Fields: []ruleset.Field{ruleset.IPSource}, Set: "open", Statements: []ruleset.Statement{ruleset.Flows{Most: 256}}},
			"add @open { ip saddr ct count 256 }",
		},
		{
			ruleset.Update{Fields: []ruleset.Field{ruleset.IPSource}, Set: "seen", Statements: []ruleset.Statement{ruleset.Counter{}}},
			"add @seen { ip saddr counter }",
		},
		{ruleset.Log{Group: 30, SnapLen: 128, Prefix: "tried"}, `log prefix "tried" group 30 snaplen 128`},
		{ruleset.SetMark{Value: 0xc04d1a04}, "meta mark set 0xc04d1a04"},
		{ruleset.Notrack{}, "notrack"},
		{ruleset.Masquerade{}, "masquerade"},
		{ruleset.Reject{Reset: true}, "reject with tcp reset"},
		{ruleset.Reject{}, "reject with icmpx admin-prohibited"},
		{ruleset.Verdict{Kind: ruleset.GotoChain, Chain: "judge"}, "goto judge"},
		{ruleset.Verdict{Kind: ruleset.JumpTo, Chain: "judge"}, "jump judge"},
		{ruleset.Verdict{Kind: ruleset.ReturnPacket}, "return"},
	} {
		if got := c.statement.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestElements(t *testing.T) {
	addr := func(s string) string { return ruleset.Addr(netip.MustParseAddr(s)) }
	who := ruleset.Set{Key: []ruleset.Field{ruleset.IIFName, ruleset.EtherSource, ruleset.IPSource}}
	reach := ruleset.Set{Key: []ruleset.Field{ruleset.IIFName, ruleset.IPDestination}, Interval: true}
	doors := ruleset.Set{Key: []ruleset.Field{ruleset.IIFName}, Verdicts: true}
	for _, c := range []struct {
		set     ruleset.Set
		element ruleset.Element
		want    string
	}{
		{
			who,
			ruleset.Element{Key: ruleset.Key(ruleset.Name("cam0"), "\x44\x19\xb6\x00\x00\x01", addr("10.30.0.21")), Comment: "f0:30"},
			`"cam0" . 44:19:b6:00:00:01 . 10.30.0.21 comment "f0:30"`,
		},
		{reach, ruleset.Element{
			Key: ruleset.Key(ruleset.Name("cam0"), addr("10.40.0.0")), End: ruleset.Key(ruleset.Name("cam0"), addr("10.40.0.255")), Timeout: 60,
		}, `"cam0" . 10.40.0.0-10.40.0.255 timeout 60s`},
		{doors, ruleset.Element{Key: ruleset.Name("lo"), Verdict: ruleset.Verdict{}, Comment: "x"}, `"lo" comment "x" : accept`},
	} {
		if got := c.set.Text(c.element); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	// What is put together comes apart again.
	parts := []string{ruleset.Name("cam0"), "\x44\x19\xb6\x00\x00\x01", addr("10.30.0.21")}
	if diff := cmp.Diff(parts, who.Split(ruleset.Key(parts...))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	hook := ruleset.Hook{Point: ruleset.Ingress, Priority: -500, Devices: []string{"cam0", "cam1"}, Drop: true}
	end := ruleset.Rule{Statements: []ruleset.Statement{ruleset.Verdict{Kind: ruleset.DropPacket}}, Comment: "end"}
	r := ruleset.Ruleset{Tables: []ruleset.Table{{
		Family: ruleset.Inet, Name: "cordon", Comment: "ours",
		Sets: []ruleset.Set{
			{Name: "doors", Key: []ruleset.Field{ruleset.IIFName}, Verdicts: true, Size: 64, Elements: []ruleset.Element{
				{Key: ruleset.Name("cam0"), Verdict: ruleset.Verdict{Kind: ruleset.GotoChain, Chain: "camera"}},
			}},
			{Name: "news", Key: []ruleset.Field{ruleset.IPSource}, Dynamic: true, Timeout: 60, Size: 64, Counted: true, Comment: "new"},
			{Name: "selves6", Key: []ruleset.Field{ruleset.IIFName, ruleset.NDTarget}, Typeof: true, Timed: true},
		},
		Chains: []ruleset.Chain{
			{Name: "cameras", Hook: &hook, Rules: []ruleset.Rule{end}},
			{Name: "camera"},
		},
	}}}
	const want = `table inet cordon
delete table inet cordon
table inet cordon {
	comment "ours"
	chain cameras {
		type filter hook ingress devices = { "cam0", "cam1" } priority -500; policy drop;
	}
	chain camera {
	}
	map doors {
		type ifname : verdict
		size 64
		elements = {
			"cam0" : goto camera
		}
	}
	set news {
		type ipv4_addr
		size 64
		flags dynamic,timeout
		counter
		timeout 60s
		comment "new"
	}
	set selves6 {
		typeof iifname . @th,64,128
		flags timeout
	}
	chain cameras {
		drop comment "end"
	}
}
`
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// full is a writer without room.
type full struct{}

var errFull = errors.New("no room")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteReportsTheWriter(t *testing.T) {
	long := ruleset.Ruleset{Tables: []ruleset.Table{{Family: ruleset.Inet, Name: strings.Repeat("x", 10_000)}}}
	if err := long.Write(full{}); !errors.Is(err, errFull) {
		t.Errorf("the error is %v", err)
	}
}
