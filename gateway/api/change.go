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
