package api

import "encoding/json"

// Schema names the shape that every document has until a key has to change its meaning.
const Schema = "cordon.v1"

// Document is any verb's document.
type Document interface {
	// Head returns the part that all documents share, for the one who finishes the document to fill in.
	Head() *Header
}

// Header is the part that all documents share.
type Header struct {
	Schema string `json:"schema"`
	Verb   string `json:"verb"`
	// Exit is the exit code of the process that prints the document.
	Exit        int          `json:"exit"`
	Error       *Failure     `json:"error"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Head returns the header itself: a document is what embeds one.
func (h *Header) Head() *Header { return h }

// Failure is why a verb could not do what it was asked, for a person: what happened, why, and what to type next.
type Failure struct {
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	Next    string `json:"next"`
}

// Diagnostic is one remark on a policy. Severity is error, warning or info; lines and columns count from 1, 0 where there is none.
type Diagnostic struct {
	Code      string `json:"code"`
	Severity  string `enum:"error|warning|info" json:"severity"`
	Summary   string `json:"summary"`
	Detail    string `json:"detail"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

// Version says which program this is.
type Version struct {
	Header

	// Version is a release's number, or "devel" and the commit for a build from a working copy.
	Version string `json:"version"`
	// Commit is the full git commit, with "+dirty" behind it when the working copy had changes; empty when the build knew none.
	Commit string `json:"commit"`
	// Time is the commit's time in RFC 3339, empty when the build knew none.
	Time     string `json:"time"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Document is the JSON Schema that was asked for, null when none was.
	Document *json.RawMessage `json:"document"`
}
