package api

// Status is what the machine holds now.
type Status struct {
	Header

	Enforcing bool     `json:"enforcing"`
	Service   bool     `json:"service"`
	Lockdown  []string `json:"lockdown"`
	Drift     []Drift  `json:"drift"`
	Pending   *Pending `json:"pending"`
	// Policy is null while our tables are not in the kernel.
	Policy    *Applied  `json:"policy"`
	Layers    []Layer   `json:"layers"`
	Segments  []Segment `json:"segments"`
	Cameras   Cameras   `json:"cameras"`
	NotServed []string  `json:"not_served"`
	// Openings is what is open for a time only: exceptions, and allows with a schedule.
	Openings []Opening `json:"openings"`
	// Foreign are the tables of other programs, as nft names them.
	Foreign []string `json:"foreign"`
}

// Opening is an exception or an allow with a schedule. Left is for how many seconds the kernel still holds it open by itself, 0 where it is
// closed; until is the end of an exception, null for an allow. Clock is false where it is closed because the clock is not known to be
// right.
type Opening struct {
	Kind  string  `enum:"exception|allow" json:"kind"`
	Name  string  `json:"name"`
	Open  bool    `json:"open"`
	Left  int     `json:"left"`
	Until *string `json:"until"`
	Clock bool    `json:"clock"`
}

// Drift is one difference between the kernel and the policy that was applied last. Since is null while nobody watched it begin.
type Drift struct {
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
	Since    *string `json:"since"`
	Repaired bool    `json:"repaired"`
	// By is who changed it, by the kernel's word: nft (123). It is null where the kernel does not say.
	By *string `json:"by"`
	// Milliseconds is how long the repair took from the kernel's first word; 0 for what is not repaired.
	Milliseconds int `json:"milliseconds"`
}

// Applied is the policy in force. Applied is its time, null where no record of it is left.
type Applied struct {
	Digest  string  `json:"digest"`
	Commit  string  `json:"commit"`
	Applied *string `json:"applied"`
	Who     string  `json:"who"`
}

// Layer is one layer of the defence: on, off or unsupported, and why it is not on.
type Layer struct {
	Name    string `json:"name"`
	State   string `enum:"on|off|unsupported" json:"state"`
	Because string `json:"because"`
}

// Segment is one network. State is up, down or absent.
type Segment struct {
	Name      string `json:"name"`
	Kind      string `enum:"camera|recorder|client|uplink" json:"kind"`
	Interface string `json:"interface"`
	Mode      string `enum:"enforce|observe" json:"mode"`
	State     string `enum:"up|down|absent" json:"state"`
}

// Cameras counts the cameras that the policy names. Seen and Unknown are null while nobody looks.
type Cameras struct {
	Named   int  `json:"named"`
	Seen    *int `json:"seen"`
	Unknown *int `json:"unknown"`
}
