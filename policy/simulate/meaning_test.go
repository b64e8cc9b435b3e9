package simulate_test

import (
	"strings"
	"testing"

	"cordon/policy"
	"cordon/policy/simulate"
)

// meaning is the policy language's text, sentence by sentence, with packets that it lets through and packets that it does not.
const meaning = `
# box: Whatever no allow, manage, serve or live exception names is refused, on every interface of the gateway, known or not.
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed lan0 pc 10.50.0.5 > 10.50.0.1 tcp/22 : manage
allowed cam1 hall 10.31.0.21 > 10.31.0.1 udp/123 : serve hall
allowed cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 : exception firmware
blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/6300 : not-named
blocked cam0 c1 10.30.0.21 > 198.51.100.8 tcp/443 : not-named
blocked lan0 pc 10.50.0.5 > 172.16.5.7 tcp/443 : not-named
blocked lan1 pc 172.16.5.7 > 198.51.100.7 tcp/443 : not-named
blocked lan1 pc 172.16.5.7 > 10.50.0.1 tcp/22 : gateway-itself
blocked wan0 r 198.51.100.7 > 203.0.113.2 tcp/22 : gateway-itself
blocked wan0 r 198.51.100.7 > 10.50.0.5 tcp/22 : not-named
blocked docker0 r 198.51.100.7 > 10.50.0.5 tcp/22 : unknown-interface
blocked docker0 r 198.51.100.7 > 10.50.0.1 tcp/22 : unknown-interface
blocked lan0 pc 10.50.0.5 > 198.51.100.7 tcp/22 oif=docker0 : not-named

# segments: with scope segments, wherever a camera or recorder segment is involved on either side.
allowed lan0 pc 10.50.0.5 > 172.16.5.7 tcp/443 : ungoverned
allowed lan0 pc 192.168.7.7 > 172.16.5.7 tcp/443 : ungoverned
allowed lan0 pc 10.50.0.9 > 172.16.5.7 tcp/443 : ungoverned
allowed wan0 r 198.51.100.7 > 203.0.113.2 tcp/22 : ungoverned
allowed wan0 r 10.50.0.5 > 172.16.5.7 tcp/22 : ungoverned
allowed docker0 r 172.17.0.2 > 198.51.100.7 tcp/22 : ungoverned
allowed docker0 r 172.17.0.2 > 10.50.0.1 tcp/22 : ungoverned
allowed lan0 pc 10.50.0.5 > 10.40.0.10 tcp/443 : allow watch
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
blocked cam0 c1 10.30.0.21 > 10.50.0.5 tcp/443 : not-named
blocked cam0 c1 10.30.0.21 > 10.30.0.1 tcp/22 : gateway-itself
blocked lan0 pc 10.50.0.5 > 10.40.0.10 tcp/22 : not-named
blocked lan0 pc 192.168.7.7 > 10.40.0.10 tcp/443 : elsewhere
blocked lan0 pc 10.50.0.9 > 10.40.0.10 tcp/443 : identity
blocked docker0 r 198.51.100.7 > 10.40.0.10 tcp/443 : not-named
blocked docker0 r 10.50.0.5 > 10.40.0.10 tcp/443 : elsewhere
blocked wan0 r 10.30.0.21 > 172.16.5.7 tcp/22 : elsewhere
blocked lan0 pc 10.30.0.21 > 172.16.5.7 tcp/22 : elsewhere

# box: An allow opens one direction; its replies, and only its replies, come back.
allowed rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : allow record
allowed cam0 c1 10.30.0.21 > 10.40.0.10 tcp/40000 sport=554 reply : allow record
allowed cam0 c1 fd30::21 > fd40::10 tcp/40000 sport=554 reply : allow record
allowed rec0 nvr 10.40.0.10 > 10.30.0.21 udp/40000 sport=6150 reply : allow media
allowed cam0 c1 10.30.0.21 > 10.40.0.10 icmp/0 reply : allow record
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/40000 sport=554 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/40000 sport=554 untracked : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/554 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/554 reply : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/40000 sport=555 reply : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/40000 sport=554 reply : not-named
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 reply : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 icmp/8 reply : no-flow

# box: together with the errors that conntrack ties to a flow whose original direction is allowed now.
allowed rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/3 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed wan0 r 192.0.2.99 > 10.50.0.5 icmp/11 reply about lan0 pc 10.50.0.5 > 198.51.100.7 tcp/443 : allow surf
allowed lan0 r 10.50.0.254 > 10.40.0.10 icmp/3 about lan0 pc 172.20.0.5 > 10.40.0.10 tcp/443 : allow watch
allowed rec0 nvr fd40::10 > fd50::5 icmp6/2 reply about lan0 pc fd50::5 > fd40::10 tcp/443 : allow watch
allowed cam0 c1 10.30.0.21 > 10.40.0.10 icmp/12 reply about rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : allow record
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/3 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6300 : not-named
blocked rec0 nvr 10.40.0.10 > 10.30.0.22 icmp/3 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : no-flow
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/3 untracked about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : no-flow
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/3 reply : no-flow
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/5 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : no-flow
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/4 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : no-flow
blocked wan0 r 192.0.2.99 > 10.30.0.21 icmp/3 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : foreign-error
blocked wan1 r 192.0.2.99 > 10.50.0.5 icmp/11 reply about lan0 pc 10.50.0.5 > 198.51.100.7 tcp/443 : not-named
blocked wan0 r 10.50.0.7 > 10.50.0.5 icmp/11 reply about lan0 pc 10.50.0.5 > 198.51.100.7 tcp/443 : elsewhere

# box: on a camera interface only from that camera's own MAC and address.
allowed cam0 c1 10.30.0.21 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : allow record
allowed cam0 c1 10.30.0.21 > 10.40.0.10 icmp/3 about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed cam0 c2 10.30.0.22 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 10.30.0.22 tcp/554 : allow record
blocked cam0 c2 10.30.0.22 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : foreign-error
blocked cam0 c2 10.30.0.22 > 10.40.0.10 icmp/3 about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : foreign-error
blocked cam0 c2 10.30.0.21 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : identity

# box: No other ICMP is implied, no helper, no expectation, no related.
allowed lan0 pc 10.50.0.5 > 10.40.0.10 icmp/8 : allow watch
allowed lan0 pc fd50::5 > fd40::10 icmp6/128 : allow watch
allowed rec0 nvr 10.40.0.10 > 10.50.0.5 icmp/0 reply : allow watch
allowed lan0 pc 10.50.0.5 > 198.51.100.7 icmp/13 : allow surf
blocked lan0 pc 10.50.0.5 > 10.40.0.10 icmp/13 : not-named
blocked lan0 pc fd50::5 > fd40::10 icmp6/139 : not-named
blocked lan0 pc 10.50.0.5 > 10.40.0.10 icmp6/128 : not-named
blocked rec0 nvr 10.40.0.10 > 10.50.0.5 icmp/0 : no-flow
blocked lan0 pc 10.50.0.5 > 198.51.100.7 icmp/5 : no-flow
blocked wan0 r 2001:db8:7::7 > fd50::5 icmp6/137 : multicast
blocked wan0 r fe80::1 > fd50::5 icmp6/134 : multicast

# box: A camera is recognised by MAC and address and interface; rules bind to interfaces, never to source addresses alone.
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed rec0 bare 10.40.0.11 > 10.30.0.21 tcp/554 : allow record
blocked cam0 c2 10.30.0.21 > 10.40.0.10 udp/6100 : identity
blocked cam0 c1 10.30.0.22 > 10.40.0.10 udp/6100 : identity
blocked cam0 c1 10.30.0.77 > 10.40.0.10 udp/6100 : identity
blocked cam0 stranger 10.30.0.21 > 10.40.0.10 udp/6100 : identity
blocked cam0 stranger 10.30.0.77 > 10.40.0.10 udp/6100 : unknown-device
blocked cam1 c1 10.30.0.21 > 10.40.0.10 udp/6100 : identity
blocked lan0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : elsewhere
blocked wan0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : elsewhere
blocked rec0 stranger 10.40.0.10 > 10.30.0.21 tcp/554 : identity
blocked cam0 stranger 10.40.0.11 > 10.30.0.21 tcp/554 : identity
blocked cam0 c1 0.0.0.0 > 10.40.0.10 udp/6100 : malformed
blocked cam0 c1 10.30.0.1 > 10.40.0.10 udp/6100 : identity

# box: a host is bound to its MAC when it is given; a client's source lives behind the interface it came in by.
allowed lan0 jump 10.50.0.9 > 10.30.0.21 tcp/443 : allow repair
allowed lan0 jump 10.50.0.77 > 10.40.0.10 tcp/443 : allow watch
allowed lan0 r 172.20.0.5 > 10.40.0.10 tcp/443 : allow watch
blocked lan0 pc 10.50.0.9 > 10.30.0.21 tcp/443 : identity
blocked lan0 pc 10.50.0.9 > 198.51.100.7 tcp/443 : identity
blocked lan0 pc 192.168.7.7 > 198.51.100.7 tcp/443 : elsewhere
blocked lan0 pc 172.16.5.7 > 10.40.0.10 tcp/443 : elsewhere
blocked lan0 pc 10.50.0.1 > 10.40.0.10 tcp/443 : elsewhere
blocked lan0 pc fd50::1 > fd40::10 tcp/443 : elsewhere
blocked wan0 r 10.50.0.5 > 203.0.113.2 tcp/443 : elsewhere
blocked wan0 r 203.0.113.2 > 10.40.0.10 tcp/443 : elsewhere
blocked lan1 jump 10.50.0.9 > 10.30.0.21 tcp/443 : elsewhere

# box: While the gateway's clock is not known to be right, exceptions and schedules are closed.
allowed cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 : exception firmware
allowed lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 : allow clean
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 distrusted : allow media
blocked cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 distrusted : clock-untrusted
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 distrusted : clock-untrusted

# box: An exception is open until its end; a during block narrows it to its window.
allowed cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 at=2026-12-01T03:59:59-05:00 : exception firmware
allowed wan0 r 198.51.100.7 > 10.30.0.21 tcp/40000 sport=443 reply : exception firmware
allowed cam0 c1 10.30.0.21 > 198.51.100.7 tcp/22 : exception visit
blocked cam0 c1 10.30.0.21 > 198.51.100.7 tcp/443 at=2026-12-01T04:00:00-05:00 : exception-over
blocked wan0 r 198.51.100.7 > 10.30.0.21 tcp/40000 sport=443 reply at=2026-12-01T04:00:00-05:00 : exception-over
blocked cam0 c1 10.30.0.21 > 198.51.100.7 tcp/22 at=2026-11-23T17:00:00-05:00 : schedule-closed
blocked cam0 c2 10.30.0.22 > 198.51.100.7 tcp/443 : not-named

# box: a schedule is in the site's time zone; a window that reaches over midnight belongs to the day it starts on.
allowed lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 at=2026-11-23T08:00:00-05:00 : allow clean
allowed lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 at=2026-11-23T21:59:59Z : allow clean
allowed lan0 pc 10.50.0.5 > 10.30.0.21 tcp/37777 at=2026-11-21T22:00:00-05:00 : allow night
allowed lan0 pc 10.50.0.5 > 10.30.0.21 tcp/37777 at=2026-11-22T03:59:59-05:00 : allow night
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 at=2026-11-23T07:59:59-05:00 : schedule-closed
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 at=2026-11-23T22:00:00Z : schedule-closed
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/22 at=2026-11-24T10:00:00-05:00 : schedule-closed
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/37777 at=2026-11-21T03:00:00-05:00 : schedule-closed
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/37777 at=2026-11-22T04:00:00-05:00 : schedule-closed
blocked lan0 pc 10.50.0.5 > 10.30.0.21 tcp/37777 at=2026-11-22T23:00:00-05:00 : schedule-closed

# box: What the gateway itself opens leaves by uplinks and client segments only; the replies to it come back, never more.
allowed - gw 203.0.113.2 > 198.51.100.7 tcp/443 : own-traffic
allowed - gw 10.50.0.1 > 10.50.0.25 tcp/25 : own-traffic
allowed - gw 10.50.0.1 > 10.50.0.5 tcp/40000 sport=22 reply : own-traffic
allowed wan0 r 198.51.100.7 > 203.0.113.2 tcp/40000 sport=443 reply : own-traffic
allowed wan0 r 192.0.2.9 > 203.0.113.2 icmp/11 reply about - gw 203.0.113.2 > 198.51.100.7 tcp/443 : own-traffic
allowed lan0 pc 10.50.0.5 > 10.50.0.1 icmp/3 about lan0 pc 10.50.0.5 > 10.50.0.1 tcp/22 : manage
blocked - gw 10.30.0.1 > 10.30.0.21 tcp/554 : not-named
blocked - gw 10.40.0.1 > 10.40.0.10 tcp/443 : not-named
blocked - gw 10.30.0.1 > 10.30.0.21 tcp/40000 sport=22 reply : gateway-itself
blocked - gw 203.0.113.2 > 198.51.100.7 tcp/443 oif=docker0 : unknown-interface
blocked cam0 c1 10.30.0.21 > 10.30.0.1 tcp/40000 sport=554 reply : not-named
blocked wan0 r 198.51.100.7 > 203.0.113.2 tcp/40000 sport=443 : gateway-itself

# box: errors of the gateway towards cameras and recorders are about flows that are allowed, or the answer of refuse = reject.
allowed - gw 10.30.0.1 > 10.30.0.21 icmp/3.4 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed - gw 10.40.0.1 > 10.40.0.10 icmp/11 about lan0 pc 10.50.0.5 > 10.40.0.10 tcp/443 : allow watch
allowed - gw 10.30.0.1 > 10.30.0.21 icmp/3.13 : refusal-answer
allowed - gw fd30::1 > fd30::21 icmp6/1.1 : refusal-answer
blocked - gw 10.31.0.1 > 10.31.0.21 icmp/3.13 : no-flow
blocked - gw 10.30.0.1 > 10.30.0.21 icmp/3.4 reply about cam0 c1 10.30.0.21 > 10.40.0.10 udp/6300 : not-named
blocked - gw 10.30.0.1 > 10.30.0.21 icmp/5 : no-flow
blocked - gw 10.40.0.1 > 10.40.0.10 icmp/3 reply oif=cam0 about rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/554 : foreign-error

# box: DHCP and router advertisements as a client (only on an uplink without given addresses) and loopback work without being named.
allowed wan1 r 192.0.2.1 > 192.0.2.55 udp/68 sport=67 : link-traffic
allowed wan1 r 192.0.2.1 > 255.255.255.255 udp/68 sport=67 : link-traffic
allowed wan1 r fe80::1 > fe80::2 udp/546 sport=547 : link-traffic
allowed wan1 r fe80::1 > ff02::1 icmp6/134 : link-traffic
allowed wan1 r 198.51.100.7 > 192.0.2.55 tcp/40000 sport=443 reply : own-traffic
allowed lo gw 127.0.0.1 > 127.0.0.1 tcp/22 : link-traffic
allowed - gw 127.0.0.1 > 127.0.0.1 tcp/22 oif=lo : link-traffic
allowed - gw 10.50.0.1 > 10.40.0.1 tcp/22 : link-traffic
blocked wan0 r 203.0.113.80 > 203.0.113.2 udp/68 sport=67 : gateway-itself
blocked wan0 r fe80::1 > ff02::1 icmp6/134 : multicast
blocked wan1 r 192.0.2.1 > 192.0.2.55 udp/67 sport=68 : gateway-itself
blocked wan1 r 192.0.2.1 > 10.30.0.21 udp/68 sport=67 : not-named
blocked cam0 c1 10.30.0.21 > 255.255.255.255 udp/68 sport=67 : multicast
blocked cam0 c1 127.0.0.1 > 10.40.0.10 udp/6100 : malformed
blocked cam0 c1 10.30.0.21 > 127.0.0.1 tcp/22 : malformed

# box: a literal belongs to the declared segment whose range holds it, the longest prefix wins, otherwise to the uplinks.
allowed lan0 pc 10.50.0.5 > 10.30.0.22 tcp/443 : allow look
allowed rec0 nvr 10.40.0.10 > 198.51.100.7 tcp/443 : allow mirror
blocked rec0 nvr 10.40.0.10 > 198.51.100.7 tcp/443 oif=wan1 : not-named
blocked lan0 pc 10.50.0.8 > 10.30.0.22 tcp/443 : not-named
blocked rec0 nvr 10.40.0.10 > 203.0.113.9 tcp/443 : not-named
blocked rec0 nvr 10.40.0.10 > 198.51.100.7 tcp/443 oif=lan0 : not-named

# box: to or from a segment means every named device of it when it is a camera or recorder segment, a client's address range, an
# uplink everything that no other segment owns.
allowed rec0 nvr 10.40.0.10 > 10.30.0.22 tcp/554 : allow record
allowed lan0 pc 172.31.255.9 > 10.40.0.10 tcp/443 : allow watch
allowed wan0 r 192.0.2.200 > 10.40.0.10 tcp/443 : allow publish
allowed lan0 pc 10.50.0.5 > 192.168.9.9 tcp/443 : allow surf
allowed lan0 pc fe80::5 > fe80::1 tcp/22 : manage
blocked rec0 nvr 10.40.0.10 > 10.30.0.77 tcp/554 : not-named
blocked rec0 nvr 10.40.0.10 > 10.32.0.21 tcp/554 : not-named
blocked lan0 pc 10.50.0.5 > 172.16.5.9 tcp/443 : not-named
blocked wan1 r 192.0.2.200 > 10.40.0.10 tcp/443 : not-named
blocked lan0 pc 10.50.0.5 > 198.51.100.7 tcp/443 oif=wan1 : not-named

# two: an uplink means everything that no other segment owns; what another uplink owns comes in by that one alone, errors about it too.
allowed wan0 r 198.51.100.7 > 10.40.0.10 tcp/443 : allow publish
allowed wan1 r 192.0.2.80 > 10.40.0.10 tcp/443 : allow fetch
allowed wan1 r 2001:db8:2::80 > fd40::10 tcp/443 : allow fetch
allowed wan1 r 192.0.2.99 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 192.0.2.80 tcp/443 : allow send
allowed wan1 r 2001:db8::99 > fd40::10 icmp6/1 reply about rec0 nvr fd40::10 > 2001:db8:2::80 tcp/443 : allow send
blocked wan0 r 192.0.2.80 > 10.40.0.10 tcp/443 : elsewhere
blocked wan0 r 2001:db8:2::80 > fd40::10 tcp/443 : elsewhere
blocked wan1 r 198.51.100.7 > 10.40.0.10 tcp/443 : elsewhere
blocked wan0 r 192.0.2.80 > 10.40.0.10 tcp/40000 sport=443 reply : elsewhere
blocked wan0 r 203.0.113.9 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 192.0.2.80 tcp/443 : foreign-error
blocked wan0 r 2001:db8::99 > fd40::10 icmp6/1 reply about rec0 nvr fd40::10 > 2001:db8:2::80 tcp/443 : foreign-error
blocked wan1 r 203.0.113.9 > 10.40.0.10 icmp/3 reply about rec0 nvr 10.40.0.10 > 192.0.2.80 tcp/443 : elsewhere

# box: ports are those of the side that is opened; any is every protocol and port, ping is echo requests.
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6299 : allow media
allowed lan0 pc 10.50.0.5 > 198.51.100.7 proto/47 : allow surf
allowed lan0 pc 10.50.0.5 > 198.51.100.7 udp/1 untracked : allow surf
allowed rec0 nvr 10.40.0.10 > 10.30.0.21 icmp/8 : allow record
blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/6099 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/6100 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 udp/514 sport=6100 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 proto/47 : not-named
blocked cam0 c1 10.30.0.21 > 10.40.0.10 icmp/8 : not-named

# observe: only its final verdicts are accept; other segments' rules and manage stay enforced.
allowed cam0 c1 10.30.0.21 > 198.51.100.8 tcp/443 : observed
allowed cam0 c1 10.30.0.21 > 10.50.0.5 tcp/443 : observed
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
allowed wan0 r 198.51.100.7 > 10.30.0.21 tcp/554 : observed
allowed cam0 c1 10.30.0.21 > 198.51.100.7 udp/123 : observed
allowed cam0 c1 10.30.0.21 > 10.30.0.1 udp/123 : serve cameras
allowed cam0 c1 10.30.0.21 > 198.51.100.7 icmp/0 : observed
allowed cam0 c1 10.30.0.21 > 198.51.100.7 icmp/3 : observed
allowed cam0 c1 10.30.0.21 > 10.50.0.5 icmp/3 reply about lan0 pc 10.50.0.5 > 10.30.0.22 tcp/443 : observed
blocked cam0 c1 10.30.0.21 > 10.40.0.10 tcp/443 : not-named
blocked rec0 nvr 10.40.0.10 > 10.30.0.21 tcp/443 : not-named
blocked cam1 hall 10.31.0.21 > 10.30.0.21 tcp/443 : not-named
blocked cam0 c1 10.30.0.21 > 10.30.0.1 tcp/22 : gateway-itself
blocked lan1 pc 172.16.5.7 > 10.50.0.1 tcp/22 : gateway-itself
blocked lan0 pc 10.40.0.10 > 10.30.0.21 tcp/443 : elsewhere

# observe: a device of which neither MAC nor address is named passes; one of which half is named is refused.
allowed cam0 stranger 10.30.0.77 > 198.51.100.8 tcp/443 : observed
blocked cam0 stranger 10.30.0.21 > 198.51.100.8 tcp/443 : identity
blocked cam0 c1 10.30.0.77 > 198.51.100.8 tcp/443 : identity
blocked cam0 c1 10.40.0.10 > 198.51.100.8 tcp/443 : identity
blocked cam0 hall 10.30.0.77 > 198.51.100.8 tcp/443 : identity
blocked cam0 stranger 10.31.0.21 > 198.51.100.8 tcp/443 : identity
blocked cam0 stranger 10.31.0.77 > 198.51.100.8 tcp/443 : elsewhere
blocked cam0 stranger 10.30.0.1 > 198.51.100.8 tcp/443 : elsewhere
blocked cam0 stranger 198.51.100.9 > 198.51.100.8 tcp/443 : elsewhere
allowed cam0 stranger 2001:db8:9::9 > 2001:db8:9::8 tcp/443 : observed
blocked wan0 r 2001:db8:9::8 > 2001:db8:9::9 icmp6/1 reply about cam0 stranger 2001:db8:9::9 > 2001:db8:9::8 tcp/443 : foreign-error
allowed wan0 r 2001:db8:9::8 > fd30::99 icmp6/1 reply about cam0 stranger fd30::99 > 2001:db8:9::8 tcp/443 : observed
allowed lan0 pc fd50::5 > 2001:db8:9::9 icmp6/1 reply about cam0 stranger 2001:db8:9::9 > fd50::5 tcp/443 : allow visit
blocked lan0 pc fd50::5 > 2001:db8:9::9 icmp6/1 reply about cam0 stranger 2001:db8:9::9 > fd50::5 tcp/80 : foreign-error
blocked cam0 stranger fe80::9 > 2001:db8:9::8 tcp/443 : own-network
blocked cam0 stranger 10.30.0.77 > 10.40.0.10 udp/6100 : not-named
blocked cam0 stranger 10.30.0.77 > 10.30.0.1 udp/123 : gateway-itself

# box: a named camera also owns the EUI-64 link-local address of its MAC.
allowed cam1 hall fe80::4619:b6ff:fe00:3 > fd31::1 udp/123 : serve hall
blocked cam1 stranger fe80::4619:b6ff:fe00:3 > fd31::1 udp/123 : identity
blocked cam1 c1 fe80::4619:b6ff:fe00:1 > fd31::1 udp/123 : identity
blocked cam1 stranger fe80::1 > fd31::1 udp/123 : unknown-device
blocked cam0 c1 fe80::4619:b6ff:fe00:1 > fd40::10 udp/6100 : own-network

# box: Multicast stays inside its segment.
allowed cam1 hall 10.31.0.21 > 239.255.255.250 udp/3702 : serve hall
allowed lan0 pc 10.50.0.5 > 239.255.255.250 udp/3702 : serve hall
allowed lan0 pc fd50::5 > ff02::c udp/3702 : serve hall
blocked lan0 pc 10.50.0.5 > 239.1.2.3 udp/3702 : multicast
blocked lan1 pc 172.16.5.7 > 239.255.255.250 udp/3702 : multicast
blocked cam0 c1 10.30.0.21 > 239.255.255.250 udp/3702 : multicast
blocked cam1 stranger 10.31.0.77 > 239.255.255.250 udp/3702 : unknown-device
blocked cam0 c1 10.30.0.21 > 224.0.0.251 udp/5353 : multicast
blocked rec0 nvr 10.40.0.10 > 10.30.0.255 tcp/554 : multicast
blocked lan0 pc 10.50.0.5 > 10.50.0.255 tcp/22 : multicast
blocked lan0 pc 10.50.0.5 > 255.255.255.255 icmp/8 : multicast
blocked cam0 c1 239.1.1.1 > 10.40.0.10 udp/6100 : malformed
blocked cam0 c1 fe80::4619:b6ff:fe00:1 > ff02::16 icmp6/143 : multicast

# box: serve opens exactly the named service on the gateway's own address for verified cameras; intercept answers whoever is asked, but for
# the gateway's addresses on other segments.
allowed cam1 hall 10.31.0.21 > 198.51.100.7 udp/123 : serve hall
allowed cam1 hall fd31::21 > 2001:db8:9::9 udp/123 untracked : serve hall
allowed cam1 hall 10.31.0.21 > 10.40.0.10 udp/53 : serve hall
allowed cam1 hall 10.31.0.21 > 9.9.9.9 tcp/53 : serve hall
allowed cam2 porch 10.32.0.21 > 10.32.0.1 udp/123 : serve porch
allowed - gw 198.51.100.7 > 10.31.0.21 udp/40000 sport=123 untracked : serve hall
allowed - gw 10.31.0.1 > 10.31.0.21 tcp/40000 sport=53 reply : serve hall
allowed cam1 x 0.0.0.0 > 255.255.255.255 udp/67 sport=68 : serve hall
allowed cam1 hall 10.31.0.21 > 10.31.0.1 udp/67 sport=68 : serve hall
allowed - gw 10.31.0.1 > 10.31.0.150 udp/68 sport=67 : serve hall
allowed - gw 10.31.0.1 > 239.255.255.250 udp/3702 oif=cam1 : serve hall
allowed cam1 hall 10.31.0.21 > 10.31.0.1 udp/40000 sport=3702 reply : serve hall
allowed cam1 x 0.0.0.0 > 10.31.0.1 udp/67 sport=68 : serve hall
allowed cam1 x 10.31.0.150 > 10.31.0.1 udp/67 sport=68 : serve hall
allowed cam1 x 10.31.0.150 > 255.255.255.255 udp/67 sport=68 : serve hall
allowed lan0 pc 10.50.0.5 > 10.50.0.1 udp/3702 : serve hall
blocked lan1 pc 172.16.5.7 > 172.16.5.1 udp/3702 : gateway-itself
blocked lan0 pc 10.50.0.5 > 10.31.0.1 udp/3702 : gateway-itself
blocked cam1 x 10.31.0.77 > 10.31.0.1 udp/67 sport=68 : unknown-device
blocked cam1 x 10.31.0.21 > 10.31.0.1 udp/67 sport=68 : identity
blocked cam1 x 10.31.0.150 > 10.31.0.1 udp/67 sport=69 : unknown-device
blocked cam1 x 10.31.0.150 > 10.40.0.1 udp/67 sport=68 : unknown-device
blocked cam1 x 10.31.0.150 > 10.31.0.150 udp/68 sport=67 : unknown-device
blocked cam1 x 0.0.0.0 > 10.31.0.255 udp/67 sport=68 : multicast
blocked cam1 hall fd31::21 > fd31::1 udp/67 sport=68 : gateway-itself
blocked - gw fd31::1 > fd31::21 udp/68 sport=67 : not-named
blocked cam1 hall 10.31.0.21 > 255.255.255.255 udp/68 sport=67 : multicast
blocked cam1 hall 10.31.0.21 > 10.32.0.21 udp/68 sport=67 : not-named
allowed cam1 hall fe80::4619:b6ff:fe00:3 > fe80::1 udp/123 : serve hall
blocked cam1 hall 10.31.0.21 > 10.50.0.1 udp/53 : gateway-itself
blocked cam1 hall fd31::21 > fd50::1 tcp/53 : gateway-itself
blocked cam1 hall fd31::21 > fd50:: udp/123 : gateway-itself
blocked cam1 hall 10.31.0.21 > 203.0.113.2 udp/123 untracked : gateway-itself
blocked cam1 hall 10.31.0.21 > 10.50.0.255 udp/53 : multicast
blocked - gw 10.50.0.1 > 10.31.0.21 udp/40000 sport=53 untracked : not-named
blocked cam1 x 10.31.0.11 > 198.51.100.7 udp/123 : gateway-itself
blocked cam1 x 10.31.0.77 > 198.51.100.7 udp/123 : unknown-device
blocked cam1 hall 10.31.0.21 > 198.51.100.7 tcp/123 : not-named
blocked cam1 hall 10.31.0.21 > 10.31.0.1 tcp/22 : gateway-itself
blocked cam2 porch 10.32.0.21 > 198.51.100.7 udp/123 : not-named
blocked cam2 porch 10.32.0.21 > 10.31.0.1 udp/123 : gateway-itself
blocked cam2 porch 10.32.0.21 > 10.32.0.1 udp/53 : gateway-itself
blocked cam0 x 0.0.0.0 > 255.255.255.255 udp/67 sport=68 : multicast
blocked - gw 10.31.0.1 > 10.31.0.21 udp/40000 sport=123 : not-named
blocked - gw 10.30.0.1 > 10.30.0.21 udp/40000 sport=123 untracked : not-named
blocked - gw 10.30.0.1 > 10.30.0.150 udp/68 sport=67 : not-named
blocked cam1 hall 10.31.0.21 > 10.31.0.1 icmp/3 reply about - gw 10.31.0.1 > 10.31.0.21 udp/40000 sport=123 : not-named
blocked cam1 hall 10.31.0.21 > 198.51.100.7 icmp/3 about cam1 hall 10.31.0.21 > 198.51.100.7 udp/123 : no-flow

# box: a recorder in a camera segment behind a switch talks to its neighbours out of the gateway's sight: nothing crosses within a segment.
allowed cam0 c1 10.30.0.21 > 10.40.0.10 udp/6100 : allow media
blocked cam0 c1 10.30.0.21 > 10.30.0.22 tcp/443 : own-network
blocked lan0 pc 10.50.0.5 > 172.20.0.5 tcp/443 : own-network
blocked wan0 r 203.0.113.80 > 203.0.113.99 tcp/443 : own-network

# box: on the gateway's bridge an allow opens exactly that pair of ports; two segments of one bridge are judged as if they were routed.
allowed p3 rack 10.60.0.10 > 10.60.0.21 tcp/554 oif=p1 : allow yard
allowed p3 rack 10.60.0.10 > 10.60.0.21 tcp/554 : allow yard
allowed p1 y1 10.60.0.21 > 10.60.0.10 tcp/40000 sport=554 reply : allow yard
allowed br0 rack 10.60.0.10 > 10.60.0.22 tcp/554 : allow yard
allowed p1 y1 10.60.0.21 > 10.60.0.22 tcp/80 oif=p2 : allow neighbours
blocked p2 y2 10.60.0.22 > 10.60.0.21 tcp/80 oif=p1 : not-named
blocked p1 y1 10.60.0.21 > 10.60.0.10 tcp/554 : not-named
blocked p1 rack 10.60.0.10 > 10.60.0.21 tcp/554 : identity
blocked p2 y1 10.60.0.21 > 10.60.0.22 tcp/80 : identity
blocked p1 y2 10.60.0.22 > 10.60.0.10 tcp/443 : not-named
blocked p3 rack 10.60.0.10 > 10.60.0.99 tcp/554 : not-named
`

