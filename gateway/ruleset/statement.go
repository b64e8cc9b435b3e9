package ruleset

import (
	"strconv"
	"strings"
)

// Statement is one part of a rule: a condition, an effect or a verdict. The kinds are those of this file and no others.
type Statement interface {
	// String returns the statement in nft's syntax.
	String() string
	statement()
}

// Compare holds when a field has one of the values; with a Mask, when the field and the mask have it. A conntrack state, whose
// values are bits, holds when one of the bits is set.
type Compare struct {
	Field  Field
	Mask   string // as long as the field, or empty
	Not    bool
	Values []string
}

// Between holds when a port lies in a range, both ends included.
type Between struct {
	Field       Field
	First, Last string
}

// In holds when the fields, put together, are an element of a set.
type In struct {
	Fields []Field
	Set    string
	Not    bool
}

// Dispatch gives the packet the verdict that a map holds for the fields; without one the rule does nothing.
type Dispatch struct {
	Fields []Field
	Map    string
}

// Update writes the fields into a dynamic set, and holds when there was room and the element's own Statements (a counter or a
// limit) hold. Refresh renews the element's timeout: nft's update instead of add.
type Update struct {
	Fields     []Field
	Set        string
	Refresh    bool
	Statements []Statement
}

// Limit holds as long as packets come no faster than Rate a second, after a Burst.
type Limit struct{ Rate, Burst int }

// Flows holds as long as conntrack remembers no more than Most flows of those that came here before, this one included.
type Flows struct{ Most int }

// Counter counts packets and octets.
type Counter struct{}

// Log sends the first SnapLen octets of the packet to a log group.
type Log struct {
	Group, SnapLen int
	Prefix         string
}

// SetMark gives the packet a mark.
type SetMark struct{ Value uint32 }

// Notrack keeps the packet from conntrack.
type Notrack struct{}

// Masquerade translates the source address to that of the outgoing interface.
type Masquerade struct{}

// Reject answers the sender and drops: with a TCP reset, else with ICMP "administratively prohibited".
type Reject struct{ Reset bool }

// VerdictKind is what becomes of a packet at the end of a rule.
type VerdictKind int

// The verdicts.
const (
	AcceptPacket VerdictKind = iota
	DropPacket
	ReturnPacket
	JumpTo
	GotoChain
)

// Verdict ends a rule; Chain is the target of JumpTo and GotoChain.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}

func (Compare) statement()    {}
func (Between) statement()    {}
func (In) statement()         {}
func (Dispatch) statement()   {}
func (Update) statement()     {}
func (Limit) statement()      {}
func (Flows) statement()      {}
func (Counter) statement()    {}
func (Log) statement()        {}
func (SetMark) statement()    {}
func (Notrack) statement()    {}
func (Masquerade) statement() {}
func (Reject) statement()     {}
func (Verdict) statement()    {}

// String returns the comparison in nft's syntax: one value, a set of values, or a value under a mask.
func (c Compare) String() string {
	spec := c.Field.Spec()
	texts := make([]string, len(c.Values))
	for i, v := range c.Values {
		texts[i] = spec.format(v)
	}
	value := strings.Join(texts, ", ")
	if len(texts) > 1 {
		value = "{ " + value + " }"
	}
	switch {
	case c.Mask != "" && c.Not:
		return spec.Name + " & " + spec.format(c.Mask) + " != " + value
	case c.Mask != "":
		return spec.Name + " & " + spec.format(c.Mask) + " == " + value
	case c.Not:
		return spec.Name + " != " + value
	}
	return spec.Name + " " + value
}

// String returns the range in nft's syntax.
func (b Between) String() string {
	spec := b.Field.Spec()
	return spec.Name + " " + spec.format(b.First) + "-" + spec.format(b.Last)
}

// String returns the look-up in nft's syntax.
func (i In) String() string {
	if i.Not {
		return joined(i.Fields) + " != @" + i.Set
	}
	return joined(i.Fields) + " @" + i.Set
}

// String returns the verdict map's look-up in nft's syntax.
func (d Dispatch) String() string { return joined(d.Fields) + " vmap @" + d.Map }

// String returns the write in nft's syntax.
func (u Update) String() string {
	verb := "add"
	if u.Refresh {
		verb = "update"
	}
	words := []string{verb, "@" + u.Set, "{", joined(u.Fields)}
	for _, s := range u.Statements {
		words = append(words, s.String())
	}
	return strings.Join(append(words, "}"), " ")
}

// String returns the limit in nft's syntax.
func (l Limit) String() string {
	return "limit rate " + strconv.Itoa(l.Rate) + "/second burst " + strconv.Itoa(l.Burst) + " packets"
}

// String returns the bound in nft's syntax.
func (f Flows) String() string { return "ct count " + strconv.Itoa(f.Most) }

// String returns "counter".
func (Counter) String() string { return "counter" }

// String returns the log statement in nft's syntax.
func (l Log) String() string {
	return "log prefix " + quote(l.Prefix) + " group " + strconv.Itoa(l.Group) + " snaplen " + strconv.Itoa(l.SnapLen)
}

// String returns the mark statement in nft's syntax.
func (m SetMark) String() string { return "meta mark set 0x" + strconv.FormatUint(uint64(m.Value), 16) }

// String returns "notrack".
func (Notrack) String() string { return "notrack" }

// String returns "masquerade".
func (Masquerade) String() string { return "masquerade" }

// String returns the reject statement in nft's syntax.
func (r Reject) String() string {
	if r.Reset {
		return "reject with tcp reset"
	}
	return "reject with icmpx admin-prohibited"
}

// String returns the verdict in nft's syntax.
func (v Verdict) String() string {
	switch v.Kind {
	case AcceptPacket:
		return "accept"
	case DropPacket:
		return "drop"
	case ReturnPacket:
		return "return"
	case JumpTo:
		return "jump " + v.Chain
	case GotoChain:
		return "goto " + v.Chain
	}
	return "verdict " + strconv.Itoa(int(v.Kind))
}

func joined(fields []Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Spec().Name
	}
	return strings.Join(names, " . ")
}
