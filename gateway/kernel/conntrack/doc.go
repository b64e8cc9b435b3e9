// Package conntrack reads the connections that the kernel tracks and ends those that a new policy refuses.
//
// Each entry is removed by itself: by its own tuple and zone, octet by octet as the kernel told them, and by its identifier. Between
// the listing and the removal a connection may end and begin again; the kernel makes identifiers of memory addresses, so that the new
// one may carry the old one's and end too. It is one that the policy refuses all the same.
package conntrack
