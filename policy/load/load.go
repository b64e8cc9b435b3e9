package load

import (
	"io/fs"

	"cordon/policy"
	"cordon/policy/message"
)

// Directory is a directory that a policy is read from.
type Directory struct {
	// Name stands before the files' names in every place: policy/cameras.hcl. With an empty Name a file's own name stands alone.
	Name string
	// FS holds the directory. What a link reaches outside of it is refused here, but a file system that cannot be left (os.Root) is
	// the better lock.
	FS fs.FS
}

// Dir reads the policy that stands in one or more directories, as one body: the order of files and blocks never matters. It returns
// every mistake that it finds; with an error among them, the policy holds its Files and Digest only. The policy's Variables are the
// given ones that it declares: with them and the same files it can be read again. The moment is the one at which an exception may be over
// already, or last too long; while the clock is not trusted, neither is asked.
func Dir(at policy.Moment, variables Variables, directories ...Directory) (policy.Policy, []message.Diagnostic) {
	l := newLoader(variables, directories)
	return l.load(at)
}

func (l *loader) load(at policy.Moment) (policy.Policy, []message.Diagnostic) {
	l.at = at
	l.parse()
	l.resolve()
	l.decode()
	l.check()
	if l.budget.over() { // what was left out then may be anything: the policy is refused, whatever else was found
		l.report.work = &budget{left: 1}
		l.report.add(place{origin: l.budget.spent}, "too-much-work", nil)
	}
	diagnostics := l.report.finish(l.tree)
	l.out.Files, l.out.Digest = l.tree.names(), l.tree.digest(l.out.Variables)
	if message.HasErrors(diagnostics) {
		return policy.Policy{Files: l.out.Files, Digest: l.out.Digest}, diagnostics
	}
	return l.out, diagnostics
}
