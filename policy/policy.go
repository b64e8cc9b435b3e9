package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Policy is one site's whole policy. Slices are ordered by name within their kind, so that two readings of the same text are equal.
type Policy struct {
	Site     Site
	Segments []Segment
	Devices  []Device
	Groups   []Group
	Services []Service
	Allows   []Allow
	// Exceptions are the temporary allows, and Expectations what has to hold for every packet.
	Exceptions   []Exception
	Expectations []Expectation
	Manage       []Manage
	// Lockdown are the segments that are locked down, by name: LockedDown has taken out of the policy what touched them.
	Lockdown []string
	// Variables are the values that the variables were given, by name: what they say is part of the policy.
	Variables map[string]string
	// Files are the names of every file that the policy was read from, CSV files included, in the order of reading.
	Files []string
	// Digest is "sha256:" and the hexadecimal digest of every file's name and bytes, and of the variables: two policies with one digest
	// are one policy.
	Digest string
}

// DependsOnTime says whether the policy has an exception or a schedule: it then means something else at another hour.
func (p Policy) DependsOnTime() bool {
	return len(p.Exceptions) > 0 || slices.ContainsFunc(p.Allows, func(a Allow) bool { return len(a.During) > 0 })
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
	// Timezone is the IANA name of the zone that schedules are read in, and Zone the same as a value: UTC where none is given.
	Timezone string
	Zone     Zone
	// ExceptionLimit is how long an exception may last from the day that it is read.
	ExceptionLimit time.Duration
	Origin         Origin
}

// Zone is a time zone; its zero value is UTC.
type Zone struct{ location *time.Location }

// ZoneOf returns the zone of a location.
func ZoneOf(l *time.Location) Zone { return Zone{l} }

// Location returns the zone as the time package has it.
func (z Zone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// Equal says whether two zones have the same name: there is one set of zones.
func (z Zone) Equal(other Zone) bool { return z.Location().String() == other.Location().String() }

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
	// Interface is the one that has the segment's addresses: for a segment on a bridge, the bridge.
	Interface string
	// VLAN says that the interface is a tagged one that Cordon makes itself; nil where it is there already.
	VLAN *VLAN
	// Ports are the ports of the bridge Interface that belong to the segment, where the gateway itself is the switch; nil elsewhere. Two
	// segments may have ports of one bridge.
	Ports []string
	Mode  Mode
	Serve Serve
	// Addresses are the gateway's own, each with its network's length: 10.30.0.1/24. Segments that share a bridge share them too, so that
	// each owns the one subnet; what sets them on the bridge finds them once for each segment.
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

// VLAN is a tagged interface of 802.1Q.
type VLAN struct {
	Parent string
	ID     uint16 // 1 to 4094
}

// Mode is whether a segment's rules refuse or only count.
type Mode int

// The two modes.
const (
	Enforce Mode = iota
	Observe      // count what would be refused, refuse nothing
)

// String returns the word of the policy language.
func (m Mode) String() string {
	if m == Observe {
		return "observe"
	}
	return "enforce"
}

// Serve is what the gateway itself offers on a segment: nothing by default.
type Serve struct {
	Time  TimeService
	Names NamesService
	// Records are what names resolve to, ordered by name; every other name does not exist.
	Records []Record
	// Discovery are the segments that may find the cameras of this one.
	Discovery []SegmentID
	Leases    *Leases // nil where no DHCP is served
	Origin    Origin  // of the block; zero where there is none
}

// TimeService is how the gateway answers NTP.
type TimeService int

// The ways to answer NTP.
const (
	TimeOff       TimeService = iota
	TimeLocal                 // at the gateway's own address only
	TimeIntercept             // whichever server is asked
)

// NamesService is how the gateway answers DNS.
type NamesService int

// The ways to answer DNS.
const (
	NamesOff      NamesService = iota
	NamesSinkhole              // every question is answered here
)

// Record is a name that the gateway answers for.
type Record struct {
	Name    string
	Address netip.Addr
}

// Leases is the range of a DHCPv4 server, both ends included, and how long a lease lasts.
type Leases struct {
	First, Last netip.Addr
	Lease       time.Duration
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
	// Port is the only port of its bridge that the device may stand at; empty for any.
	Port     string
	Model    string
	Vendor   string
	Acquired string
	Labels   map[string]string
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
	AnyEndpoint                         // of an expectation: every destination, the gateway's own addresses included
)

// Endpoint is one side of an allow.
type Endpoint struct {
	Kind EndpointKind
	// Name is the endpoint as it was written: group.gym, segment.office, 10.50.0.0/28.
	Name string
	// Devices is every device that a DeviceEndpoint means, in the order of Policy.Devices.
	Devices []DeviceID
	// Segments are the segment of a SegmentEndpoint, or those that a NetworkEndpoint belongs to: one, those that share a bridge, or every
	// uplink. In an expectation a camera or recorder segment is a SegmentEndpoint too, with its devices beside it: it may mean more.
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
	// During narrows the allow to a schedule; empty means always.
	During []Window
	Origin Origin
}

// Exception is a temporary allow: somebody answers for it, and it ends by itself.
type Exception struct {
	Name        string
	Description string
	From, To    []Endpoint
	Services    []Service
	Until       time.Time
	Reason      string
	Owner       string
	Ticket      string
	// During narrows the exception to a schedule; empty means from the moment it is applied to its end.
	During []Window
	Origin Origin
}

// Verdict is what becomes of a packet.
type Verdict int

// The two verdicts.
const (
	Blocked Verdict = iota
	Allowed
)

// String returns the word of the policy language.
func (v Verdict) String() string {
	if v == Allowed {
		return "allowed"
	}
	return "blocked"
}

// Expectation is a statement about every packet between two ends, at every hour.
type Expectation struct {
	Name        string // free text
	Description string
	From, To    []Endpoint
	Except      []Endpoint // destinations that the statement leaves out
	Services    []Service
	Verdict     Verdict
	Origin      Origin
}

// Manage says who may open the gateway's own services. From is empty where the policy says `from = []`: the appliance's own
// terminal only.
type Manage struct {
	From     []Endpoint
	Services []Service
	Origin   Origin
}
