// Package frame builds and reads the frames that the lab's probes put on a wire: whatever a camera could send, right or wrong.
//
//	Ethernet ─┬─ ARP
//	          ├─ IPv4 ─┬─ TCP
//	          └─ IPv6 ─┼─ UDP
//	                   └─ ICMP
//
// Builders compute lengths and checksums and refuse nothing: an address of the wrong family, an option that no RFC knows or a fragment
// without a beginning is what they are for. Parse is for frames that came over a wire, and says nothing about what it does not know.
package frame
