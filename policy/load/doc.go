// Package load reads a policy's directories and returns the resolved policy with every mistake in them, each at its place.
//
//	directories ──tree──▶ files ──parse──▶ blocks ──resolve──▶ named blocks, values ──decode──▶ Policy ──check──▶ Policy
//	                                          └───────────── every stage ─────────────▶ diagnostics, in one go
//
// A file is parsed in pieces, which are cut where blocks end; where nobody knows that, because a bracket, a quote or a comment does not
// end, a piece ends where the next line begins a block, and that one block is lost (cut.go, header.go).
//
// References, groups, services and defaults are resolved here once: what comes after sees values only. A policy with an error is no
// policy: only its files and digest are returned.
package load
