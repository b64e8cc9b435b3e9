// Package settings reads how Cordon itself is to run on a machine: where its files are, its language, whether its clock is to be
// believed. What is isolated from whom is never a setting: that is the policy's.
//
//	defaults ◀── /etc/cordon/cordon.hcl ◀── CORDON_* ◀── flags
//
// The one to the right wins; flags belong to the command line. A key that nobody knows, or a value that means nothing, is a diagnostic
// with its place, and the other keys are read all the same.
package settings
