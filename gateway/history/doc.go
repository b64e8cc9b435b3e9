// Package history keeps on disk what was applied, with its own bytes, and the lock that makes one writer: plain files, and the only
// state that boot reads.
//
//	STATE/applied.zip      the policy in force: manifest.json, then every file of each directory
//	STATE/applied.zip.bad  one that could not be read, set aside
//	RUN/lock               held while somebody changes the kernel; holds the process's number
//
// A file is written beside its place, synced, and renamed: a power cut leaves the old one or the new one. What cannot be read is
// reported and set aside, and never opens the network: the kernel's rules do not depend on it.
package history
