package netstate

import (
	"encoding/binary"
	"slices"

	"cordon/gateway/ruleset"
	"cordon/gateway/wire"
)

// The places beside the packet filter where a frame's way may be decided.
const (
	XDP     = "xdp" // a program at the driver, before anything else
	Traffic = "tc"  // a filter of the traffic control, before the ingress hooks
)

// Program is what handles the frames of an interface outside the packet filter. Layer is one of the places above; the Name of a filter of
// the traffic control begins with the queueing discipline that it hangs on, by which it is removed.
type Program struct{ Interface, Layer, Name string }

// Meddling is a rule of another program's table that does more than accept or refuse, told by nft's word for it, such as dup.
type Meddling struct {
	Table ForeignTable
	Chain string
	Does  string
}

// MeddlingOf returns what other programs' tables do beyond accepting and refusing, each kind once a chain.
func MeddlingOf(tables []wire.Table) []Meddling {
	var list []Meddling
	for i := range tables {
		t := &tables[i]
		id := ForeignTable{Family: t.Family.String(), Name: t.Name}
		for _, c := range t.Chains {
			for _, does := range deeds(c.Rules) {
				list = append(list, Meddling{id, c.Name, does})
			}
		}
		for _, o := range t.Others {
			if o.Kind == "flowtable" {
				list = append(list, Meddling{id, o.Name, "flowtable"})
			}
		}
	}
	return list
}

// deeds are what a chain's rules do, each once, in their order.
func deeds(rules []wire.Rule) []string {
	var list []string
	for _, r := range rules {
		loaded := wire.Attributes("")
		for _, e := range r.Exprs {
			if does := deed(e, loaded); does != "" && !slices.Contains(list, does) {
				list = append(list, does)
			}
			if e.Name == "immediate" {
				data, _ := e.Attrs.Get(2) // NFTA_IMMEDIATE_DATA
				loaded, _ = data.Get(1)   // NFTA_DATA_VALUE
			}
		}
	}
	return list
}

// deed is what one expression does, in the words of nft or, for the extensions of iptables, in theirs; empty for what only looks, counts
// or judges. What was loaded is the value that it may write.
func deed(e wire.Expr, loaded wire.Attributes) string {
	switch e.Name {
	case "nat", "masq", "redir", "dup", "fwd", "notrack", "tproxy", "synproxy", "flow_offload":
		return e.Name
	case "target": // of xtables: NFTA_TARGET_NAME is 1
		name := e.Attrs.Text(1)
		if slices.Contains([]string{"DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP", "TEE", "CT", "NOTRACK", "TPROXY"}, name) {
			return name
		}
	case "meta":
		key, _ := e.Attrs.Get(2)                   // NFTA_META_KEY
		_, writes := e.Attrs.Get(3)                // NFTA_META_SREG
		mark := string(key) == bigEndian(metaMark) // attributes of nf_tables are in network order
		if mark && writes && (string(loaded) == ruleset.Word(ExceptionMark) || string(loaded) == ruleset.Word(ErrorMark)) {
			return "meta mark set of Cordon's own mark"
		}
	}
	return ""
}

// metaMark is NFT_META_MARK.
const metaMark = 3

func bigEndian(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
