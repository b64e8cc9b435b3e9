package api

// Init is the policy to begin with that was written.
type Init struct {
	Header

	// File is what was written, empty when nothing was.
	File string `json:"file"`
	// Manage is the interface whose segment manages the gateway, empty where only its own terminal does; Guessed says that nobody is
	// logged in by it.
	Manage  string `json:"manage"`
	Guessed bool   `json:"guessed"`
	// Uplink and Cameras are the interfaces of those segments, empty where there is none.
	Uplink  string `json:"uplink"`
	Cameras string `json:"cameras"`
}
