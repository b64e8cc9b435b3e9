// Package nft reads and changes the nf_tables of the network namespace that it was opened in, over one socket that stays open.
//
//	Read   ─ dumps ─▶ our tables as wire values, the names of foreign ones, and the generation they belong to
//	Commit ─ wire.Batch ─▶ one message to the kernel, all of it or nothing
//	Features ─ scratch tables that are checked and never come into force ─▶ what this kernel can do
//
// One socket, because closing one waits for the kernel to destroy what was deleted (15 ms instead of 0.05 ms for one element).
// The kernel handles a request within the system call that sends it, and makes each part of a dump within the one that receives the
// part before: so nothing here ever waits, and an answer that is not there is an error.
package nft
