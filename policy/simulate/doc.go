// Package simulate decides one packet by walking the policy, and names the block that decides. It is written from the policy language's
// meaning alone and shares no function with what compiles a policy for the kernel, so that each can be held against the other.
//
// A packet is judged as a router's firewall sees it: where it comes in, by what it carries, with the direction that conntrack gives its
// flow. These are out of the model: ARP and the targets of neighbour discovery (the decision says Unmodelled), rates (a limit never
// refuses here), address translation (a packet carries the addresses that it has between prerouting and postrouting), TCP's flags
// (a reset that answers a refusal looks like any other segment), IPv4 options, fragments and IPv6 extension headers (all refused at a
// camera's or recorder's interface), and the VLAN tag (the tagged interface's name stands for it).
package simulate
