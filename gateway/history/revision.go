package history

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Outcome is what became of a revision. Its words are those of the history's JSON document.
type Outcome string

// The outcomes. Only what is pending, or unknown, still gets another.
const (
	OutcomePending   Outcome = "pending"   // about to be put in force, or in force and not confirmed yet
	OutcomeApplied   Outcome = "applied"   // put in force without asking for a confirmation
	OutcomeConfirmed Outcome = "confirmed" // put in force and confirmed
	OutcomeReverted  Outcome = "reverted"  // taken back, or never put in force
	OutcomeUnknown   Outcome = "unknown"   // its record was damaged; the policy itself may still be kept
)

// Good says whether the policy was in force for good. The newest good one is the last good policy.
func (o Outcome) Good() bool { return o == OutcomeApplied || o == OutcomeConfirmed }

func (o Outcome) open() bool { return o == OutcomePending || o == OutcomeUnknown }

const (
	// KeptPolicies is how many policies are kept with their bytes: months of daily work, and 400 MB for 4,000 cameras in CSV files.
	KeptPolicies = 100
	// KeptEntries is how many revisions are listed, each in a file of about 400 octets.
	KeptEntries = 1000
)

// Entry is one line of the history.
type Entry struct {
	Revision int       `json:"revision"` // from 1; a number is never given twice
	Time     time.Time `json:"time"`
	Who      string    `json:"who"`
	Commit   string    `json:"commit"`
	Digest   string    `json:"digest"`
	Outcome  Outcome   `json:"outcome"`
}

// RevisionError says that a revision cannot be had.
type RevisionError struct {
	Revision int
	Listed   bool // it existed, and its policy is no longer kept
}

// Error names the revision.
func (e *RevisionError) Error() string {
	if e.Listed {
		return fmt.Sprintf("the policy of revision %d is no longer kept", e.Revision)
	}
	return fmt.Sprintf("there is no revision %d", e.Revision)
}

// SettledError says that a revision already has another outcome.
type SettledError struct{ Entry Entry }

// Error names the outcome.
func (e *SettledError) Error() string {
	return fmt.Sprintf("revision %d is %s already", e.Entry.Revision, e.Entry.Outcome)
}

func (s Store) revisions() string { return filepath.Join(s.dir, "history") }

func (s Store) entry(n int) string { return filepath.Join(s.revisions(), strconv.Itoa(n)+".json") }

func (s Store) archive(n int) string { return filepath.Join(s.revisions(), strconv.Itoa(n)+".zip") }

// Record keeps a policy under the next number. Its archive is on disk before its entry, and both before Record returns.
func (s Store) Record(a Applied, outcome Outcome) (Entry, error) {
	if err := errors.Join(s.finish(), s.forsake(), s.make(s.revisions())); err != nil {
		return Entry{}, err
	}
	numbers, err := s.numbers()
	if err != nil {
		return Entry{}, fmt.Errorf("list the history: %w", err)
	}
	e := Entry{1, a.Time.UTC(), a.Who, a.Commit, a.Digest, outcome}
	if len(numbers) > 0 {
		e.Revision = numbers[0].n + 1
	}
	content, err := pack(a)
	if err != nil {
		return Entry{}, fmt.Errorf("pack the policy: %w", err)
	}
	if err := replace(s.archive(e.Revision), content); err != nil {
		return Entry{}, fmt.Errorf("keep revision %d: %w", e.Revision, err)
	}
	if err := saveSealed(s.entry(e.Revision), e); err != nil {
		return Entry{}, fmt.Errorf("record revision %d: %w", e.Revision, err)
	}
	return e, s.tidy()
}

// Settle writes what became of a revision. Once settled, it is so for good: another outcome is a *SettledError.
func (s Store) Settle(revision int, outcome Outcome) error {
	e, err := s.recorded(revision)
	damaged := &DamagedError{}
	if err != nil && !errors.As(err, &damaged) {
		return err
	}
	if e.Outcome == outcome && err == nil {
		return nil
	}
	if !e.Outcome.open() {
		return &SettledError{e}
	}
	e.Outcome = outcome
	if err := saveSealed(s.entry(revision), e); err != nil {
		return fmt.Errorf("settle revision %d: %w", revision, err)
	}
	return nil
}

