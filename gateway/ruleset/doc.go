// Package ruleset is the packet filter that Cordon wants, as values: our own tables and nothing that we do not generate.
//
//	Ruleset ─ Table ─┬─ Set ─ Element        what changes when a policy changes
//	                 └─ Chain ─ Rule ─ Statement   the skeleton, which stays
//
// A Ruleset has two readers: String is the text that `nft -f` accepts, and package wire turns the same values into the kernel's
// messages. Both say the same, statement by statement, and a test holds one against the other on a real kernel.
package ruleset
