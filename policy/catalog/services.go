package catalog

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cordon/policy"
)

//go:embed services.txt
var services string

// BuiltIn is a service that every policy may name, and what is known of it.
type BuiltIn struct {
	policy.Service

	// From usually opens it towards To. Both are words of the policy language, or "gateway".
	From, To string
	// Source says where the ports come from.
	Source string
}

// BuiltIns returns the built-in services in the order of the data file, which is the order that a user reads them in.
func BuiltIns() []BuiltIn {
	list, err := ParseServices(services)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
	}
	return list
}

// Services returns the built-in services as a policy means them.
func Services() []policy.Service {
	known := BuiltIns()
	list := make([]policy.Service, len(known))
	for i := range known {
		list[i] = known[i].Service
	}
	return list
}

// Service returns the built-in service of that name.
func Service(name string) (policy.Service, bool) {
	for _, s := range Services() {
		if s.Name == name {
			return s, true
		}
	}
	return policy.Service{}, false
}

// ParseServices reads the data file's format: a service a line in three columns, "#" for a comment. It refuses whatever it does not
// know, and a service of which nobody says where it comes from.
func ParseServices(text string) ([]BuiltIn, error) {
	var list []BuiltIn
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		service, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("services, line %d: %w", number+1, err)
		}
		if seen[service.Name] {
			return nil, fmt.Errorf("services, line %d: %q stands twice", number+1, service.Name)
		}
		seen[service.Name] = true
		list = append(list, service)
	}
	return list, nil
}

func parseLine(line string) (BuiltIn, error) {
	columns := strings.Split(line, "|")
	if len(columns) != 3 {
		return BuiltIn{}, fmt.Errorf("%d columns, not 3", len(columns))
	}
	service, err := parseService(strings.Fields(columns[0]))
	if err != nil {
		return BuiltIn{}, err
	}
	from, to, _ := strings.Cut(columns[1], ">")
	known := BuiltIn{service, strings.TrimSpace(from), strings.TrimSpace(to), strings.TrimSpace(columns[2])}
	if !isEnd(known.From) || !isEnd(known.To) || known.Source == "" {
		return BuiltIn{}, fmt.Errorf("%q: not who opens it towards whom, and where that is from", service.Name)
	}
	return known, nil
}

// isEnd says whether a word can stand at an end of a direction.
func isEnd(word string) bool {
	return slices.Contains([]string{"camera", "recorder", "client", "host", "uplink", "gateway"}, word)
}

func parseService(fields []string) (policy.Service, error) {
	if len(fields) == 0 {
		return policy.Service{}, errors.New("a service without a name")
	}
	service := policy.Service{Name: fields[0]}
	var protocol policy.Protocol
	for _, word := range fields[1:] {
		switch word {
		case "any":
			service.Any = true
		case "ping":
			service.Ping = true
		case "tcp":
			protocol = policy.TCP
		case "udp":
			protocol = policy.UDP
		default:
			ports, err := ParsePorts(protocol, word)
			if err != nil {
				return policy.Service{}, err
			}
			service.Ports = append(service.Ports, ports)
		}
	}
	if !service.Any && !service.Ping && len(service.Ports) == 0 {
		return policy.Service{}, fmt.Errorf("%q opens nothing", service.Name)
	}
	return service, nil
}

// ParsePorts reads a port from 1 to 65535, or a run of them: 8000, 6100-6299.
func ParsePorts(protocol policy.Protocol, text string) (policy.Ports, error) {
	from, to, run := strings.Cut(text, "-")
	if !run {
		to = from
	}
	first, err := port(from)
	if err != nil {
		return policy.Ports{}, err
	}
	last, err := port(to)
	if err != nil {
		return policy.Ports{}, err
	}
	if protocol == 0 || first > last {
		return policy.Ports{}, fmt.Errorf("%q is not a run of ports of a protocol", text)
	}
	return policy.Ports{Protocol: protocol, First: first, Last: last}, nil
}

func port(text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", text)
	}
	return uint16(n), nil
}
