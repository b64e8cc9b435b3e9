package catalog

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"cordon/policy"
)

//go:embed services.txt
var services string

// Services returns the built-in services in the order of the data file, which is the order that a user reads them in.
func Services() []policy.Service {
	list, err := ParseServices(services)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
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

// ParseServices reads the data file's format: a name and its ports a line, "#" for a comment. It refuses whatever it does not know.
func ParseServices(text string) ([]policy.Service, error) {
	var list []policy.Service
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		service, err := parseService(fields)
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

func parseService(fields []string) (policy.Service, error) {
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
