// Package sysctl reads and writes kernel settings below /proc/sys.
//
// A setting of the network belongs to the namespace of the thread that opens its file, so a caller that works in another namespace
// stays on its thread. A setting that is not there is a value and no error: it is how a kernel says that it lacks a feature.
package sysctl
