package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// verbDocument is a verb and the type of the document that it prints.
type verbDocument struct {
	verb     string
	document Document
}

// documents lists the document of every verb that has one.
func documents() []verbDocument {
	return []verbDocument{
		{"init", &Init{}},
		{"validate", &Validate{}},
		{"fmt", &Format{}},
		{"render", &Render{}},
		{"services", &Services{}},
		{"plan", &Plan{}},
		{"apply", &Apply{}},
		{"run", &Header{}},
		{"confirm", &Confirm{}},
		{"rollback", &Apply{}},
		{"history", &History{}},
		{"lockdown", &Lockdown{}},
		{"release", &Lockdown{}},
		{"status", &Status{}},
		{"doctor", &Doctor{}},
		{"explain", &Explain{}},
		{"demo", &Demo{}},
		{"version", &Version{}},
		{"completion", &Header{}},
	}
}

// Verbs returns the verbs whose documents have a schema.
func Verbs() []string {
	var verbs []string
	for _, d := range documents() {
		verbs = append(verbs, d.verb)
	}
	return verbs
}

// SchemaOf returns the JSON Schema (draft 2020-12) of a verb's document, or false where the verb has none. A failure may come before the
// verb knew anything, so only the header's keys are there always; the others are there wherever error is null. Keys that a later version
// adds are no mistake: the schema leaves every object open.
func SchemaOf(verb string) (json.RawMessage, bool) {
	i := slices.IndexFunc(documents(), func(d verbDocument) bool { return d.verb == verb })
	if i < 0 {
		return nil, false
	}
	head, whole := objectOf(reflect.TypeFor[Header]()), objectOf(reflect.TypeOf(documents()[i].document).Elem())
	whole.Properties["schema"] = &schema{Const: Schema}
	whole.Properties["verb"] = &schema{Const: verb}
	whole.Draft, whole.Title = "https://json-schema.org/draft/2020-12/schema", "cordon "+verb+" --json"
	own := slices.DeleteFunc(whole.Required, func(key string) bool { return slices.Contains(head.Required, key) })
	whole.Required = head.Required
	if len(own) > 0 {
		whole.If = &schema{Properties: map[string]*schema{"error": {Type: "null"}}}
		whole.Then = &schema{Required: own}
	}
	text, err := json.Marshal(whole)
	return text, err == nil
}

// schema is one JSON Schema, as far as these documents need the language.
type schema struct {
	Draft      string             `json:"$schema,omitempty"`
	Title      string             `json:"title,omitempty"`
	Type       string             `json:"type,omitempty"`
	Const      string             `json:"const,omitempty"`
	Enum       []string           `json:"enum,omitempty"`
	Minimum    *int               `json:"minimum,omitempty"`
	Maximum    int                `json:"maximum,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	AnyOf      []*schema          `json:"anyOf,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	If         *schema            `json:"if,omitempty"`
	Then       *schema            `json:"then,omitempty"`
}

// objectOf describes a struct. A field without a tag is embedded: its keys stand beside the others. The tag enum lists all the words
// that a text can be, separated by bars.
func objectOf(t reflect.Type) *schema {
	object := &schema{Type: "object", Properties: map[string]*schema{}}
	for field := range t.Fields() {
		key := field.Tag.Get("json")
		if key == "" {
			inner := objectOf(field.Type)
			for _, name := range inner.Required {
				object.Properties[name] = inner.Properties[name]
			}
			object.Required = append(object.Required, inner.Required...)
			continue
		}
		value := schemaOf(field.Type)
		if words, limited := field.Tag.Lookup("enum"); limited {
			value.Enum = strings.Split(words, "|")
		}
		object.Properties[key] = value
		object.Required = append(object.Required, key)
	}
	return object
}

// schemaOf describes a value. A list is never null; what a pointer leads to may be.
func schemaOf(t reflect.Type) *schema {
	none, most := 0, map[reflect.Kind]int{reflect.Uint8: 1<<8 - 1, reflect.Uint16: 1<<16 - 1}
	if t == reflect.TypeFor[json.RawMessage]() {
		return &schema{Type: "object"} // another schema
	}
	switch t.Kind() {
	case reflect.Pointer:
		return &schema{AnyOf: []*schema{schemaOf(t.Elem()), {Type: "null"}}}
	case reflect.Struct:
		return objectOf(t)
	case reflect.Slice:
		return &schema{Type: "array", Items: schemaOf(t.Elem())}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Int, reflect.Int64:
		return &schema{Type: "integer"}
	case reflect.Uint8, reflect.Uint16:
		return &schema{Type: "integer", Minimum: &none, Maximum: most[t.Kind()]}
	default:
		return &schema{Type: "string"}
	}
}