// observing makes the cameras of the site observed, and serves them the time. Somebody beyond the uplink may visit the office.
func observing() string {
	const visit = "allow \"visit\" {\n  from = segment.internet\n  to = \"fd50::5\"\n  services = [\"https\"]\n}\n"
	const more = "interface = \"cam0\"\n  mode = \"observe\"\n  serve { time = \"intercept\" }"
	return scope("box") + strings.Replace(body, `interface = "cam0"`, more, 1) + visit
}

// twoUplinks gives the site's second uplink its addresses, and what is opened there.
func twoUplinks() string {
	const given = "interface = \"wan1\"\n  addresses = [\"192.0.2.2/24\", \"2001:db8:2::2/64\"]"
	const both = "  services = [\"https\"]\n}\n"
	return scope("box") + strings.Replace(body, `interface = "wan1"`, given, 1) +
		"allow \"fetch\" {\n  from = [\"192.0.2.0/25\", \"2001:db8:2::80\"]\n  to = recorder.nvr\n" + both +
		"allow \"send\" {\n  from = recorder.nvr\n  to = [\"192.0.2.80\", \"2001:db8:2::80\"]\n" + both
}

func TestMeaning(t *testing.T) {
	oracles := map[string]simulate.Oracle{
		"box":      simulate.Of(read(t, scope("box")+body)),
		"segments": simulate.Of(read(t, scope("segments")+body)),
		"observe":  simulate.Of(read(t, observing())),
		"two":      simulate.Of(read(t, twoUplinks())),
	}
	sentences, probes := 0, 0
	for part := range strings.SplitSeq(strings.TrimSpace(meaning), "\n\n") {
		site, _, _ := strings.Cut(strings.TrimPrefix(part, "# "), ":")
		o, ok := oracles[site]
		if !ok {
			t.Fatalf("no site %q", site)
		}
		verdicts := map[policy.Verdict]int{}
		for line := range strings.SplitSeq(part, "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			p := parseProbe(t, line)
			d := o.Packet(p.at, p.packet)
			verdicts[d.Verdict]++
			if d.Verdict != p.verdict || said(d) != p.decision {
				t.Errorf("%s\n\tgot %v, %s (%+v)", line, d.Verdict, said(d), d)
			}
		}
		if len(verdicts) < 2 {
			t.Errorf("one verdict only under %q", part[:60])
		}
		sentences++
		probes += verdicts[policy.Allowed] + verdicts[policy.Blocked]
	}
	t.Logf("%d sentences, %d packets", sentences, probes)
	if sentences < 25 || probes < 230 {
		t.Errorf("the table holds %d sentences and %d packets", sentences, probes)
	}
}
