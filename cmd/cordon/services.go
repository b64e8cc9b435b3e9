package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/catalog"
	"cordon/policy/load"
	"cordon/policy/message"
)

// servicesVerb lists the services that a policy may name.
func (a *app) servicesVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "services [POLICY...]", Short: a.words.Text("verb.services", nil), Args: arguments(0, -1)}
	cmd.RunE = a.verb(func(_ context.Context, args []string) (answer, error) {
		document := &api.Services{Services: builtIn()}
		found := answer{document: document, text: a.servicesText(document)}
		if len(args) == 0 && !cmd.Flags().Changed("policy") && !allThere(a.flags.policy) {
			return found, nil // before there is a policy, its author asks
		}
		r, err := a.usable(cmd, args, document)
		err = aboutService(args, err)
		for i := range r.policy.Services {
			document.Services = append(document.Services, declared(&r.policy.Services[i]))
		}
		return found, err
	})
	return cmd
}

// aboutService helps who has named a service where a policy's directory stands: the list has it.
func aboutService(typed []string, err error) error {
	missing, ok := errors.AsType[*failure](err)
	if !ok || missing.sentence != "policy.missing" {
		return err
	}
	var names []string
	for _, s := range catalog.Services() {
		names = append(names, s.Name)
	}
	name := missing.args["dir"]
	if !slices.Contains(names, name) {
		name = load.Nearest(name, names)
	}
	if name == "" || !slices.Contains(typed, missing.args["dir"]) {
		return err
	}
	args := message.Args{"dir": missing.args["dir"], "service": name}
	return &failure{code: exitPolicy, sentence: "services.missing", args: args, next: "cordon services | grep " + shellWord(name)}
}

func allThere(directories []string) bool {
	for _, dir := range directories {
		if _, err := os.Stat(dir); err != nil {
			return false
		}
	}
	return true
}

func builtIn() []api.Service {
	known := catalog.BuiltIns()
	list := make([]api.Service, len(known))
	for i := range known {
		list[i] = service(&known[i].Service)
		list[i].From, list[i].To, list[i].Source = known[i].From, known[i].To, known[i].Source
	}
	return list
}

func declared(s *policy.Service) api.Service {
	found := service(s)
	found.Declared, found.Description, found.File, found.Line = true, s.Description, s.Origin.File, s.Origin.Line
	return found
}

func service(s *policy.Service) api.Service {
	found := api.Service{Name: s.Name, Any: s.Any, Ping: s.Ping, Ports: make([]api.Ports, len(s.Ports))}
	for i, p := range s.Ports {
		protocol := "tcp"
		if p.Protocol == policy.UDP {
			protocol = "udp"
		}
		found.Ports[i] = api.Ports{Protocol: protocol, First: p.First, Last: p.Last}
	}
	return found
}

// servicesText writes a table: the declared services stand below the built-in ones, by the name that an allow calls them.
func (a *app) servicesText(d *api.Services) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		lines := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		if !a.flags.quiet {
			fmt.Fprintln(lines, a.words.Text("services.head", nil))
		}
		for i := range d.Services {
			s := &d.Services[i]
			fmt.Fprintf(lines, "%s\t%s\t%s\t%s\n", serviceName(s), a.portsText(s), a.direction(s), a.serviceSource(s))
		}
		_ = lines.Flush() // the buffer below it takes everything
		_, err := out.Write(text.Bytes())
		return err
	}
}

func serviceName(s *api.Service) string {
	if s.Declared {
		return "service." + s.Name
	}
	return `"` + s.Name + `"`
}

// portsText is what is opened: tcp 25 465 587.
func (a *app) portsText(s *api.Service) string {
	var words []string
	if s.Any {
		words = append(words, a.words.Text("services.any", nil))
	}
	if s.Ping {
		words = append(words, a.words.Text("services.ping", nil))
	}
	protocol := ""
	for _, p := range s.Ports {
		if p.Protocol != protocol {
			protocol = p.Protocol
			words = append(words, protocol)
		}
		run := strconv.Itoa(int(p.First))
		if p.Last != p.First {
			run += "-" + strconv.Itoa(int(p.Last))
		}
		words = append(words, run)
	}
	return strings.Join(words, " ")
}

// direction is who usually opens it towards whom; of a declared service the policy's allows say it.
func (a *app) direction(s *api.Service) string {
	if s.Declared {
		return ""
	}
	return a.words.Text("services.direction", message.Args{
		"from": a.words.Text("services."+s.From, nil), "to": a.words.Text("services."+s.To, nil),
	})
}

// serviceSource is where a service comes from: a place in the policy, or standards by their names and what has none in words.
func (a *app) serviceSource(s *api.Service) string {
	if s.Declared {
		return strings.TrimSpace(policy.Origin{File: s.File, Line: s.Line}.String() + " " + s.Description)
	}
	sources := strings.Split(s.Source, "; ")
	for i, source := range sources {
		if source == "seen" || source == "own" {
			sources[i] = a.words.Text("services."+source, nil)
		}
	}
	return strings.Join(sources, "; ")
}
