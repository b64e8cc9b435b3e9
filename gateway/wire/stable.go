package wire

import (
	"cmp"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Equal tells whether two lists of tables are the same firewall: Stable says what is left out. The order of tables is of no account.
func Equal(a, b []Table) bool {
	return slices.EqualFunc(Stable(a), Stable(b), equalTable)
}

// Stable returns copies of the tables without what the kernel chooses or changes by itself, ordered by family and name: no handles,
// counts or deadlines, chains and sets by name, elements by key, no elements in sets that rules write, and anonymous sets under
// the names of the rules that use them. Rules keep their order, for it is their meaning.
func Stable(tables []Table) []Table {
	out := make([]Table, len(tables))
	for i := range tables {
		out[i] = tables[i].stable()
	}
	slices.SortFunc(out, func(x, y Table) int {
		return cmp.Or(cmp.Compare(x.Family, y.Family), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// Shape returns the table without the elements of its sets that have a name of their own, which may be a hundred thousand.
func (t Table) Shape() Table {
	t.Sets = slices.Clone(t.Sets)
	for i := range t.Sets {
		if !t.Sets[i].Anonymous() {
			t.Sets[i].Elements = nil
		}
	}
	return t
}

func (t *Table) stable() Table {
	s := *t
	s.Owner = 0
	names := anonymousNames(t)
	s.Chains = make([]Chain, len(t.Chains))
	for i, c := range t.Chains {
		s.Chains[i] = c.stable(names)
	}
	s.Sets = make([]Set, len(t.Sets))
	for i := range t.Sets {
		s.Sets[i] = t.Sets[i].stable(names)
	}
	slices.SortFunc(s.Chains, func(x, y Chain) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(s.Sets, func(x, y Set) int { return cmp.Compare(x.Name, y.Name) })
	return s
}

// anonymousNames gives each anonymous set a name that says where it is used: chain, rule and expression.
func anonymousNames(t *Table) map[string]string {
	names := map[string]string{}
	for i := range t.Sets {
		if s := &t.Sets[i]; s.Anonymous() {
			names[s.Name] = s.Name
		}
	}
	for _, c := range t.Chains {
		for r, rule := range c.Rules {
			for e, x := range rule.Exprs {
				if name := x.looksUp(); names[name] != "" {
					names[name] = "anonymous " + c.Name + " " + strconv.Itoa(r) + " " + strconv.Itoa(e)
				}
			}
		}
	}
	return names
}

// looksUp returns the name of the set that a lookup asks, or nothing.
func (e Expr) looksUp() string {
	if e.Name != "lookup" {
		return ""
	}
	return e.Attrs.Text(unix.NFTA_LOOKUP_SET)
}

func (c Chain) stable(names map[string]string) Chain {
	if c.Hook != nil {
		h := *c.Hook
		h.Devices = slices.Sorted(slices.Values(h.Devices))
		c.Hook = &h
	}
	rules := make([]Rule, len(c.Rules))
	for i, r := range c.Rules {
		r.Handle = 0
		r.Exprs = stableExprs(r.Exprs)
		for j, e := range r.Exprs {
			if name := names[e.looksUp()]; name != "" {
				r.Exprs[j] = e.asking(name)
			}
		}
		rules[i] = r
	}
	c.Rules = rules
	return c
}

// asking returns a lookup that asks a set of another name.
func (e Expr) asking(set string) Expr {
	return Expr{e.Name, sorted(e.Attrs, func(t uint16, v Attributes) (Attributes, bool) {
		if t == unix.NFTA_LOOKUP_SET {
			return Attributes(set + "\x00"), true
		}
		return v, true
	})}
}

func stableExprs(list []Expr) []Expr {
	if len(list) == 0 {
		return nil
	}
	out := make([]Expr, len(list))
	for i, e := range list {
		out[i] = e.Stable()
	}
	return out
}

func (s *Set) stable(names map[string]string) Set {
	c := *s
	if name := names[s.Name]; name != "" {
		c.Name = name
	}
	c.Exprs = stableExprs(s.Exprs)
	c.Elements = nil
	if s.Written() {
		return c
	}
	c.Elements = make([]Element, len(s.Elements))
	for i, e := range s.Elements {
		c.Elements[i] = e.Stable()
	}
	slices.SortFunc(c.Elements, compareElements)
	return c
}

// Stable returns the element without what lives: its remaining time and its counter.
func (e Element) Stable() Element {
	e.Expiration = 0
	e.Exprs = stableExprs(e.Exprs)
	return e
}

func compareElements(x, y Element) int {
	return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(x.KeyEnd, y.KeyEnd), cmp.Compare(x.Flags, y.Flags))
}

func equalTable(a, b Table) bool {
	return a.Family == b.Family && a.Name == b.Name && a.Flags == b.Flags && a.Userdata == b.Userdata && a.Rest == b.Rest &&
		slices.EqualFunc(a.Chains, b.Chains, equalChain) && slices.EqualFunc(a.Sets, b.Sets, equalSet) && slices.Equal(a.Others, b.Others)
}

func equalChain(a, b Chain) bool {
	return a.Name == b.Name && a.Flags == b.Flags && a.Userdata == b.Userdata && a.Rest == b.Rest &&
		equalHook(a.Hook, b.Hook) && slices.EqualFunc(a.Rules, b.Rules, equalRule)
}

func equalHook(a, b *Hook) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Type == b.Type && a.Number == b.Number && a.Priority == b.Priority && a.Policy == b.Policy &&
		slices.Equal(a.Devices, b.Devices)
}

func equalRule(a, b Rule) bool {
	return a.Userdata == b.Userdata && a.Rest == b.Rest && slices.Equal(a.Exprs, b.Exprs)
}

func equalSet(a, b Set) bool {
	return a.sameDeclaration(&b) && slices.EqualFunc(a.Elements, b.Elements, equalElement)
}

func (s *Set) sameDeclaration(o *Set) bool {
	return s.Name == o.Name && s.Flags == o.Flags && s.KeyType == o.KeyType && s.KeyLen == o.KeyLen &&
		s.DataType == o.DataType && s.DataLen == o.DataLen && s.Size == o.Size && s.Timeout == o.Timeout &&
		s.GCInterval == o.GCInterval && s.Policy == o.Policy && s.Userdata == o.Userdata && s.Rest == o.Rest &&
		slices.Equal(s.Fields, o.Fields) && slices.Equal(stableExprs(s.Exprs), stableExprs(o.Exprs))
}

// SameDeclaration tells whether two sets differ in their elements at most.
func (s *Set) SameDeclaration(o *Set) bool { return s.sameDeclaration(o) }

func equalElement(a, b Element) bool {
	return a.Key == b.Key && a.KeyEnd == b.KeyEnd && a.Flags == b.Flags && a.Data == b.Data && a.Timeout == b.Timeout &&
		a.Userdata == b.Userdata && a.Rest == b.Rest && slices.Equal(a.Exprs, b.Exprs)
}
