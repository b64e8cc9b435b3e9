package load

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"cordon/policy/message"
)

// schema is what a kind of block may hold.
type schema struct {
	labelled  bool
	statement bool     // the label is a sentence, not a name
	required  []string // attributes
	optional  []string // attributes
	blocks    []string
}

// topLevel returns the kinds of block that stand in a file, not in another block.
func topLevel() []string {
	return []string{
		"site", "segment", "camera", "recorder", "host", "group", "service", "allow", "manage", "locals", "dynamic",
		"exception", "expect", "variable",
	}
}

// schemaOf returns the schema of a kind of block of the top level; of dynamic and of what is none, an empty one.
func schemaOf(kind string) schema {
	switch kind {
	case "site":
		return schema{labelled: true, optional: []string{"description", "scope", "timezone", "exception_limit"}}
	case "segment":
		return schema{
			labelled: true, required: []string{"kind"},
			optional: []string{"description", "interface", "addresses", "mode", "refuse", "unknown", "masquerade"},
			blocks:   []string{"route", "serve", "vlan", "bridge"},
		}
	case "camera":
		return device("port", "mac")
	case "recorder":
		return device("port")
	case "host":
		return device("")
	case "group":
		return schema{labelled: true, optional: []string{"description", "cameras", "where"}}
	case "service":
		return schema{labelled: true, optional: []string{"description", "tcp", "udp"}}
	case "allow":
		return schema{
			labelled: true, required: []string{"from", "to", "services"}, optional: []string{"description"},
			blocks: []string{"during"},
		}
	case "exception":
		return schema{
			labelled: true, required: []string{"from", "to", "services", "until", "reason", "owner"},
			optional: []string{"description", "ticket"}, blocks: []string{"during"},
		}
	case "expect":
		return schema{
			labelled: true, statement: true, required: []string{"from", "to", "services", "verdict"},
			optional: []string{"description", "except"},
		}
	case "manage":
		return schema{required: []string{"from"}, optional: []string{"services"}}
	case "locals":
		return schema{}
	case "variable":
		return schema{labelled: true, optional: []string{"default", "description"}}
	}
	return schema{}
}

// device returns the schema of a machine that the policy names. A host is never on a bridge port of its own.
func device(port string, required ...string) schema {
	s := schema{
		labelled: true, required: append([]string{"segment"}, required...),
		optional: []string{"description", "address", "addresses", "model", "vendor", "acquired", "labels"},
	}
	if port != "" {
		s.optional = append(s.optional, port)
	}
	if len(required) == 0 {
		s.optional = append(s.optional, "mac")
	}
	return s
}

func routeSchema() schema { return schema{required: []string{"to", "via"}} }

// shape holds a block's body against its schema, once for all rows that share the body.
func (l *loader) shape(b block, s schema) {
	if b.element != nil {
		if l.shaped[b.body] {
			return
		}
		l.shaped[b.body] = true
	}
	for _, a := range sorted(b.body.Attributes) {
		l.shapeAttribute(b, s, a)
	}
	for _, inner := range b.body.Blocks {
		l.shapeBlock(b, s, inner)
	}
	for _, name := range s.required {
		if b.body.Attributes[name] == nil && !meant(b, s, name) {
			l.report.add(at(b.header), "missing-attribute", message.Args{"name": name, "kind": b.kind})
		}
	}
}

func (l *loader) shapeAttribute(b block, s schema, a *hclsyntax.Attribute) {
	here := at(origin(a.NameRange))
	switch {
	case slices.Contains(s.required, a.Name), slices.Contains(s.optional, a.Name):
	case slices.Contains(s.blocks, a.Name):
		l.report.add(here, "block-not-attribute", message.Args{"name": a.Name, "kind": b.kind})
	default:
		l.unknownAttribute(here, b, a.Name, slices.Concat(s.required, s.optional))
	}
}

func (l *loader) shapeBlock(b block, s schema, inner *hclsyntax.Block) {
	name, here := inner.Type, at(origin(inner.TypeRange))
	if name == "dynamic" && len(inner.Labels) > 0 {
		name, here = inner.Labels[0], at(origin(inner.LabelRanges[0]))
	}
	args := message.Args{"name": name, "kind": b.kind}
	switch {
	case slices.Contains(s.blocks, name):
		if inner.Type != "dynamic" && len(inner.Labels) > 0 {
			l.report.add(at(origin(inner.LabelRanges[0])), "no-label", args)
		}
	case slices.Contains(slices.Concat(s.required, s.optional), name):
		l.report.add(here, "attribute-not-block", args)
	default:
		args := withNearest(name, s.blocks, args)
		l.report.add(here, "unknown-inner-block", args)
	}
}

// sorted returns attributes as they stand in the file: a map has no order.
func sorted(attributes hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(attributes))
	for _, a := range attributes {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int {
		return cmp.Or(
			cmp.Compare(a.NameRange.Filename, b.NameRange.Filename),
			cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte),
		)
	})
	return list
}
