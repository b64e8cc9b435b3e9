package load

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"cordon/policy"
	"cordon/policy/message"
)

// maxCameras is how many cameras one gateway may have, and blocks of each other kind: nobody has more of those.
const maxCameras = 100_000

// maxElements is how many elements a local may have.
const maxElements = 1_000_000

// maxHints is how many names the nearest ones are looked for among in all.
const maxHints = 1_000_000

// maxLocals is how many locals may each need the next: each is resolved within the one that needs it.
const maxLocals = 1000

// loader is one reading of a policy.
type loader struct {
	tree    *tree
	at      policy.Moment
	report  report
	budget  *budget
	hints   hints
	written int             // lines that begin a camera, so far
	partial bool            // a file could not be read: what seems to be missing may stand there
	unread  map[string]bool // kinds of which a block could not be read, and its name neither
	lost    names           // blocks of which no more than the name could be read, by kind

	raw        map[string][]*hclsyntax.Block
	expansions map[*hclsyntax.Block]*expansion
	shaped     map[*hclsyntax.Body]bool
	checked    map[hclsyntax.Expression]bool
	scoped     scope

	functions map[string]function.Function
	reference cty.Type
	root      *hcl.EvalContext
	locals    map[string]*local
	settings  Variables
	variables map[string]cty.Value
	state     map[string]progress
	within    int // how many locals are being resolved, each for the one before
	kinds     map[string]cty.Value
	blocks    map[string][]block // by kind, ordered by name
	ids       map[string]map[string]int

	builtins map[string]policy.Service
	out      policy.Policy
	seen     seen
	stands   map[netip.Addr]policy.SegmentID // where the devices of addresses stand; nil until somebody asks
	labels   map[label][]policy.DeviceID     // the cameras of each label, in order; nil until somebody asks
	members  [][]policy.DeviceID             // the devices of each segment, in order; nil until somebody asks
	items    map[string][]value              // values of the allows' lists, kept for the checks
}

// names is names of blocks, by kind.
type names map[string]map[string]bool

// local is one value of a locals block.
type local struct {
	expr  hclsyntax.Expression
	name  policy.Origin
	value cty.Value
}

// progress is how far a local or a kind is resolved.
type progress int

const (
	untouched progress = iota
	underway
	resolved
)

// ref is what a reference to a block is as a value of the language.
type ref struct {
	kind string
	name string
	id   int
}

func newLoader(settings Variables, directories []Directory) *loader {
	l := &loader{
		budget:     &budget{left: allowance},
		hints:      maxHints,
		tree:       &tree{directories: directories, found: map[string]found{}},
		raw:        map[string][]*hclsyntax.Block{},
		unread:     map[string]bool{},
		lost:       names{},
		expansions: map[*hclsyntax.Block]*expansion{},
		shaped:     map[*hclsyntax.Body]bool{},
		checked:    map[hclsyntax.Expression]bool{},
		reference:  cty.Capsule("reference", reflect.TypeFor[ref]()),
		locals:     map[string]*local{},
		settings:   settings,
		state:      map[string]progress{},
		kinds:      map[string]cty.Value{},
		blocks:     map[string][]block{},
		ids:        map[string]map[string]int{},
		items:      map[string][]value{},
	}
	l.report.work = l.budget
	l.report.files = map[string]bool{}
	l.out.Variables = map[string]string{}
	l.functions = l.tree.functions(l.budget)
	l.budget.functions = l.functions
	l.root = &hcl.EvalContext{Functions: l.functions, Variables: map[string]cty.Value{}}
	return l
}

// referable returns the kinds of block that a reference may name.
func referable() []string {
	return []string{"segment", "camera", "recorder", "host", "group", "service"}
}

// resolve gives every block its name and every local its value, each after what it depends on.
func (l *loader) resolve() {
	l.collectVariables()
	l.collectLocals()
	for _, kind := range referable() {
		l.visitKind(kind)
	}
	for _, name := range slices.Sorted(maps.Keys(l.locals)) {
		l.visitLocal(name)
	}
	for _, kind := range []string{"site", "allow", "exception", "expect", "manage"} {
		l.visitKind(kind)
	}
	values := map[string]cty.Value{}
	for name, v := range l.locals {
		values[name] = v.value
	}
	maps.Copy(l.root.Variables, l.kinds)
	l.root.Variables["local"] = cty.ObjectVal(values)
}

func (l *loader) collectLocals() {
	for _, b := range l.raw["locals"] {
		if b.Type == "dynamic" {
			l.report.add(at(origin(b.DefRange())), "dynamic-locals", nil)
			continue
		}
		l.static(b, schema{}, l.root)
		for _, inner := range b.Body.Blocks {
			l.report.add(at(origin(inner.TypeRange)), "unknown-inner-block", message.Args{"name": inner.Type, "kind": "locals"})
		}
		for _, a := range sorted(b.Body.Attributes) {
			here := origin(a.NameRange)
			if first, ok := l.locals[a.Name]; ok {
				l.report.add(at(here), "duplicate-name", message.Args{"kind": "local", "name": a.Name}, first.name)
				continue
			}
			l.locals[a.Name] = &local{expr: a.Expr, name: here, value: cty.DynamicVal}
		}
	}
}

