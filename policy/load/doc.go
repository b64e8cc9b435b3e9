// Package load reads a policy's directories and returns the resolved policy with every mistake in them, each at its place.
//
//	directories ──tree──▶ files ──parse──▶ blocks ──resolve──▶ named blocks, values ──decode──▶ Policy ──check──▶ Policy
//	                                          └───────────── every stage ─────────────▶ diagnostics, in one go
//
// References, groups, services and defaults are resolved here once: what comes after sees values only. A policy with an error is no
// policy: only its files and digest are returned.
package load
