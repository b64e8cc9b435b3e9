package integration_test

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/doctor"
	"cordon/gateway/netstate"
	"cordon/gateway/wire"
	"cordon/policy"
	"cordon/policy/message"
)

// patient is a machine of its own with a policy in force.
type patient struct {
	gateway *gateway.Gateway
	policy  policy.Policy
}

const patientPolicy = `site "x" {}
segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
}
segment "recorders" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
}
manage {
  from = []
}
`

func newPatient(t *testing.T) patient {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the namespace ends with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf(`make a network namespace: %v (run with -exec "unshare -Urn")`, err)
	}
	for _, pair := range [][2]string{{"eth1", "far1"}, {"eth2", "far2"}, {"eth3", "far3"}} {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = pair[0]
		must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: pair[1]}))
		must(t, netlink.LinkSetUp(linkOf(t, pair[1])))
	}
	g, err := gateway.Open(gateway.SystemClock(time.Now, true))
	must(t, err)
	t.Cleanup(func() { _ = g.Close() }) // the namespace goes anyway
	p := patient{g, read(t, patientPolicy)}
	proposal, err := g.Propose(t.Context(), p.policy, "")
	must(t, err)
	_, err = g.Change(t.Context(), proposal)
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func linkOf(t *testing.T, name string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	must(t, err)
	return link
}

// examined judges the machine as it is. Its files are those of the kernel; nobody else's are looked at.
func (p patient) examined(t *testing.T) []doctor.Check {
	t.Helper()
	box := doctor.Box{Policy: &p.policy, Applied: true, StateDir: t.TempDir(), PolicyDir: "policy"}
	var err error
	box.Status, err = p.gateway.Status(t.Context(), &p.policy, "")
	must(t, err)
	box.Machine, err = p.gateway.Examine(t.Context())
	must(t, err)
	box.Moment = p.gateway.Moment()
	kernel, err := os.OpenRoot("/")
	must(t, err)
	t.Cleanup(func() { _ = kernel.Close() }) // it was only read
	box.Files = doctor.ReadFiles(kernel.FS(), box.Governed())
	box.Files.Units, box.Files.Owners, box.Files.Boot = nil, nil, nil
	box.Files.Softnet = doctor.Counters{}
	return doctor.Judge(box)
}

// failed returns the checks that fail, but for those that follow from what else a fault breaks.
func failed(checks []doctor.Check, but ...string) []string {
	var ids []string
	for _, c := range checks {
		if c.State != doctor.Passed && !slices.Contains(but, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// ailment is something that somebody does to a machine, and how it is undone.
type ailment struct {
	name, check, command string
	do, undo             func(t *testing.T)
}

func ailments() []ailment {
	return []ailment{
		{"a camera's interface in a foreign bridge", "bridged", "sudo ip link set dev eth1 nomaster", bridgeTogether, unbridge},
		{
			"a second address", "second-address", "sudo ip address del 10.30.0.9/24 dev eth3",
			second("10.30.0.9/24", netlink.AddrAdd), second("10.30.0.9/24", netlink.AddrDel),
		},
		{
			"a second IPv6 address", "second-address", "sudo ip address del fd40::9/64 dev eth3",
			second("fd40::9/64", netlink.AddrAdd), second("fd40::9/64", netlink.AddrDel),
		},
		{
			"a routing rule before ours", "routing-rules", "sudo ip rule del pref 50",
			foreignRule(netlink.RuleAdd, netlink.FAMILY_V4), foreignRule(netlink.RuleDel, netlink.FAMILY_V4),
		},
		{
			"an IPv6 rule before ours", "routing-rules", "sudo ip -6 rule del pref 50",
			foreignRule(netlink.RuleAdd, netlink.FAMILY_V6), foreignRule(netlink.RuleDel, netlink.FAMILY_V6),
		},
		{"a filter of the traffic control", "programs", "sudo tc qdisc del dev eth1 clsact", filterOn("eth1"), unfilter("eth1")},
		{"router advertisements", "router-advertisements", "sudo sysctl -w net/ipv6/conf/eth2/accept_ra=0", setting("2"), setting("0")},
		{"notrack", "other-tables", "sudo nft list table inet other", table(&expr.Notrack{}), untable},
		{"masquerade", "other-tables", "sudo nft list table inet other", natTable(&expr.Masq{}), untable},
		{"redirect", "other-tables", "sudo nft list table inet other", natTable(&expr.Redir{}), untable},
		{"our own mark", "other-tables", "sudo nft list table inet other", table(
			&expr.Immediate{Register: 1, Data: []byte{0x44, 0x52, 0x4f, 0x43}},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		), untable},
		{"an interface down", "interfaces", "sudo ip link set dev eth2 up", down, up},
	}
}

// TestDoctorSeesWhatTheKernelHolds does one thing after another to a real machine: the check that it is for fails, and passes again when
// it is undone.
func TestDoctorSeesWhatTheKernelHolds(t *testing.T) {
	p := newPatient(t)
	if ids := failed(p.examined(t)); len(ids) > 0 {
		t.Fatalf("control: %v", ids)
	}
	for _, a := range ailments() {
		a.do(t)
		checks := p.examined(t)
		i := slices.IndexFunc(checks, func(c doctor.Check) bool { return c.ID == a.check && c.State == doctor.Failed })
		switch {
		case i < 0:
			t.Errorf("%s: %s does not fail, %v do", a.name, a.check, failed(checks))
		case checks[i].Command != a.command:
			t.Errorf("%s: $ %s", a.name, checks[i].Command)
		default:
			t.Log(message.In(message.English).Text(checks[i].Sentence, checks[i].Args))
		}
		if ids := failed(checks, a.check, "in-force", "bridge-netfilter"); len(ids) > 0 {
			t.Errorf("%s: %v fail, too", a.name, ids)
		}
		a.undo(t)
		if ids := failed(p.examined(t), "in-force"); len(ids) > 0 {
			t.Errorf("%s, undone: %v", a.name, ids)
		}
	}
}

// TestDoctorLeavesAloneWhatIsHarmless holds that what other programs may do beside a policy is not called a fault.
func TestDoctorLeavesAloneWhatIsHarmless(t *testing.T) {
	p := newPatient(t)
	for _, a := range []ailment{
		{name: "a filter elsewhere", do: filterOn("eth3"), undo: unfilter("eth3")},
		{name: "a table that accepts", do: table(&expr.Verdict{Kind: expr.VerdictAccept}), undo: untable},
		{name: "another mark", do: table(
			&expr.Immediate{Register: 1, Data: []byte{0, 0, 0, 1}},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		), undo: untable},
		{name: "our mark looked at", do: table(
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0x44, 0x52, 0x4f, 0x43}},
		), undo: untable},
	} {
		a.do(t)
		if ids := failed(p.examined(t)); len(ids) > 0 {
			t.Errorf("%s: %v", a.name, ids)
		}
		a.undo(t)
	}
}

// TestDoctorChangesNothing reads the machine before and after.
func TestDoctorChangesNothing(t *testing.T) {
	p := newPatient(t)
	table(&expr.Notrack{})(t)
	before, err := p.gateway.Examine(t.Context())
	must(t, err)
	p.examined(t)
	after, err := p.gateway.Examine(t.Context())
	must(t, err)
	if !wire.Equal(before.State.Tables, after.State.Tables) ||
		!slices.Equal(before.State.Links, after.State.Links) || !slices.Equal(before.State.Rules, after.State.Rules) ||
		!slices.Equal(before.State.Foreign, []netstate.ForeignTable{{Family: "inet", Name: "other"}}) {
		t.Errorf("%+v\n%+v", before.State, after.State)
	}
}

func bridgeTogether(t *testing.T) {
	t.Helper()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "br9"
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	must(t, netlink.LinkAdd(bridge))
	must(t, netlink.LinkSetMaster(linkOf(t, "eth1"), bridge))
}

func unbridge(t *testing.T) {
	t.Helper()
	must(t, netlink.LinkSetNoMaster(linkOf(t, "eth1")))
	must(t, netlink.LinkDel(linkOf(t, "br9")))
}

func second(prefix string, change func(netlink.Link, *netlink.Addr) error) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		a, err := netlink.ParseAddr(prefix)
		must(t, err)
		must(t, change(linkOf(t, "eth3"), a))
	}
}

