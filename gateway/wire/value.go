package wire

import (
	"golang.org/x/sys/unix"

	"cordon/gateway/ruleset"
)

// Table is one table of nf_tables with all that is in it. Chains and sets are in the order in which they were made.
type Table struct {
	Family   ruleset.Family
	Name     string
	Flags    uint32 // NFT_TABLE_F_*
	Owner    uint32 // netlink port of the owner; 0 is none
	Userdata string
	Chains   []Chain
	Sets     []Set
	// Others are stateful objects and flowtables, of which we make none: what is here was put here by somebody else.
	Others []Other
	Rest   Attributes // attributes that this package has no name for
}

// Chain is a chain; Hook is nil unless it is a base chain.
type Chain struct {
	Name     string
	Hook     *Hook
	Flags    uint32 // NFT_CHAIN_*
	Userdata string
	Rules    []Rule
	Rest     Attributes
}

// Hook is where a base chain hangs.
type Hook struct {
	Type     string // filter, nat or route
	Number   uint32 // NF_INET_*, NF_NETDEV_*
	Priority int32
	Policy   uint32   // NF_DROP 0 or NF_ACCEPT 1
	Devices  []string // in the kernel's order, which `nft list` keeps
}

// Rule is a rule; Handle is the kernel's number for it, 0 until it has one.
type Rule struct {
	Handle   uint64
	Exprs    []Expr
	Userdata string
	Rest     Attributes
}

// Expr is one expression. One whose name this package has never heard of is kept like any other.
type Expr struct {
	Name  string
	Attrs Attributes
}

// Set is a set or a map.
type Set struct {
	Name       string
	Flags      uint32 // NFT_SET_*
	KeyType    uint32 // nft's own number of the key's type
	KeyLen     uint32 // octets
	DataType   uint32 // NFT_DATA_VERDICT for our maps
	DataLen    uint32
	Size       uint32 // 0 is unbounded
	Timeout    uint64 // milliseconds
	GCInterval uint32 // milliseconds
	Policy     uint32 // NFT_SET_POL_*
	Userdata   string
	Fields     []uint32 // lengths in octets of a concatenation's parts, where the kernel was told
	Exprs      []Expr   // what each element gets
	Elements   []Element
	Rest       Attributes
}

// Element is an element of a set. The strings are the register's octets.
type Element struct {
	Key, KeyEnd string
	Flags       uint32     // NFT_SET_ELEM_*
	Data        Attributes // of a map: NFTA_DATA_VALUE or NFTA_DATA_VERDICT
	Timeout     uint64     // milliseconds; 0 is the set's
	Expiration  uint64     // milliseconds left
	Userdata    string
	Exprs       []Expr
	Rest        Attributes
}

// Other is something in a table that is neither chain nor set.
type Other struct {
	Kind, Name string // Kind is "object" or "flowtable"
	Attrs      Attributes
}

// ID names a table among all tables.
type ID struct {
	Family ruleset.Family
	Name   string
}

// ID returns the table's family and name.
func (t *Table) ID() ID { return ID{t.Family, t.Name} }

// SetID says which set of which table is meant.
type SetID struct {
	Table ID
	Name  string
}

// String returns nft's words for the table.
func (i ID) String() string { return i.Family.String() + " " + i.Name }

// Set returns the set of that name, or nil.
func (t *Table) Set(name string) *Set {
	for i := range t.Sets {
		if t.Sets[i].Name == name {
			return &t.Sets[i]
		}
	}
	return nil
}

// Chain returns the chain of that name, or nil.
func (t *Table) Chain(name string) *Chain {
	for i := range t.Chains {
		if t.Chains[i].Name == name {
			return &t.Chains[i]
		}
	}
	return nil
}

// Anonymous says whether the set belongs to one rule, which has it made and unmade.
func (s *Set) Anonymous() bool { return s.Flags&unix.NFT_SET_ANONYMOUS != 0 }

// Written says whether rules write the set's elements.
func (s *Set) Written() bool { return s.Flags&unix.NFT_SET_EVAL != 0 }

// Timed tells whether elements of the set may end by themselves.
func (s *Set) Timed() bool { return s.Flags&unix.NFT_SET_TIMEOUT != 0 }

// Ranges says whether the set holds ranges as two elements each: where one begins, and where it has just ended.
func (s *Set) Ranges() bool { return s.Flags&unix.NFT_SET_INTERVAL != 0 && s.Flags&setConcat == 0 }

// Ends says whether the element is where a range has just ended.
func (e Element) Ends() bool { return e.Flags&unix.NFT_SET_ELEM_INTERVAL_END != 0 }
