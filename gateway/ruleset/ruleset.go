package ruleset

import (
	"strconv"
	"strings"
)

// Ruleset is every table of ours, in the order in which they are made.
type Ruleset struct{ Tables []Table }

// Family is an address family of nftables.
type Family int

// The families that our tables belong to, by their numbers in the kernel (linux/netfilter.h, NFPROTO_*).
const (
	Inet   Family = 1
	Netdev Family = 5
	Bridge Family = 7
)

// String returns nft's word for the family.
func (f Family) String() string {
	switch f {
	case Inet:
		return "inet"
	case Netdev:
		return "netdev"
	case Bridge:
		return "bridge"
	}
	return "family " + strconv.Itoa(int(f))
}

// Table is one of our tables. Sets come before chains, for a rule may name only a set that exists.
type Table struct {
	Family  Family
	Name    string
	Comment string
	Sets    []Set
	Chains  []Chain
}

// Set is a set, or a verdict map when Verdicts is true.
type Set struct {
	Name    string
	Comment string
	// Key is what an element is made of, in order. The fields name the types; Typeof keeps the fields themselves in the kernel,
	// which a key of raw octets needs to be printed again.
	Key      []Field
	Typeof   bool
	Verdicts bool
	// Interval lets an element be a range; Dynamic lets rules write; Counted gives every element a counter.
	Interval, Dynamic, Counted bool
	// Timeout in seconds is how long an element that rules write stays; Timed lets elements have a timeout of their own.
	Timeout int
	Timed   bool
	// Size is how many elements fit: it is fixed when the set is made, and makes the kernel choose a table that does not grow.
	Size     int
	Elements []Element
}

// Element is one element of a set.
type Element struct {
	// Key is the key's parts as register values, each padded with zeros to a multiple of four octets when there are several.
	Key string
	// End is the last key of a range, or empty.
	End     string
	Verdict Verdict // of a map
	Comment string
	Timeout int // seconds; 0 is none
}

// HookPoint is where a base chain hangs.
type HookPoint int

// The points where our chains hang.
const (
	Ingress HookPoint = iota
	Egress
	Prerouting
	Input
	Forward
	Output
	Postrouting
)

// String returns nft's word for the point.
func (h HookPoint) String() string {
	return [...]string{"ingress", "egress", "prerouting", "input", "forward", "output", "postrouting"}[h]
}

// Hook makes a chain a base chain.
type Hook struct {
	NAT      bool // type nat instead of filter
	Point    HookPoint
	Priority int
	Devices  []string // of ingress and egress
	Drop     bool     // the policy: drop instead of accept
}

// Chain is a list of rules, hung at a hook or reached from one that is.
type Chain struct {
	Name  string
	Hook  *Hook
	Rules []Rule
}

// Rule is a list of statements, each of which is looked at only when those before it held.
type Rule struct {
	Statements []Statement
	Comment    string
}

// Key puts register values together as the kernel does: each padded to four octets, unless there is only one.
func Key(values ...string) string {
	if len(values) == 1 {
		return values[0]
	}
	var b strings.Builder
	for _, v := range values {
		b.WriteString(v)
		for n := len(v); n%4 != 0; n++ {
			b.WriteByte(0)
		}
	}
	return b.String()
}

// Split is the inverse of Key for the key of a set.
func (s Set) Split(key string) []string {
	values := make([]string, 0, len(s.Key))
	for _, f := range s.Key {
		n := f.Spec().Bytes
		if len(s.Key) == 1 {
			return []string{key}
		}
		values = append(values, key[:n])
		key = key[(n+3)/4*4:]
	}
	return values
}
