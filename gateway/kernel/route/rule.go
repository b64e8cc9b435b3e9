package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// sizeofRuleHeader is the size of struct fib_rule_hdr (linux/fib_rules.h).
const sizeofRuleHeader = 12

// The flags of a rule's header that are not the kernel's own remarks (linux/fib_rules.h, FIB_RULE_*).
const flagInvert = 0x2

// Attributes that are younger than the system library's list (linux/fib_rules.h, since Linux 6.15).
const (
	fraSourcePortMask      = 0x1c
	fraDestinationPortMask = 0x1d
)

// noSuppression is the value of "suppress_prefixlength" that means none; the kernel always tells it.
const noSuppression = ^uint32(0)

// Rules returns the rules of both families, each family's in the order in which the kernel asks them.
func (c *Conn) Rules() ([]netstate.Rule, error) {
	var rules []netstate.Rule
	err := repeat(func() (err error) {
		rules, err = c.allRules(nil)
		return err
	})
	return rules, err
}

func (c *Conn) allRules(map[int]string) ([]netstate.Rule, error) {
	four, err4 := c.rules(netstate.IPv4)
	six, err6 := c.rules(netstate.IPv6)
	if errors.Is(err6, unix.EAFNOSUPPORT) || errors.Is(err6, unix.EOPNOTSUPP) {
		six, err6 = nil, nil // a kernel without IPv6 has no rules of it
	}
	return slices.Concat(four, six), errors.Join(err4, err6)
}

