package wire

import (
	"cmp"
	"slices"

	"cordon/gateway/ruleset"

	"golang.org/x/sys/unix"
)

// Of turns our rules into the kernel's values, expression by expression those that nft 1.0.6 makes of their text, so that
// `nft list ruleset` prints the same whichever of the two applied them.
func Of(rules ruleset.Ruleset) []Table {
	tables := make([]Table, len(rules.Tables))
	for i := range rules.Tables {
		tables[i] = tableOf(&rules.Tables[i])
	}
	return tables
}

func tableOf(t *ruleset.Table) Table {
	w := Table{Family: t.Family, Name: t.Name, Userdata: comment(tableCommentTLV, t.Comment)}
	w.Sets = make([]Set, len(t.Sets))
	counted := map[string]bool{}
	for i := range t.Sets {
		w.Sets[i] = setOf(&t.Sets[i])
		counted[t.Sets[i].Name] = t.Sets[i].Counted
	}
	for _, c := range t.Chains {
		chain := Chain{Name: c.Name}
		if c.Hook != nil {
			chain.Hook = hookOf(t.Family, c.Hook)
			chain.Flags = baseChain
		}
		for _, r := range c.Rules {
			chain.Rules = append(chain.Rules, w.ruleOf(r, counted))
		}
		w.Chains = append(w.Chains, chain)
	}
	return w
}

// baseChain is NFT_CHAIN_BASE.
const baseChain = 1

func hookOf(family ruleset.Family, h *ruleset.Hook) *Hook {
	w := &Hook{Type: "filter", Priority: int32(h.Priority), Policy: nfAccept, Devices: h.Devices} //nolint:gosec // 32 bits by the kernel
	if h.NAT {
		w.Type = "nat"
	}
	if h.Drop {
		w.Policy = nfDrop
	}
	switch h.Point {
	case ruleset.Ingress:
		w.Number = unix.NF_NETDEV_INGRESS
		if family == ruleset.Inet {
			w.Number = inetIngress
		}
	case ruleset.Egress:
		w.Number = netdevEgress
	case ruleset.Prerouting:
		w.Number = unix.NF_INET_PRE_ROUTING
	case ruleset.Input:
		w.Number = unix.NF_INET_LOCAL_IN
	case ruleset.Forward:
		w.Number = unix.NF_INET_FORWARD
	case ruleset.Output:
		w.Number = unix.NF_INET_LOCAL_OUT
	case ruleset.Postrouting:
		w.Number = unix.NF_INET_POST_ROUTING
	}
	return w
}

// Numbers of hooks and verdicts (linux/netfilter.h, NF_INET_INGRESS, NF_NETDEV_EGRESS, NF_DROP, NF_ACCEPT).
const (
	inetIngress  = 5
	netdevEgress = 1
	nfDrop       = 0
	nfAccept     = 1
)

func setOf(s *ruleset.Set) Set {
	w := Set{
		Name:    s.Name,
		KeyType: keyType(s.Key),
		Size:    uint32(s.Size),            //nolint:gosec // 32 bits by the kernel
		Timeout: uint64(s.Timeout) * 1_000, //nolint:gosec // never negative
	}
	var parts []uint32
	w.KeyLen, parts = keyLengths(s.Key)
	for flag, on := range map[uint32]bool{
		unix.NFT_SET_INTERVAL: s.Interval,
		unix.NFT_SET_MAP:      s.Verdicts,
		unix.NFT_SET_EVAL:     s.Dynamic,
		unix.NFT_SET_TIMEOUT:  s.Timed || s.Timeout > 0,
		setConcat:             s.Interval && len(s.Key) > 1,
	} {
		if on {
			w.Flags |= flag
		}
	}
	if s.Interval && len(s.Key) > 1 {
		w.Fields = parts
	}
	if s.Verdicts {
		w.DataType, w.DataLen = dataVerdict, verdictLength
	}
	if s.Counted {
		w.Exprs = []Expr{{Name: "counter"}}
	}
	w.Userdata = setUserdata(s)
	w.Elements = elementsOf(s, w.Exprs)
	return w
}