func (l *loader) visitLocal(name string) {
	found, ok := l.locals[name]
	if !ok || l.state["local."+name] != untouched {
		return
	}
	if l.within == maxLocals {
		l.report.add(at(found.name), "too-deep", nil)
		l.partial = true
		return
	}
	l.within++
	defer func() { l.within-- }()
	l.state["local."+name] = underway
	b := block{ctx: l.context(found.expr.Variables()), header: found.name}
	switch v, ok := l.eval(b, found.expr); {
	case ok && tooLarge(v):
		l.report.add(at(origin(found.expr.Range())), "too-large", nil)
	case ok:
		found.value = v
	}
	l.state["local."+name] = resolved
}

// tooLarge says whether a value may not be used further: locals that double one another would fill the memory within a few lines.
func tooLarge(v cty.Value) bool {
	v, _ = v.Unmark()
	switch t := v.Type(); {
	case v.IsNull():
		return false
	case t == cty.String:
		return len(v.AsString()) > maxFile
	case t.IsListType() || t.IsTupleType() || t.IsSetType() || t.IsMapType() || t.IsObjectType():
		return v.LengthInt() > maxElements
	}
	return false
}

// context resolves what expressions need and returns the context to evaluate them in.
func (l *loader) context(needs []hcl.Traversal) *hcl.EvalContext {
	variables, locals := map[string]cty.Value{}, map[string]cty.Value{}
	for _, t := range needs {
		l.depend(t, variables, locals)
	}
	variables["local"], variables["var"] = cty.ObjectVal(locals), l.root.Variables["var"]
	return &hcl.EvalContext{Functions: l.functions, Variables: variables}
}

func (l *loader) depend(t hcl.Traversal, variables, locals map[string]cty.Value) {
	root := t.RootName()
	if slices.Contains(referable(), root) {
		if l.circular(root, t) {
			variables[root] = cty.DynamicVal
			return
		}
		l.visitKind(root)
		variables[root] = l.kinds[root]
		return
	}
	if root != "local" || len(t) < 2 {
		return
	}
	name, _ := stepName(t[1])
	if found, ok := l.locals[name]; ok {
		if !l.circular("local."+name, t) {
			l.visitLocal(name)
		}
		locals[name] = found.value
	}
}

func (l *loader) circular(node string, t hcl.Traversal) bool {
	if l.state[node] != underway {
		return false
	}
	l.report.add(at(origin(t.SourceRange())), "circle", message.Args{"name": node})
	l.unread[node] = true
	return true
}

// visitKind names the blocks of a kind.
func (l *loader) visitKind(kind string) {
	if l.state[kind] != untouched {
		return
	}
	l.state[kind] = underway
	s := schemaOf(kind)
	blocks := make([]block, 0, len(l.raw[kind]))
	for _, b := range l.raw[kind] {
		if b.Type == "dynamic" {
			blocks = append(blocks, l.visitDynamic(b, s)...)
			continue
		}
		if made, ok := l.static(b, s, l.root); ok {
			blocks = append(blocks, made)
		} else {
			l.unread[kind] = true
		}
	}
	if len(blocks) > maxCameras {
		l.tooManyOf(kind, at(blocks[maxCameras].origin()))
		blocks = nil
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(a.name, b.name) })
	if s.labelled {
		l.unique(kind, blocks)
	}
	l.blocks[kind] = blocks
	l.kinds[kind] = l.references(kind, blocks)
	l.state[kind] = resolved
}

// tooManyOf reports more blocks of a kind than a policy may have: none of them is read.
func (l *loader) tooManyOf(kind string, where place) {
	code, args := "too-many-blocks", message.Args{"kind": kind}
	if kind == "camera" {
		code, args = "too-many-cameras", nil
	}
	l.report.add(where, code, args)
	l.unread[kind] = true
}

func (l *loader) visitDynamic(b *hclsyntax.Block, s schema) []block {
	e := l.dissect(b)
	var needs []hcl.Traversal
	if e.forEach != nil {
		needs = e.forEach.Variables()
	}
	if e.labels != nil {
		needs = append(needs, slices.DeleteFunc(e.labels.Variables(), func(t hcl.Traversal) bool { return t.RootName() == e.iterator })...)
	}
	blocks := l.expand(b, block{ctx: l.context(needs)}, s)
	for i := range blocks {
		blocks[i].ctx = l.root
	}
	return blocks
}

// unique reports blocks whose name another one has already. They stay in the list, so that their other mistakes are found too.
func (l *loader) unique(kind string, blocks []block) {
	for i := 1; i < len(blocks); i++ {
		if blocks[i].name == blocks[i-1].name {
			first, second := blocks[i-1], blocks[i]
			l.report.add(at(second.origin()), "duplicate-name", message.Args{"kind": kind, "name": second.name}, first.origin())
		}
	}
}

func (l *loader) references(kind string, blocks []block) cty.Value {
	values, ids := make(map[string]cty.Value, len(blocks)), make(map[string]int, len(blocks))
	for i, b := range blocks {
		if _, twice := ids[b.name]; !twice {
			ids[b.name] = i
			values[b.name] = cty.CapsuleVal(l.reference, &ref{kind: kind, name: b.name, id: i})
		}
	}
	l.ids[kind] = ids
	return cty.ObjectVal(values)
}