// Entries lists the history, newest first. What is damaged is listed as far as its archive tells, and reported beside the list.
func (s Store) Entries() ([]Entry, error) {
	numbers, err := s.numbers()
	if err != nil {
		return nil, fmt.Errorf("list the history: %w", err)
	}
	var entries []Entry
	var damage []error
	for _, have := range numbers {
		e, err := s.recorded(have.n)
		if gone := (&RevisionError{}); errors.As(err, &gone) {
			continue // it was cut off before it was there, or cleaned up meanwhile
		}
		if err != nil {
			damage = append(damage, err)
		}
		entries = append(entries, e)
	}
	s.overlay(entries)
	return entries, errors.Join(damage...)
}

// overlay lists as kept what was kept and could not be settled any more: nobody ever reads between.
func (s Store) overlay(entries []Entry) {
	what, err := s.promised()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if kept, err := s.kept(what); err != nil || !kept {
		return
	}
	for i, e := range entries {
		if e.Revision == what.Revision && e.Outcome.open() {
			entries[i].Outcome = what.outcome()
		}
	}
}

// Revision returns a policy as it was recorded: a *RevisionError when it is not there, a *DamagedError when it cannot be used.
func (s Store) Revision(n int) (Applied, error) {
	a, err := s.openArchive(s.archive(n))
	if errors.Is(err, fs.ErrNotExist) {
		_, err := s.recorded(n)
		absent := &RevisionError{Revision: n}
		if !errors.As(err, &absent) {
			absent.Listed = true
		}
		return Applied{}, absent
	}
	if err != nil {
		return Applied{}, fmt.Errorf("read revision %d: %w", n, err)
	}
	return a, nil
}

// recorded reads an entry. A damaged one comes as far as its archive tells it, with the damage.
func (s Store) recorded(n int) (Entry, error) {
	e := Entry{}
	err := openSealed(s.entry(n), &e)
	if err == nil && e.Revision != n {
		err = setAside(s.entry(n), fmt.Errorf("it is of revision %d", e.Revision))
	}
	if err == nil {
		return e, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, &RevisionError{Revision: n}
	}
	a, unusable := s.openArchive(s.archive(n))
	if unusable != nil {
		return Entry{Revision: n, Outcome: OutcomeUnknown}, err
	}
	return Entry{n, a.Time, a.Who, a.Commit, a.Digest, OutcomeUnknown}, err
}

func (s Store) openArchive(name string) (Applied, error) {
	content, err := read(name)
	if err != nil {
		return Applied{}, err
	}
	a, err := unpack(content)
	if err != nil {
		return Applied{}, setAside(name, err)
	}
	return a, nil
}

// numbered is a revision's number with the names of the files that have it.
type numbered struct {
	n     int
	files []string
}

// numbers lists the revisions that have a file of any kind, newest first: what was damaged or cut off has used its number too.
func (s Store) numbers() ([]numbered, error) {
	entries, err := os.ReadDir(s.revisions())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[int][]string{}
	for _, e := range entries {
		digits, _, _ := strings.Cut(e.Name(), ".")
		if n, err := strconv.Atoi(digits); err == nil && 0 < n && n < math.MaxInt32 && digits == strconv.Itoa(n) {
			files[n] = append(files[n], e.Name())
		}
	}
	list := make([]numbered, 0, len(files))
	for n, names := range files {
		list = append(list, numbered{n, names})
	}
	slices.SortFunc(list, func(a, b numbered) int { return b.n - a.n })
	return list, nil
}

// forsake settles what is recorded as pending and is not, because somebody was cut off before he touched the kernel.
func (s Store) forsake() error {
	p, err := s.Pending()
	if err != nil && !errors.Is(err, ErrNone) {
		return nil // the damaged one may be any of them
	}
	entries, _ := s.Entries() // what is damaged is not known to be pending
	for _, e := range entries {
		if e.Outcome != OutcomePending || e.Revision == p.Revision {
			continue
		}
		if err := s.Settle(e.Revision, OutcomeReverted); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes what is older than what is kept, but never the last good policy, a pending one, or one that may be either.
func (s Store) tidy() error {
	numbers, err := s.numbers()
	if err != nil {
		return fmt.Errorf("list the history: %w", err)
	}
	good := false
	var failed []error
	for i, have := range numbers {
		e, _ := s.recorded(have.n) // what is damaged has an unknown outcome
		precious := e.Outcome == OutcomePending || !good && (e.Outcome.Good() || e.Outcome == OutcomeUnknown)
		good = good || e.Outcome.Good()
		switch {
		case precious || i < KeptPolicies:
		case i < KeptEntries:
			failed = append(failed, remove(s.archive(have.n)))
		default:
			for _, name := range have.files {
				failed = append(failed, remove(filepath.Join(s.revisions(), name)))
			}
		}
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("clean up the history: %w", err)
	}
	return nil
}
