// Package api is the shape of every JSON document: what a verb prints with --json, what the socket answers and what the web serves are
// one document.
//
//	Version{Header{schema, verb, exit, error, diagnostics}, version, commit, …}
//
// Keys, codes and enumerations are English in every language; times are RFC 3339. Keys may be added, those that are here stay.
package api
