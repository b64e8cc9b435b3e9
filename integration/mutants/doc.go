// Command mutants plants defects in the compiler, one at a time, and sees whether the property test that holds the kernel against the
// oracle finds each. One that nobody finds shows what the test is blind to.
//
//	go run ./integration/mutants [part of a name]…
//
// Nothing is written into the tree: the build is told to read another text for one file (go help build, -overlay). A defect counts as
// found when the test says that kernel and oracle disagree, and not when the build, or the apply, fails.
package main
