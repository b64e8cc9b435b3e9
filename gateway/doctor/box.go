package doctor

import (
	"slices"
	"time"

	"cordon/gateway"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// Box is everything that is known of one machine.
type Box struct {
	// Policy is the one that was applied last, else the one on disk, else nil; Applied says which.
	Policy  *policy.Policy
	Applied bool
	// OnDisk is the digest of the policy on disk, empty where there is none; Wrong is how many errors it has.
	OnDisk string
	Wrong  int
	// Pending is until when a change awaits its confirmation, zero when none does, and Overdue says that nobody took it back in time;
	// Lockdown is nil when there is none.
	Pending  time.Time
	Overdue  bool
	Lockdown *Lockdown
	// Damaged is the state file that cannot be used, and Unusable says that the policy in it is one that this version cannot read.
	Damaged  string
	Unusable bool
	// StateDir and PolicyDir are as the user named them, for the commands.
	StateDir, PolicyDir string

	Status  gateway.Status
	Machine gateway.Examination
	Moment  policy.Moment
	Files   Files
	Disk    Disk
}

// Lockdown is what was closed, everything where no segment is named. Of a Damaged one no more is known.
type Lockdown struct {
	Since    time.Time
	Who      string
	Segments []string
	Damaged  bool
}

// Governed are the interfaces that files are searched for.
func (b Box) Governed() []Interface {
	var list []Interface
	for _, name := range b.governed() {
		found := Interface{Name: name}
		for _, l := range b.links() {
			if l.Name == name && !l.MAC.IsZero() {
				found.MAC = l.MAC.String()
			}
		}
		list = append(list, found)
	}
	return list
}

// governed are the interfaces of camera and recorder segments: those that have the addresses, and the ports of bridges.
func (b Box) governed() []string {
	var names []string
	for _, s := range b.isolated() {
		names = append(append(names, s.Interface), s.Ports...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isolated are the camera and recorder segments.
func (b Box) isolated() []policy.Segment {
	if b.Policy == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(b.Policy.Segments), func(s policy.Segment) bool { return !s.Kind.Governed() })
}

// named are all interfaces that the policy speaks of.
func (b Box) named() []string {
	if b.Policy == nil {
		return nil
	}
	var names []string
	for i := range b.Policy.Segments {
		s := &b.Policy.Segments[i]
		names = append(append(names, s.Interface), s.Ports...)
	}
	return names
}

// links are the interfaces that the machine has.
func (b Box) links() []netstate.Link { return b.Machine.State.Links }
