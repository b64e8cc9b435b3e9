package api

// Explain is what becomes of a packet, and why. Where names stand for several packets (a camera has two addresses, a group many cameras),
// the first part is the one that matters most: blocked before unknown before allowed.
type Explain struct {
	Header
	Explanation

	// Against is what was asked: kernel or policy; empty where the question was none.
	Against string `enum:"kernel|policy|" json:"against"`
	// Path is the way through the kernel's chains; empty against a policy.
	Path []Step `json:"path"`
	// Explanations are all of them, packets with one answer together.
	Explanations []Explanation `json:"explanations"`
}

// Explanation is one packet and the answer. Verdict is allowed, blocked or unknown, and empty where the question was none.
type Explanation struct {
	Verdict string   `enum:"allowed|blocked|unknown|" json:"verdict"`
	Packet  *Packet  `json:"packet"`
	Because *Because `json:"because"`
	// Nearest is the block that would come nearest to allowing the packet, null where there is none.
	Nearest *Nearest `json:"nearest"`
	// Packets is how many packets have this answer.
	Packets int `json:"packets"`
}

// Packet is a packet. State is new, reply or untracked; icmp is null for other protocols.
type Packet struct {
	IIF         string `json:"iif"`
	OIF         string `json:"oif"`
	SMAC        string `json:"smac"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Protocol    string `json:"protocol"`
	SPort       uint16 `json:"sport"`
	DPort       uint16 `json:"dport"`
	ICMP        *ICMP  `json:"icmp"`
	State       string `enum:"new|reply|untracked" json:"state"`
}

// ICMP is a message's type and code.
type ICMP struct {
	Type uint8 `json:"type"`
	Code uint8 `json:"code"`
}

// Because is what decides: a chain and a rule of the kernel, or "policy" and the keyword of a block; both are empty where nothing names
// the packet. Sentence is in the user's language.
type Because struct {
	Chain    string `json:"chain"`
	Rule     string `json:"rule"`
	Name     string `json:"name"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
}

// Nearest is a block that has all of a packet but for one thing: its sender, service, direction, destination or source.
type Nearest struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Differs string `enum:"sender|service|direction|destination|source" json:"differs"`
}

// Step is one rule on the way through the kernel.
type Step struct {
	Hook     string `json:"hook"`
	Table    string `json:"table"`
	Chain    string `json:"chain"`
	Rule     string `json:"rule"`
	Decision string `json:"decision"`
}
