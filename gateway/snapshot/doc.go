// Package snapshot holds what those who face people and the engine share: what is asked of the engine, and what it answers.
//
//	command line, console, web ──Request──▶ engine ──Reply──▶ the same document that --json prints
//
// All of it is values that are also JSON: a request comes over a socket as it comes from a function.
package snapshot
