package oracle_test

import (
	"fmt"
	"strings"
	"testing"

	"cordon/policy"
)

// tags are what is special about a packet, as a set.
type tags uint32

// What is counted, each in the verdicts that it can have.
const (
	ipv4 tags = 1 << iota
	ipv6
	tcp
	udp
	icmp
	reply
	icmpError
	portRange
	literal
	group
	exceptionLive
	exceptionOver
	scheduleIn
	scheduleOut
	manage
	served
	leases
	discovery
	ownAddress
	wrongMAC
	wrongInterface
	servicePort
	observe
	nowhere
	ofTwoUplinks
	toTheGroup
	endTags
)

// tagNames are the tags' names in their order.
func tagNames() []string {
	return []string{
		"IPv4", "IPv6", "TCP", "UDP", "ICMP", "reply", "ICMP error", "port range", "literal CIDR", "group", "exception live",
		"exception over", "schedule in", "schedule out", "manage", "serve", "leases",
		"discovery", "the gateway's own addresses", "wrong MAC",
		"wrong interface", "source port of a service", "observe", "no route leads there",
		"exception at one of two uplinks", "discovery to the group",
	}
}

// neverAllowed are the tags of packets that may only be refused, but for what another opening lets through.
const neverAllowed = exceptionOver | scheduleOut | wrongMAC | wrongInterface | nowhere

// coverage counts verdicts.
type coverage struct {
	policies, packets, allowed int
	by                         map[tags]*[2]int
}

func newCoverage() *coverage {
	c := &coverage{by: map[tags]*[2]int{}}
	for t := tags(1); t < endTags; t <<= 1 {
		c.by[t] = &[2]int{}
	}
	return c
}

func (c *coverage) count(t tags, v policy.Verdict) {
	c.packets++
	c.allowed += int(v)
	for tag, counts := range c.by {
		if t&tag != 0 {
			counts[v]++
		}
	}
}

// String returns the table.
func (c *coverage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packets over %d policies, %d %% allowed\n%-30s %8s %8s\n",
		c.packets, c.policies, 100*c.allowed/max(c.packets, 1), "", "allowed", "blocked")
	for i, name := range tagNames() {
		n := c.by[1<<i]
		fmt.Fprintf(&b, "%-30s %8d %8d\n", name, n[policy.Allowed], n[policy.Blocked])
	}
	return b.String()
}

// check fails the test when something was not seen so often in a verdict that it can have.
func (c *coverage) check(t *testing.T, each int) {
	t.Helper()
	if 100*c.allowed < 30*c.packets {
		t.Errorf("%d of %d packets are allowed: less than 30 %%", c.allowed, c.packets)
	}
	for i, name := range tagNames() {
		tag := tags(1) << i
		n := c.by[tag]
		if n[policy.Blocked] < each {
			t.Errorf("%s: blocked %d times, not %d", name, n[policy.Blocked], each)
		}
		if tag&neverAllowed == 0 && n[policy.Allowed] < each {
			t.Errorf("%s: allowed %d times, not %d", name, n[policy.Allowed], each)
		}
	}
}
