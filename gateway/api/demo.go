package api

// Demo is what the demo claimed and measured.
type Demo struct {
	Header

	Steps []DemoStep `json:"steps"`
	// ElapsedMS is how long the demo took, in milliseconds.
	ElapsedMS int64 `json:"elapsed_ms"`
}

// DemoStep is one claim. Held says that what was measured bears it out, against its control; the sentences are in the user's language.
type DemoStep struct {
	ID       string `json:"id"`
	Claim    string `json:"claim"`
	Measured string `json:"measured"`
	Held     bool   `json:"held"`
}
