package demo

import (
	_ "embed" // the policy
	"errors"
	"fmt"
	"strings"

	"cordon/gateway/history"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// Policy is the text of the policy that the demo applies.
//
//go:embed demo.hcl
var Policy string

// policyFile is how places in the policy are cited.
const policyFile = "demo.hcl"

// errPolicy says that the demo's own policy cannot be used.
var errPolicy = errors.New("the policy of the demo has mistakes")

// read reads a policy as every verb does.
func read(text string) (policy.Policy, error) {
	directory := history.Directory{Files: map[string][]byte{policyFile: []byte(text)}}
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: directory.FS()})
	if message.HasErrors(diagnostics) {
		return p, fmt.Errorf("%w: %s", errPolicy, diagnostics[0].Code)
	}
	return p, nil
}

// withoutAllow takes an allow out of a policy's text, and leaves every other line on its number.
func withoutAllow(text, name string) string {
	before, rest, found := strings.Cut(text, "allow \""+name+"\" {\n")
	body, after, closed := strings.Cut(rest, "\n}\n")
	if !found || !closed {
		return text
	}
	return before + strings.Repeat("\n", strings.Count(body, "\n")+3) + after
}

// allowOf returns the allow of a name, or nil.
func allowOf(p policy.Policy, name string) *policy.Allow {
	for i := range p.Allows {
		if p.Allows[i].Name == name {
			return &p.Allows[i]
		}
	}
	return nil
}

// segmentOrigin returns the place of a segment's block.
func segmentOrigin(p policy.Policy, name string) policy.Origin {
	for i := range p.Segments {
		if p.Segments[i].Name == name {
			return p.Segments[i].Origin
		}
	}
	return policy.Origin{}
}

// deviceOrigin returns the place of a device's block.
func deviceOrigin(p policy.Policy, name string) policy.Origin {
	for i := range p.Devices {
		if p.Devices[i].Name == name {
			return p.Devices[i].Origin
		}
	}
	return policy.Origin{}
}
