// Package observe turns what the kernel says of its own accord into values on a channel: that nf_tables, links, addresses, routes, rules,
// neighbours or settings changed, and who did it where the kernel says so.
//
//	nf_tables ─┐
//	           ├─ decode ─ merge ─▶ Event ─▶ channel
//	routing  ──┘
//
// An Event says where to look, not what is there: whoever takes it reads the kernel. As long as nobody takes it, what comes is merged into
// it, so that the sockets are always read. What the kernel could not deliver is an Event too: Lost, and everything has to be read.
//
// Most settings change without a word of the kernel, and dynamic sets as well: nothing here replaces a look from time to time.
//
// # Review notes
//
// Is the socket read whatever its reader does? Is the watcher's own process left out by the sockets that it changes the kernel with, and
// nothing else?
package observe