// What a set of the kernel is told (NFT_SET_CONCAT, NFT_DATA_VERDICT, and the length of a verdict with its chain in a register).
const (
	setConcat     = 0x80
	dataVerdict   = 0xffffff00
	verdictLength = 16
)

func setUserdata(s *ruleset.Set) string {
	b := appendTLV32(nil, setKeyOrderTLV, order(s.Key))
	if s.Verdicts {
		b = appendTLV32(b, setDataOrderTLV, orderNone)
	}
	switch {
	case s.Typeof:
		b = appendTLV(b, setKeyTypeofTLV, typeof(s.Key))
		if s.Verdicts {
			b = appendTLV(b, setDataTypeofTLV, typeofExpr(nftVerdict, ""))
		}
	case len(s.Key) > 1:
		b = appendTLV(b, setKeyTypeofTLV, typeofExpr(nftConcat, "")) // nft keeps that much of a key declared by types
	}
	if s.Verdicts {
		b = appendTLV32(b, setDataIntervalTLV, 0)
	}
	return string(b) + comment(setCommentTLV, s.Comment)
}

func elementsOf(s *ruleset.Set, exprs []Expr) []Element {
	if s.Interval && len(s.Key) == 1 {
		return intervals(s)
	}
	list := make([]Element, len(s.Elements))
	for i := range s.Elements {
		e := &s.Elements[i]
		list[i] = elementOf(s, e)
		list[i].Exprs = exprs
		if s.Interval {
			list[i].KeyEnd = cmp.Or(e.End, e.Key)
		}
	}
	return list
}

func elementOf(s *ruleset.Set, e *ruleset.Element) Element {
	w := Element{
		Key:      e.Key,
		Timeout:  uint64(e.Timeout) * 1_000, //nolint:gosec // never negative
		Userdata: comment(elementCommentTLV, e.Comment),
	}
	if s.Verdicts {
		w.Data = Attributes(appendText(nil, dataVerdictAttr, verdictData(e.Verdict)))
	}
	return w
}

// intervals writes ranges of a key of one part as the kernel's tree wants them: where each begins, and where it has just ended. The
// first octets of all belong to no range, and nft says so. A range without an end carries a flag for nft's own listing.
func intervals(s *ruleset.Set) []Element {
	if len(s.Elements) == 0 {
		return nil
	}
	ranges := slices.Clone(s.Elements)
	slices.SortFunc(ranges, func(a, b ruleset.Element) int { return cmp.Compare(a.Key, b.Key) })
	list := make([]Element, 0, 2*len(ranges)+1)
	if zero := string(make([]byte, len(ranges[0].Key))); ranges[0].Key != zero {
		list = append(list, Element{Key: zero, Flags: unix.NFT_SET_ELEM_INTERVAL_END})
	}
	for i := range ranges {
		start := elementOf(s, &ranges[i])
		after, ok := next(cmp.Or(ranges[i].End, ranges[i].Key))
		if !ok {
			start.Userdata += string(appendTLV32(nil, elementFlagsTLV, 1)) // NFTNL_SET_ELEM_F_INTERVAL_OPEN
			list = append(list, start)
			break
		}
		list = append(list, start, Element{Key: after, Flags: unix.NFT_SET_ELEM_INTERVAL_END})
	}
	return list
}

// next returns the value after v, in network order, unless v is the last one.
func next(v string) (string, bool) {
	b := []byte(v)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]++
		if b[i] != 0 {
			return string(b), true
		}
	}
	return "", false
}

func verdictData(v ruleset.Verdict) string {
	b := appendUint32(nil, unix.NFTA_VERDICT_CODE, uint32(verdictCode(v.Kind))) //nolint:gosec // the kernel's int
	if v.Chain != "" {
		b = appendString(b, unix.NFTA_VERDICT_CHAIN, v.Chain)
	}
	return string(b)
}

func verdictCode(k ruleset.VerdictKind) int32 {
	switch k {
	case ruleset.AcceptPacket:
		return nfAccept
	case ruleset.DropPacket:
		return nfDrop
	case ruleset.JumpTo:
		return unix.NFT_JUMP
	case ruleset.GotoChain:
		return unix.NFT_GOTO
	case ruleset.ReturnPacket:
	}
	return unix.NFT_RETURN
}
