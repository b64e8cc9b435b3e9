package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cordon/gateway/api"
	"cordon/policy/message"
)

// strictly returns a verb's schema closed: a key that it does not declare is a mistake. For a reader who came with an older program,
// such a key is news, which is why what is printed stays open.
func strictly(t *testing.T, verb string) *jsonschema.Schema {
	t.Helper()
	text, known := api.SchemaOf(verb)
	if !known {
		t.Fatalf("%q has no schema: add its document to package api", verb)
	}
	opened, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	closed := opened.(map[string]any) //nolint:errcheck // a schema is an object, or the test has nothing to test
	then := closed["then"]
	delete(closed, "then") // it names keys only
	closeObjects(closed)
	if then != nil {
		closed["then"] = then
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("document", closed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("document")
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return compiled
}

// closeObjects forbids keys that no schema declares, except inside a document that is itself a schema.
func closeObjects(value any) {
	object, ok := value.(map[string]any)
	if !ok {
		if list, many := value.([]any); many {
			for _, inner := range list {
				closeObjects(inner)
			}
		}
		return
	}
	if _, declares := object["properties"]; declares && object["type"] == "object" {
		object["additionalProperties"] = false
	}
	for _, inner := range object {
		closeObjects(inner)
	}
}

// against holds a document against its verb's schema.
func against(t *testing.T, verb, document string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return err
	}
	return strictly(t, verb).Validate(value)
}

// held are the documents of the scripts that were held against their schemas: verb, and whether it failed. Scripts run side by side.
type held struct {
	sync.Mutex

	documents map[string]int
	scripts   int
}

// hold is the script's command document, which also holds what is printed against the verb's schema.
func (h *held) hold(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		document(ts, neg, args)
		text, verb := ts.ReadFile("stdout"), args[0]
		if verb == "" {
			return // nobody named a verb: there is its header alone
		}
		if err := against(t, verb, text); err != nil {
			ts.Fatalf("not what cordon version --schema %s says: %v", verb, err)
		}
		outcome := " succeeded"
		if at := (struct{ Error *struct{} }{}); json.Unmarshal([]byte(text), &at) == nil && at.Error != nil {
			outcome = " failed"
		}
		h.Lock()
		defer h.Unlock()
		h.documents[verb+outcome]++
	}
}

// begin counts a script.
func (h *held) begin(env *testscript.Env) error {
	h.Lock()
	h.scripts++
	h.Unlock()
	return enterNamespace(env)
}

// lacking are the verbs whose success or failure no script held.
func (h *held) lacking(verbs []string) []string {
	var list []string
	for _, verb := range verbs {
		for _, outcome := range []string{verb + " succeeded", verb + " failed"} {
			if h.documents[outcome] == 0 {
				list = append(list, outcome)
			}
		}
	}
	return list
}

// check finds verbs whose documents nobody held, once all scripts have run.
func (h *held) check(t *testing.T) {
	t.Helper()
	all, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	if h.scripts < len(all) {
		return // somebody asked for one script
	}
	if lacking := h.lacking(api.Verbs()); len(lacking) > 0 {
		t.Errorf("no script holds a document of: %s", strings.Join(lacking, ", "))
	}
}

// TestSchemas holds that every verb has a schema, that the program prints it, and that the verbs of package api are the program's.
func TestSchemas(t *testing.T) {
	_, verbs := commands()
	var names []string
	for _, verb := range verbs {
		names = append(names, verb.Name())
	}
	slices.Sort(names)
	if known := slices.Sorted(slices.Values(api.Verbs())); !slices.Equal(names, known) {
		t.Errorf("the program has %q, schemas are there of %q", names, known)
	}
	for _, verb := range api.Verbs() {
		var out, problems bytes.Buffer
		code := run(t.Context(), []string{"version", "--schema", verb}, strings.NewReader(""), &out, &problems, nil)
		var printed bytes.Buffer
		text, _ := api.SchemaOf(verb)
		if err := json.Indent(&printed, text, "", "  "); err != nil {
			t.Fatal(err)
		}
		if code != exitDone || problems.Len() > 0 || out.String() != printed.String()+"\n" {
			t.Errorf("%s: %d %s\n%s", verb, code, problems.String(), out.String())
		}
		if strictly(t, verb) == nil {
			t.Errorf("%s: nothing compiled", verb)
		}
	}
}

// TestSchemaRefuses is the control of every document that is held: each of these mistakes is found.
func TestSchemaRefuses(t *testing.T) {
	whole := func(document api.Document, f *failure) string {
		var out bytes.Buffer
		a := &app{stdout: &out, words: message.In(message.English)}
		if err := a.writeDocument("plan", document, 0, f); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	plan := &api.Plan{Changes: api.Changes{Changes: []api.Change{{Action: "add", Kind: "camera"}}, Flows: api.Cut{First: []string{}}}}
	good := whole(plan, nil)
	failed := whole(&api.Header{}, &failure{code: exitFailed, cause: errors.New("no"), next: "cordon help"})
	for name, text := range map[string]string{"a plan": good, "a failure": failed} {
		if err := against(t, "plan", text); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	for name, change := range map[string][2]string{
		"a key renamed":           {`"elements"`, `"element"`},
		"a key renamed within":    {`"action"`, `"acting"`},
		"a key renamed above":     {`"diagnostics"`, `"remarks"`},
		"a key too many":          {`"changes": [`, `"change": 1, "changes": [`},
		"a key too many within":   {`"action"`, `"verb": "", "action"`},
		"null for a list":         {`"first": []`, `"first": null`},
		"a text for a number":     {`"line": 0`, `"line": "0"`},
		"a word that none is":     {`"add"`, `"added"`},
		"another verb":            {`"verb": "plan"`, `"verb": "apply"`},
		"another shape":           {api.Schema, "cordon.v2"},
		"a failure without words": {`"error": null`, `"error": {}`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if err := against(t, "plan", bad); err == nil || bad == good {
			t.Errorf("%s: nothing is wrong with it:\n%s", name, bad)
		}
	}
	if err := against(t, "plan", strings.Replace(failed, `"summary"`, `"sum"`, 1)); err == nil {
		t.Error("a failure may say what it likes")
	}
	none := &held{documents: map[string]int{"plan succeeded": 1}}
	if got := none.lacking([]string{"plan", "apply"}); fmt.Sprint(got) != "[plan failed apply succeeded apply failed]" {
		t.Errorf("lacking: %q", got)
	}
}

// TestSchemaIsOpen: what a later version adds is no mistake to a reader of the schema.
func TestSchemaIsOpen(t *testing.T) {
	text, _ := api.SchemaOf("version")
	if bytes.Contains(text, []byte("additionalProperties")) {
		t.Error("a new key would be refused")
	}
	if _, known := api.SchemaOf("everything"); known {
		t.Error("any word has a schema")
	}
}