func foreignRule(change func(*netlink.Rule) error, family int) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		r := netlink.NewRule()
		r.Family, r.Priority, r.Table, r.IifName = family, 50, 254, "eth1"
		must(t, change(r))
	}
}

func clsact(t *testing.T, name string) *netlink.GenericQdisc {
	t.Helper()
	return &netlink.GenericQdisc{QdiscType: "clsact", QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: linkOf(t, name).Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func filterOn(name string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		must(t, netlink.QdiscAdd(clsact(t, name)))
		must(t, netlink.FilterAdd(&netlink.U32{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: linkOf(t, name).Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1, Protocol: unix.ETH_P_IP,
			},
			Sel: &netlink.TcU32Sel{Keys: []netlink.TcU32Key{{}}, Flags: netlink.TC_U32_TERMINAL},
		}))
	}
}

func unfilter(name string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		must(t, netlink.QdiscDel(clsact(t, name)))
	}
}

func setting(value string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		must(t, os.WriteFile("/proc/sys/net/ipv6/conf/eth2/accept_ra", []byte(value), 0o600))
	}
}

// table makes another program's table with one rule before routing.
func table(statements ...expr.Any) func(*testing.T) {
	return madeTable(nftables.ChainTypeFilter, nftables.ChainPriorityRaw, statements)
}

func natTable(statements ...expr.Any) func(*testing.T) {
	return madeTable(nftables.ChainTypeNAT, nftables.ChainPriorityNATDest, statements)
}

func madeTable(kind nftables.ChainType, priority *nftables.ChainPriority, statements []expr.Any) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		hook := nftables.ChainHookPrerouting
		if _, masquerades := statements[0].(*expr.Masq); masquerades {
			hook = nftables.ChainHookPostrouting
		}
		filter := &nftables.Conn{}
		other := filter.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "other"})
		chain := filter.AddChain(&nftables.Chain{Table: other, Name: "c", Type: kind, Hooknum: hook, Priority: priority})
		filter.AddRule(&nftables.Rule{Table: other, Chain: chain, Exprs: statements})
		must(t, filter.Flush())
	}
}

func untable(t *testing.T) {
	t.Helper()
	filter := &nftables.Conn{}
	filter.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "other"})
	must(t, filter.Flush())
}

func down(t *testing.T) {
	t.Helper()
	must(t, netlink.LinkSetDown(linkOf(t, "eth2")))
}

func up(t *testing.T) {
	t.Helper()
	must(t, netlink.LinkSetUp(linkOf(t, "eth2")))
}
