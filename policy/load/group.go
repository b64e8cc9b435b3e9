package load

import (
	"slices"
	"time"

	"cordon/policy"
	"cordon/policy/catalog"
	"cordon/policy/message"
)

func validDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

func (l *loader) decodeGroups() {
	s := schemaOf("group")
	for _, b := range l.blocks["group"] {
		l.shape(b, s)
		l.out.Groups = append(l.out.Groups, l.group(b))
	}
}

func (l *loader) group(b block) policy.Group {
	g := policy.Group{Name: b.name, Description: l.free(b, "description"), Origin: b.origin()}
	names, where := b.body.Attributes["cameras"], b.body.Attributes["where"]
	switch {
	case names != nil && where != nil:
		l.report.add(at(origin(where.NameRange)), "group-both", nil)
		return g
	case names == nil && where == nil:
		l.report.add(at(b.header), "group-neither", nil)
		return g
	}
	var complete bool
	if names != nil {
		g.Cameras, complete = l.groupByName(b)
	} else {
		g.Cameras, complete = l.groupByLabel(b)
	}
	if complete && len(g.Cameras) == 0 && !l.missingMay("camera") {
		l.report.warn(at(b.origin()), "group-empty", message.Args{"name": b.name})
	}
	return g
}

func (l *loader) groupByName(b block) ([]policy.DeviceID, bool) {
	values, complete := l.values(b, "cameras", true)
	var ids []policy.DeviceID
	for _, v := range values {
		r, ok := l.asReference(v, "camera")
		complete = complete && ok
		if ok {
			ids = append(ids, l.deviceID(r))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), complete
}

// groupByLabel selects the cameras of which every pair matches.
func (l *loader) groupByLabel(b block) ([]policy.DeviceID, bool) {
	want, here, ok := l.pairs(b, "where")
	if !ok {
		return nil, false
	}
	if len(want) == 0 {
		l.report.add(here, "empty-value", message.Args{"name": "where"})
		return nil, false
	}
	least := l.labelled(want)
	if !l.budget.pay(len(least), b.header) {
		return nil, false
	}
	var ids []policy.DeviceID
	for _, id := range least {
		if matches(l.out.Devices[id].Labels, want) {
			ids = append(ids, id)
		}
	}
	return ids, true
}

// label is one pair of a camera's labels.
type label struct{ key, text string }

// labelled returns the cameras that have one of the pairs: the one that the fewest have.
func (l *loader) labelled(want map[string]string) []policy.DeviceID {
	if l.labels == nil {
		l.labels = map[label][]policy.DeviceID{}
		for i, d := range l.out.Devices {
			for key, text := range d.Labels {
				if d.Kind == policy.Camera {
					l.labels[label{key, text}] = append(l.labels[label{key, text}], policy.DeviceID(i))
				}
			}
		}
	}
	var least []policy.DeviceID
	first := true
	for key, text := range want {
		if has := l.labels[label{key, text}]; first || len(has) < len(least) {
			least, first = has, false
		}
	}
	return least
}

func matches(labels, want map[string]string) bool {
	for key, text := range want {
		if has, ok := labels[key]; !ok || has != text {
			return false
		}
	}
	return true
}

func (l *loader) decodeServices() {
	s := schemaOf("service")
	for _, b := range l.blocks["service"] {
		l.shape(b, s)
		l.out.Services = append(l.out.Services, l.service(b))
	}
}

func (l *loader) service(b block) policy.Service {
	s := policy.Service{Name: b.name, Description: l.free(b, "description"), Origin: b.origin()}
	if _, builtin := l.builtins[b.name]; builtin {
		l.report.add(at(b.origin()), "service-builtin", message.Args{"name": b.name})
	}
	if b.body.Attributes["tcp"] == nil && b.body.Attributes["udp"] == nil {
		l.report.add(at(b.header), "service-empty", nil)
	}
	s.Ports = append(l.ports(b, "tcp", policy.TCP), l.ports(b, "udp", policy.UDP)...)
	return s
}

func (l *loader) ports(b block, name string, protocol policy.Protocol) []policy.Ports {
	values, complete := l.values(b, name, true)
	if a := b.body.Attributes[name]; a != nil && complete && len(values) == 0 {
		l.report.add(b.place(a.Expr), "empty-value", message.Args{"name": name})
	}
	var list []policy.Ports
	for _, v := range values {
		text, ok := l.asText(v)
		if !ok {
			continue
		}
		ports, err := catalog.ParsePorts(protocol, text)
		if err != nil {
			l.report.add(v.place, "bad-port", message.Args{"value": text})
			continue
		}
		list = append(list, ports)
	}
	return list
}
