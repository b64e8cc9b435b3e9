package api

// Services are the services that a policy may name.
type Services struct {
	Header

	Services []Service `json:"services"`
}

// Service is one service. A built-in one has who usually opens it towards whom and the source of its ports, a declared one its place in
// the policy; the others are empty.
type Service struct {
	Name string `json:"name"`
	// Declared says that the policy declares it, not Cordon.
	Declared bool `json:"declared"`
	// Any is every protocol and port, Ping echo requests of both families.
	Any         bool    `json:"any"`
	Ping        bool    `json:"ping"`
	Ports       []Ports `json:"ports"`
	From        string  `json:"from"`
	To          string  `json:"to"`
	Source      string  `json:"source"`
	Description string  `json:"description"`
	File        string  `json:"file"`
	Line        int     `json:"line"`
}

// Ports is a run of ports of a protocol, tcp or udp, both ends included.
type Ports struct {
	Protocol string `enum:"tcp|udp" json:"protocol"`
	First    uint16 `json:"first"`
	Last     uint16 `json:"last"`
}
