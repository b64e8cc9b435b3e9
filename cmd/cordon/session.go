package main

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/message"
	"cordon/policy/simulate"
)

// session is the connection by which the user is logged in, as sshd writes it: "client port server port". It is empty on the machine's own
// terminal, and where the variable is there and says nothing.
func (a *app) session() string {
	const name = "SSH_CONNECTION"
	if slices.ContainsFunc(a.environ, func(setting string) bool { return strings.HasPrefix(setting, name+"=") }) {
		return a.getenv(name)
	}
	return inherited(os.DirFS("/proc"), os.Getppid(), name) // sudo takes it away
}

// cutOff warns when a policy would refuse the session that the user sits in. It says so before anything is changed.
func (a *app) cutOff(document api.Document, p gateway.Proposal) {
	session := a.session()
	packet, known := packetOf(session, p)
	if !known {
		return
	}
	if simulate.Of(p.Policy).Packet(a.clock()(), packet).Verdict == policy.Blocked {
		a.remark(document, "session-refused", message.Args{"client": packet.Source.String(), "port": strconv.Itoa(int(packet.DestinationPort))})
	}
}

// packetOf is the first packet of a session as it would come in now. A session through an interface that no segment names comes in by
// an interface without a name here, which is refused all the same.
func packetOf(session string, p gateway.Proposal) (policy.Packet, bool) {
	client, server := ends(session)
	fields := strings.Fields(session)
	if !client.IsValid() || !server.IsValid() || client.IsLoopback() {
		return policy.Packet{}, false
	}
	packet := policy.Packet{
		IIF: holder(p.Live, server), MAC: macOf(p.Policy, client), Source: client.WithZone(""), Destination: server.WithZone(""),
		Protocol: policy.TCP, SourcePort: port(fields[1]), DestinationPort: port(fields[3]),
	}
	return packet, packet.IIF != ""
}

// macOf is the MAC that the policy expects of an address: who is logged in by it is taken to have it.
func macOf(p policy.Policy, address netip.Addr) policy.MAC {
	for i := range p.Devices {
		if slices.Contains(p.Devices[i].Addresses, address) {
			return p.Devices[i].MAC
		}
	}
	return policy.MAC{}
}

func port(text string) uint16 {
	n, _ := strconv.ParseUint(text, 10, 16) // what is no number is no port
	return uint16(n)
}
