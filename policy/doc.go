// Package policy is the resolved model of what an administrator allows: every reference followed, every default filled in, every
// node with the place that it was written at.
//
//	*.hcl ──load──▶ Policy ──compile──▶ what the kernel should hold
//
// A Policy is a value. Nothing in this package reads a file, asks a clock or knows a kernel; load is the only maker of a Policy that
// came from text.
package policy
