package api

// Plan says what an apply would change.
type Plan struct {
	Header
	Changes
}

// Changes is a plan: what changes by name, then counted.
type Changes struct {
	Changes  []Change `json:"changes"`
	Elements Count    `json:"elements"`
	Rules    Count    `json:"rules"`
	Flows    Cut      `json:"flows"`
}

// Change is one thing that changes. Action is add, change or remove; the sentence is in the user's language.
type Change struct {
	Action   string `enum:"add|change|remove" json:"action"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Sentence string `json:"sentence"`
}

// Count is how many of something come and go.
type Count struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
}

// Cut is how many running flows end, and the first of them by their tuple.
type Cut struct {
	Cut   int      `json:"cut"`
	First []string `json:"first"`
}

// Apply says what an apply did. Proof, Pending and Reverted belong to the proof and to the confirmation, and are null and false without
// them.
type Apply struct {
	Header

	Plan     *Changes `json:"plan"`
	Applied  bool     `json:"applied"`
	Proof    *Proof   `json:"proof"`
	Pending  *Pending `json:"pending"`
	Reverted bool     `json:"reverted"`
	Flows    Flows    `json:"flows"`
}

// Proof is the verdict on a ruleset: PROVED, VIOLATED or UNKNOWN.
type Proof struct {
	Verdict string `enum:"PROVED|VIOLATED|UNKNOWN" json:"verdict"`
}

// Pending is a change that is taken back at its deadline unless somebody confirms it.
type Pending struct {
	ID       string `json:"id"`
	Deadline string `json:"deadline"`
}

// Flows is how many running flows ended, and how many went on.
type Flows struct {
	Cut  int `json:"cut"`
	Kept int `json:"kept"`
}
