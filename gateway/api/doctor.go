package api

// Doctor says what makes isolation weaker or the box unhealthy: what fails first, the worst before the rest.
type Doctor struct {
	Header

	Checks []Check `json:"checks"`
}

// Check is one thing that was looked at. Severity is error, warning or info, State is failed, unknown or passed. Command mends what
// failed and is empty where nothing did.
type Check struct {
	ID       string `json:"id"`
	Severity string `json:"severity" enum:"error|warning|info"`
	State    string `json:"state" enum:"failed|unknown|passed"`
	Sentence string `json:"sentence"`
	Command  string `json:"command"`
}
