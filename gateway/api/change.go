package api

// Confirm says which change was kept.
type Confirm struct {
	Header

	Confirmed bool   `json:"confirmed"`
	ID        string `json:"id"`
}

// Lockdown says which segments are locked down now, by name, and how many running flows ended; it is the document of lockdown and of
// release.
type Lockdown struct {
	Header

	Lockdown []string `json:"lockdown"`
	Flows    Flows    `json:"flows"`
}

// History is what was applied, newest first.
type History struct {
	Header

	Entries []Entry `json:"entries"`
}

// Entry is one revision. Its time is in RFC 3339.
type Entry struct {
	Revision int    `json:"revision"`
	Time     string `json:"time"`
	Who      string `json:"who"`
	Commit   string `json:"commit"`
	Digest   string `json:"digest"`
	Outcome  string `enum:"pending|applied|confirmed|reverted|unknown" json:"outcome"`
}
