package policy

import (
	"net/netip"
	"strconv"
)

// Policy is one site's whole policy. Slices are ordered by name within their kind, so that two readings of the same text are equal.
type Policy struct {
	Site     Site
	Segments []Segment
	Devices  []Device
	Groups   []Group
	Services []Service
	Allows   []Allow
	Manage   []Manage
	// Files are the names of every file that the policy was read from, CSV files included, in the order of reading.
	Files []string
	// Digest is "sha256:" and the hexadecimal digest of every file's name and bytes: two policies with one digest are one policy.
	Digest string
}

// Origin is where something was written. Lines and columns count from 1; a zero Line means that it was written nowhere.
type Origin struct {
	File               string
	Line, Column       int
	EndLine, EndColumn int
}

// String returns file:line, the form that comments in the kernel and diagnostics share, or "" when nothing was written.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}

// Scope says how much of the gateway the policy governs.
type Scope int

// The two scopes.
const (
	ScopeBox      Scope = iota // everything that is not allowed is refused, on every interface
	ScopeSegments              // only what touches a camera or recorder segment is governed
)

// Site is the one gateway that the policy is for.
type Site struct {
	Name        string
	Description string
	Scope       Scope
	Timezone    string
	Origin      Origin
}

// SegmentKind is what a network is for.
type SegmentKind int

// The kinds of segment. Camera and recorder segments are governed: nothing crosses them that is not allowed, in either scope.
const (
	CameraSegment SegmentKind = iota
	RecorderSegment
	ClientSegment
	UplinkSegment
)

// String returns the word of the policy language.
func (k SegmentKind) String() string {
	switch k {
	case CameraSegment:
		return "camera"
	case RecorderSegment:
		return "recorder"
	case ClientSegment:
		return "client"
	case UplinkSegment:
		return "uplink"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Governed says whether the kind is one that Cordon isolates.
func (k SegmentKind) Governed() bool { return k == CameraSegment || k == RecorderSegment }

// Refuse is how a packet of a verified device is refused.
type Refuse int

// The two ways to refuse. Whatever is not verified is always dropped in silence.
const (
	RefuseReject Refuse = iota // a TCP reset or an ICMP error, rate-limited: a camera that gets no answer retries in a frenzy
	RefuseDrop
)

// SegmentID is an index into Policy.Segments.
type SegmentID int

// Segment is a network behind one interface of the gateway.
type Segment struct {
	Name        string
	Description string
	Kind        SegmentKind
	Interface   string
	// Addresses are the gateway's own, each with its network's length: 10.30.0.1/24.
	Addresses []netip.Prefix
	Refuse    Refuse
	Routes    []Route
	// Translates says that `masquerade` is given, even as []: what an allow opens from a camera or recorder by this uplink is then
	// translated too.
	Translates bool
	// Masquerade are the client segments whose source address is translated when they leave by this uplink.
	Masquerade []SegmentID
	Origin     Origin
}

// Networks returns what the segment owns: the networks of the gateway's addresses there and those behind its routers. An uplink's
// networks are listed too, but an uplink means more than them: everything that no other segment owns.
func (s Segment) Networks() []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(s.Addresses)+len(s.Routes))
	for _, a := range s.Addresses {
		networks = append(networks, a.Masked())
	}
	for _, r := range s.Routes {
		networks = append(networks, r.To...)
	}
	return networks
}

// Route is a way to networks behind a router of a segment.
type Route struct {
	To     []netip.Prefix
	Via    netip.Addr
	Origin Origin
}

// DeviceKind is what a named machine is.
type DeviceKind int

// The kinds of device.
const (
	Camera DeviceKind = iota
	Recorder
	Host
)

// String returns the word of the policy language.
func (k DeviceKind) String() string {
	switch k {
	case Camera:
		return "camera"
	case Recorder:
		return "recorder"
	case Host:
		return "host"
	}
	return "device " + strconv.Itoa(int(k))
}

// DeviceID is an index into Policy.Devices.
type DeviceID int

// Device is a machine that the policy names: a camera, a recorder or a host.
type Device struct {
	Kind        DeviceKind
	Name        string
	Description string
	Segment     SegmentID
	// MAC is zero where none is given: the device is then known by interface and address alone.
	MAC       MAC
	Addresses []netip.Addr
	Model     string
	Vendor    string
	Acquired  string
	Labels    map[string]string
	// Origin is the row of the CSV file for a device that came from one, else its block.
	Origin Origin
	// Block is the block that made the device; it differs from Origin for a row of a CSV file.
	Block Origin
}

// Reference returns the device as a policy names it: camera.gym-north.
func (d Device) Reference() string { return d.Kind.String() + "." + d.Name }

// Group is a set of cameras with a name.
type Group struct {
	Name        string
	Description string
	Cameras     []DeviceID
	Origin      Origin
}

// Protocol is an IP protocol number.
type Protocol uint8

// The protocols that have ports, and the two that ping uses.
const (
	ICMP   Protocol = 1
	TCP    Protocol = 6
	UDP    Protocol = 17
	ICMPv6 Protocol = 58
)

// Ports is a run of ports of one protocol, both ends included.
type Ports struct {
	Protocol    Protocol
	First, Last uint16
}

// Service is what may be opened: ports, echo requests, or everything.
type Service struct {
	Name        string
	Description string
	Any         bool // every protocol and port
	Ping        bool // echo requests of both families
	Ports       []Ports
	Origin      Origin
}

// EndpointKind is how an endpoint of an allow was written.
type EndpointKind int

// The kinds of endpoint.
const (
	DeviceEndpoint  EndpointKind = iota // camera.x, recorder.x, host.x, group.x, or a camera or recorder segment: its named devices
	SegmentEndpoint                     // a client segment: its networks; an uplink: everything that no other segment owns
	NetworkEndpoint                     // a literal address or prefix
)

// Endpoint is one side of an allow.
type Endpoint struct {
	Kind EndpointKind
	// Name is the endpoint as it was written: group.gym, segment.office, 10.50.0.0/28.
	Name string
	// Devices is every device that a DeviceEndpoint means, in the order of Policy.Devices.
	Devices []DeviceID
	// Segments are the segment of a SegmentEndpoint, or those that a NetworkEndpoint belongs to: one, or every uplink.
	Segments []SegmentID
	Network  netip.Prefix
	Origin   Origin
}

// Allow says who may open which services towards whom. Replies are implied, nothing else is.
type Allow struct {
	Name        string
	Description string
	From, To    []Endpoint
	Services    []Service
	Origin      Origin
}

// Manage says who may open the gateway's own services. From is empty where the policy says `from = []`: the appliance's own
// terminal only.
type Manage struct {
	From     []Endpoint
	Services []Service
	Origin   Origin
}