func (c *Conn) rules(family netstate.Family) ([]netstate.Rule, error) {
	header := make([]byte, sizeofRuleHeader)
	header[0] = protocolFamily(family)
	bodies, err := c.dump(unix.RTM_GETRULE, header, len(header))
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	rules := make([]netstate.Rule, 0, len(bodies))
	for _, body := range bodies {
		if body[0] != header[0] {
			continue // a kernel without this family answers with every family that it has
		}
		r, err := decodeRule(family, body)
		if err != nil {
			return nil, fmt.Errorf("read rule: %w", err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func protocolFamily(f netstate.Family) uint8 {
	if f == netstate.IPv4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// actions are the kernel's numbers for what a rule does.
func actions() map[netstate.Action]uint8 {
	return map[netstate.Action]uint8{
		netstate.Lookup: unix.FR_ACT_TO_TBL, netstate.Goto: unix.FR_ACT_GOTO, netstate.Nop: unix.FR_ACT_NOP,
		netstate.RuleBlackhole: unix.FR_ACT_BLACKHOLE, netstate.RuleUnreachable: unix.FR_ACT_UNREACHABLE,
		netstate.RuleProhibit: unix.FR_ACT_PROHIBIT,
	}
}

// ruleReader gathers what a rule's message says and what netstate does not hold of it.
type ruleReader struct {
	rule  netstate.Rule
	other []string
	masks [2]uint16 // of source and destination ports
}

func (r *ruleReader) unknown(format string, args ...any) {
	r.other = append(r.other, fmt.Sprintf(format, args...))
}

func decodeRule(family netstate.Family, body []byte) (netstate.Rule, error) {
	r := ruleReader{rule: netstate.Rule{Family: family}}
	r.header(body)
	attributes, err := netlink.NewAttributeDecoder(body[sizeofRuleHeader:])
	if err != nil {
		return r.rule, err
	}
	for attributes.Next() {
		if !r.selector(body, attributes) && !r.selection(attributes) {
			r.remark(attributes)
		}
	}
	r.portMask("sport", r.rule.SourcePorts, r.masks[0])
	r.portMask("dport", r.rule.DestinationPorts, r.masks[1])
	slices.Sort(r.other)
	r.rule.Other = strings.Join(r.other, " ")
	return r.rule, attributes.Err()
}

func (r *ruleReader) header(body []byte) {
	known := false
	for action, n := range actions() {
		if n == body[7] {
			r.rule.Action, known = action, true
		}
	}
	if !known {
		r.rule.Action = netstate.Nop
		r.unknown("action %d", body[7])
	}
	if get32(body[8:])&flagInvert != 0 {
		r.unknown("not")
	}
	if body[3] != 0 {
		r.unknown("tos %d", body[3])
	}
}

// selector reads what a packet is compared with by address and interface, and says whether the attribute was that.
func (r *ruleReader) selector(body []byte, a *netlink.AttributeDecoder) bool {
	switch a.Type() {
	case unix.FRA_DST:
		r.rule.To = prefix(a.Bytes(), body[1])
	case unix.FRA_SRC:
		r.rule.From = prefix(a.Bytes(), body[2])
	case unix.FRA_IIFNAME:
		r.rule.IIF = a.String()
	case unix.FRA_OIFNAME:
		r.rule.OIF = a.String()
	default:
		return false
	}
	return true
}

// selection reads the rest that netstate holds, and says whether the attribute was that.
func (r *ruleReader) selection(a *netlink.AttributeDecoder) bool {
	switch a.Type() {
	case unix.FRA_PRIORITY:
		r.rule.Priority = a.Uint32()
	case unix.FRA_FWMARK:
		r.rule.Mark = a.Uint32()
	case unix.FRA_FWMASK:
		r.rule.Mask = a.Uint32()
	case unix.FRA_TABLE:
		if table := a.Uint32(); r.rule.Action == netstate.Lookup {
			r.rule.Table = table
		}
	case unix.FRA_GOTO:
		r.rule.Table = a.Uint32()
	case unix.FRA_IP_PROTO:
		r.rule.Protocol = policy.Protocol(a.Uint8())
	case unix.FRA_SPORT_RANGE:
		r.rule.SourcePorts = ports(a.Bytes())
	case unix.FRA_DPORT_RANGE:
		r.rule.DestinationPorts = ports(a.Bytes())
	default:
		return false
	}
	return true
}

// remark reads what netstate does not hold: the kernel's defaults are passed over, the rest is named.
func (r *ruleReader) remark(a *netlink.AttributeDecoder) {
	switch a.Type() {
	case unix.FRA_PROTOCOL, unix.FRA_PAD:
	case unix.FRA_SUPPRESS_PREFIXLEN:
		if n := a.Uint32(); n != noSuppression {
			r.unknown("suppress_prefixlength %d", n)
		}
	case unix.FRA_SUPPRESS_IFGROUP:
		if n := a.Uint32(); n != noSuppression {
			r.unknown("suppress_ifgroup %d", n)
		}
	case unix.FRA_L3MDEV:
		if a.Uint8() != 0 {
			r.unknown("l3mdev")
		}
	case unix.FRA_FLOW:
		if n := a.Uint32(); n != 0 {
			r.unknown("realms %d", n)
		}
	case fraSourcePortMask:
		r.masks[0] = a.Uint16()
	case fraDestinationPortMask:
		r.masks[1] = a.Uint16()
	default:
		r.unknown("attribute %d 0x%x", a.Type(), a.Bytes())
	}
}

// portMask names a mask that leaves bits of a port out. Kernels since 6.15 tell a full one with every single port.
func (r *ruleReader) portMask(keyword string, p netstate.PortRange, mask uint16) {
	if mask != 0 && (mask != ^uint16(0) || p[0] != p[1]) {
		r.unknown("%s mask 0x%x", keyword, mask)
	}
}

func prefix(octets []byte, bits uint8) netip.Prefix {
	a, _ := netip.AddrFromSlice(octets)
	return netip.PrefixFrom(a, int(bits))
}

// bits is the length of a prefix as a header holds it.
func bits(p netip.Prefix) uint8 { return uint8(p.Bits() & 0xff) }

func ports(b []byte) netstate.PortRange {
	if len(b) != 4 {
		return netstate.PortRange{}
	}
	return netstate.PortRange{binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:])}
}

// ruleRequest writes what tells the rule apart.
func ruleRequest(r netstate.Rule) ([]byte, *netlink.AttributeEncoder) {
	header := make([]byte, sizeofRuleHeader)
	header[0], header[7] = protocolFamily(r.Family), actions()[r.Action]
	attributes := netlink.NewAttributeEncoder()
	if r.To.IsValid() {
		header[1] = bits(r.To)
		attributes.Bytes(unix.FRA_DST, r.To.Addr().AsSlice())
	}
	if r.From.IsValid() {
		header[2] = bits(r.From)
		attributes.Bytes(unix.FRA_SRC, r.From.Addr().AsSlice())
	}
	attributes.Uint32(unix.FRA_PRIORITY, r.Priority)
	if r.Action == netstate.Lookup {
		attributes.Uint32(unix.FRA_TABLE, r.Table)
	}
	if r.Action == netstate.Goto {
		attributes.Uint32(unix.FRA_GOTO, r.Table)
	}
	ruleInterfaces(attributes, r)
	ruleSelection(attributes, r)
	return header, attributes
}

func ruleInterfaces(attributes *netlink.AttributeEncoder, r netstate.Rule) {
	if r.IIF != "" {
		attributes.String(unix.FRA_IIFNAME, r.IIF)
	}
	if r.OIF != "" {
		attributes.String(unix.FRA_OIFNAME, r.OIF)
	}
}

func ruleSelection(attributes *netlink.AttributeEncoder, r netstate.Rule) {
	if r.Mask != 0 {
		attributes.Uint32(unix.FRA_FWMARK, r.Mark)
		attributes.Uint32(unix.FRA_FWMASK, r.Mask)
	}
	if r.Protocol != 0 {
		attributes.Uint8(unix.FRA_IP_PROTO, uint8(r.Protocol))
	}
	for kind, p := range map[uint16]netstate.PortRange{
		unix.FRA_SPORT_RANGE: r.SourcePorts, unix.FRA_DPORT_RANGE: r.DestinationPorts,
	} {
		if p != (netstate.PortRange{}) {
			b := binary.NativeEndian.AppendUint16(nil, p[0])
			attributes.Bytes(kind, binary.NativeEndian.AppendUint16(b, p[1]))
		}
	}
}

// newRule is the request that adds a rule after those of its priority; with the flag Excl unless a rule is there that it fits.
func newRule(r netstate.Rule, flags netlink.HeaderFlags) (netlink.Message, error) {
	if r.Other != "" {
		return netlink.Message{}, fmt.Errorf("%q: %w", r.Other, errors.ErrUnsupported)
	}
	header, attributes := ruleRequest(r)
	attributes.Uint8(unix.FRA_PROTOCOL, netstate.RouteProtocol)
	return request(unix.RTM_NEWRULE, netlink.Create|flags, header, attributes)
}

// addRule adds a rule. Before the kernel says that there is one already it compares all but an address that the request leaves out, which
// fits any (fib4_rule_compare, measured on 6.18): then it is looked whether the rule itself is there, and added beside the other.
func (c *Conn) addRule(r netstate.Rule) error {
	err := c.send(newRule(r, netlink.Excl))
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	all, err := c.rules(r.Family)
	if err != nil || slices.Contains(all, r) {
		return err
	}
	return c.send(newRule(r, 0))
}

// removeRule removes one rule. The kernel removes the first rule that a request fits, and what the request leaves out fits anything:
// a rule that says more and stands before ours would go instead. So each removal is looked at, and what went by mistake comes back.
func (c *Conn) removeRule(r netstate.Rule) error {
	before, err := c.rules(r.Family)
	if err != nil {
		return err
	}
	var mistaken []netstate.Rule
	for range before {
		if !slices.Contains(before, r) {
			break
		}
		header, attributes := ruleRequest(r)
		if err = gone(c.write(unix.RTM_DELRULE, 0, header, attributes)); err != nil {
			break
		}
		after, readErr := c.rules(r.Family)
		if readErr != nil {
			err = readErr
			break
		}
		went, found := missing(before, after)
		if !found || went == r {
			break
		}
		mistaken, before = append(mistaken, went), after
	}
	for _, m := range mistaken {
		err = errors.Join(err, wrap("put back rule", m, c.addRule(m)))
	}
	return err
}

// missing returns the first rule that is before and not after.
func missing(before, after []netstate.Rule) (netstate.Rule, bool) {
	for i, r := range before {
		if i >= len(after) || after[i] != r {
			return r, true
		}
	}
	return netstate.Rule{}, false
}
