// Package history keeps on disk what was applied, with its own bytes, what awaits a confirmation, what is locked down, and the lock that
// makes one writer: plain files, and the only state that boot reads.
//
//	STATE/applied.zip        the last good policy: manifest.json, then every file of each directory
//	STATE/history/N.zip      the policy of revision N, for the last hundred
//	STATE/history/N.json     when, by whom, and what became of it, for the last thousand
//	STATE/pending.json       the change that awaits its confirmation: until when; while it is there, one is pending
//	STATE/pending.twin.json  the same again, for when the first is damaged
//	STATE/pending.zip        its policy; confirming renames it to applied.zip
//	STATE/pending.before     what takes the kernel back
//	STATE/lockdown.json      what lets nothing pass until it is released
//	STATE/….bad              one that could not be read, set aside
//	STATE/….new              one that was being written when its writer was killed; the next overwrites it
//	RUN/lock                 held while somebody changes the kernel or these files; holds the process's number
//
// A file is written beside its place, synced, and renamed, and its directory synced: a power cut leaves the old one or the new one. What
// takes several files has one rename or removal that counts, so that a process that is killed at any system call leaves the old state or
// the new one too; what it left lying about is cleared away by the next writer. The small files carry a version and a digest, the
// archives a version and a digest of each file.
//
// Writers hold the lock. Readers need not: what they see is whole, of before or of after.
//
// What cannot be read is reported and set aside, and never opens the network: the kernel's rules do not depend on it. It stays in its
// place until a good one takes it: gone, it would read as one that never was, and boot does nothing where nothing was ever applied.
package history
