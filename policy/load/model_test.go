package load_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// TestModel holds the whole model of every valid policy.
func TestModel(t *testing.T) {
	dumped := 0
	for _, name := range fixtures(t, "valid") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, diagnostics := load.Dir(november(), nil, load.Directory{Name: "policy", FS: os.DirFS(name)})
			if len(diagnostics) > 0 {
				t.Fatalf("diagnostics:\n%s", message.In(message.English).RenderAll(diagnostics))
			}
			golden(t, filepath.Join("testdata", filepath.Base(name)+".model"), strings.Join(model(p), "\n")+"\n")
		})
		dumped++
	}
	if dumped < 4 {
		t.Errorf("%d models", dumped)
	}
}

// model returns a policy as text, one node a line.
func model(p policy.Policy) []string {
	limit := p.Site.ExceptionLimit.String()
	lines := []string{fmt.Sprintf("%s site %s in %s, exceptions %s", p.Site.Origin, p.Site.Name, p.Site.Zone.Location(), limit)}
	for _, s := range p.Segments {
		lines = append(lines, segmentLines(p, s)...)
	}
	for _, d := range p.Devices {
		line := fmt.Sprintf("%s %s %s %v in %s", d.Origin, d.Reference(), d.MAC, d.Addresses, p.Segments[d.Segment].Name)
		if d.Port != "" {
			line += " at " + d.Port
		}
		lines = append(lines, line)
	}
	for _, g := range p.Groups {
		lines = append(lines, fmt.Sprintf("%s group.%s %s", g.Origin, g.Name, names(p, g.Cameras)))
	}
	for _, a := range p.Allows {
		lines = append(lines, fmt.Sprintf("%s allow %s: %s -> %s: %s", a.Origin, a.Name, side(p, a.From), side(p, a.To), services(a.Services)))
		lines = append(lines, windows(a.During)...)
	}
	for _, e := range p.Exceptions {
		lines = append(lines,
			fmt.Sprintf("%s exception %s: %s -> %s: %s", e.Origin, e.Name, side(p, e.From), side(p, e.To), services(e.Services)),
			fmt.Sprintf("  until %s, %q by %q (%s)", e.Until.UTC().Format(time.RFC3339), e.Reason, e.Owner, e.Ticket))
		lines = append(lines, windows(e.During)...)
	}
	for _, e := range p.Expectations {
		lines = append(lines, fmt.Sprintf("%s expect %q %s: %s -> %s but %s: %s",
			e.Origin, e.Name, e.Verdict, side(p, e.From), side(p, e.To), side(p, e.Except), services(e.Services)))
	}
	for _, m := range p.Manage {
		lines = append(lines, fmt.Sprintf("%s manage %s: %s", m.Origin, side(p, m.From), services(m.Services)))
	}
	return lines
}

func segmentLines(p policy.Policy, s policy.Segment) []string {
	line := fmt.Sprintf("%s %s segment %s: %s%v %v mode %d", s.Origin, s.Kind, s.Name, s.Interface, s.Ports, s.Addresses, s.Mode)
	if s.VLAN != nil {
		line += fmt.Sprintf(" vlan %s %d", s.VLAN.Parent, s.VLAN.ID)
	}
	lines := []string{line}
	for _, r := range s.Routes {
		lines = append(lines, fmt.Sprintf("  route %v via %s", r.To, r.Via))
	}
	if s.Translates {
		lines = append(lines, fmt.Sprintf("  translates [%s]", owners(p, s.Masquerade)))
	}
	if v := s.Serve; v.Origin.Line != 0 {
		line := fmt.Sprintf("  serves time %d names %d %v discovery [%s]", v.Time, v.Names, v.Records, owners(p, v.Discovery))
		if v.Leases != nil {
			line += fmt.Sprintf(" leases %s-%s for %s", v.Leases.First, v.Leases.Last, v.Leases.Lease)
		}
		lines = append(lines, line)
	}
	return lines
}

func windows(list []policy.Window) []string {
	var lines []string
	for _, w := range list {
		var days strings.Builder
		for day, on := range w.Days {
			if on {
				days.WriteString(" " + time.Weekday(day).String()[:3])
			}
		}
		lines = append(lines, fmt.Sprintf("  during%s %02d:%02d-%02d:%02d", days.String(), w.From/60, w.From%60, w.To/60, w.To%60))
	}
	return lines
}

func names(p policy.Policy, ids []policy.DeviceID) string {
	var list []string
	for _, id := range ids {
		list = append(list, p.Devices[id].Name)
	}
	return "[" + strings.Join(list, " ") + "]"
}

func side(p policy.Policy, endpoints []policy.Endpoint) string {
	var list []string
	for _, e := range endpoints {
		text := e.Name
		switch e.Kind {
		case policy.DeviceEndpoint:
			text += names(p, e.Devices)
		case policy.SegmentEndpoint:
			text += "(whole)"
			if e.Devices != nil {
				text += names(p, e.Devices)
			}
		case policy.NetworkEndpoint:
			text += fmt.Sprintf("(%s in %s)", e.Network, owners(p, e.Segments))
		case policy.AnyEndpoint:
			text += "(everything)"
		}
		list = append(list, text+"@"+e.Origin.String())
	}
	return strings.Join(list, ", ")
}

func owners(p policy.Policy, ids []policy.SegmentID) string {
	var list []string
	for _, id := range ids {
		list = append(list, p.Segments[id].Name)
	}
	return strings.Join(list, " ")
}

func services(list []policy.Service) string {
	var texts []string
	for _, s := range list {
		texts = append(texts, fmt.Sprintf("%s%v", s.Name, s.Ports))
	}
	return strings.Join(texts, " ")
}
