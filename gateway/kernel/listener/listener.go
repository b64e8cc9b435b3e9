package listener

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"cordon/policy"
)

// Port is a port of one protocol; which address it is bound to does not matter.
type Port struct {
	Protocol policy.Protocol
	Number   uint16
}

// Ports returns the ports of the calling thread's network namespace at which something listens: TCP sockets that listen, and UDP sockets
// that are connected to nobody. That somebody listens does not say that somebody answers; that nobody listens says that nobody does.
func Ports() (map[Port]bool, error) {
	ports := map[Port]bool{}
	for name, protocol := range map[string]policy.Protocol{"tcp": policy.TCP, "tcp6": policy.TCP, "udp": policy.UDP, "udp6": policy.UDP} {
		text, err := os.ReadFile("/proc/thread-self/net/" + name)
		if os.IsNotExist(err) {
			continue // this kernel has no such family
		}
		if err != nil {
			return nil, fmt.Errorf("list sockets: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if number, ok := waiting(protocol, strings.Fields(line)); ok {
				ports[Port{protocol, number}] = true
			}
		}
	}
	return ports, nil
}

// The states of a socket in /proc/net (include/net/tcp_states.h): a UDP socket is "closed" until it is connected.
const (
	stateListen = "0A"
	stateClosed = "07"
)

// waiting reads one line of /proc/net/tcp or udp (Documentation/networking/proc_net_tcp): number, local address:port, remote
// address:port, state.
func waiting(protocol policy.Protocol, fields []string) (uint16, bool) {
	wanted := map[policy.Protocol]string{policy.TCP: stateListen, policy.UDP: stateClosed}[protocol]
	if len(fields) < 4 || fields[3] != wanted {
		return 0, false
	}
	_, port, _ := strings.Cut(fields[1], ":")
	number, err := strconv.ParseUint(port, 16, 16)
	return uint16(number), err == nil
}
