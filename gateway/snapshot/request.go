package snapshot

import "encoding/json"

// Role is what somebody may ask for.
type Role int

// The roles, each of which may do what those before it may.
const (
	View    Role = iota // look
	Operate             // change what is in force
)

// RoleOf returns the role that a verb needs, and whether it is a verb that can be asked for at all.
func RoleOf(verb string) (Role, bool) {
	for _, v := range Verbs() {
		if v.Name == verb {
			return v.Role, true
		}
	}
	return Operate, false
}

// Verb is one thing that can be asked of the engine, by the command line's own word.
type Verb struct {
	Name string
	Role Role
	// Policy says that the request carries one.
	Policy bool
}

// Verbs lists what can be asked.
func Verbs() []Verb {
	return []Verb{
		{Name: "status"},
		{Name: "history"},
		{Name: "plan", Role: Operate, Policy: true},
		{Name: "apply", Role: Operate, Policy: true},
		{Name: "confirm", Role: Operate},
		{Name: "rollback", Role: Operate},
		{Name: "lockdown", Role: Operate},
		{Name: "release", Role: Operate},
	}
}

// Request is one question to the engine.
type Request struct {
	// Verb is the command line's word for it. Over a socket it is the last part of the path.
	Verb string `json:"-"`
	// Arguments and Flags are what stands behind the verb: a revision, segments, confirm-within. Flags that concern where the engine's own
	// files are, are the engine's business.
	Arguments []string          `json:"arguments,omitempty"`
	Flags     map[string]string `json:"flags,omitempty"`
	// Language is that of the sentences, "en" or "fr"; Verbose and Quiet are for the text.
	Language string `json:"language,omitempty"`
	Verbose  bool   `json:"verbose,omitempty"`
	Quiet    bool   `json:"quiet,omitempty"`
	// Document says that nobody reads the text.
	Document bool `json:"document,omitempty"`
	// Session is the connection by which the user is logged in, as sshd writes it; empty on the machine's own terminal.
	Session string `json:"session,omitempty"`
	// Who is the user's name as he gives it. The engine believes it from those who may operate.
	Who string `json:"who,omitempty"`
	// Given is what the user typed about where the files are, flag by flag: "--state DIR". The next commands that the answer names have it;
	// where the engine's own files are it does not change.
	Given []string `json:"given,omitempty"`
	// Policy is the policy that the request is about; nil where it is about none.
	Policy *Policy `json:"policy,omitempty"`
	// Plan is the plan that the user has seen and agreed to, as the reply to "plan" named it: that one is carried out, or none.
	Plan string `json:"plan,omitempty"`
}

// Policy is a policy by its own bytes.
type Policy struct {
	Directories []Directory       `json:"directories"`
	Variables   map[string]string `json:"variables,omitempty"`
	Commit      string            `json:"commit,omitempty"`
	// Typed is how the user named it, for the next command to type.
	Typed []string `json:"typed,omitempty"`
	// Source are the flags that he typed for it, with what he gave them, for the same purpose.
	Source []string `json:"source,omitempty"`
}

// Directory is one directory of a policy: its name and the bytes of its files.
type Directory struct {
	Name  string            `json:"name"`
	Files map[string][]byte `json:"files"`
}

// Reply is the engine's answer: the document that --json prints, and what the command line would print for people.
type Reply struct {
	// Exit is the exit code of the command line.
	Exit     int             `json:"exit"`
	Document json.RawMessage `json:"document"`
	// Text goes to people; Notes are what else there is to say to them, on stderr.
	Text  string `json:"text,omitempty"`
	Notes string `json:"notes,omitempty"`
	// Plan names the plan that the answer is about.
	Plan string `json:"plan,omitempty"`
}
