package escape

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Line is what became of a technique on every site where it was played.
type Line struct {
	Technique
	Played []string
	// Escapes are where it arrived with a policy, and Faults where it showed nothing, each with the site's name before it.
	Escapes, Faults []string
}

// Lines gathers the verdicts of several reports by technique.
func Lines(reports []Report) []Line {
	var lines []Line
	places := map[string]int{}
	for _, r := range reports {
		for _, v := range r.Verdicts {
			i, known := places[v.ID]
			if !known {
				i = len(lines)
				places[v.ID] = i
				lines = append(lines, Line{Technique: v.Technique})
			}
			lines[i].add(r.Site, v)
		}
	}
	return lines
}

// add adds what happened on one site.
func (l *Line) add(site string, v Verdict) {
	l.Played = append(l.Played, site)
	if len(v.Guarded) > 0 {
		l.Escapes = append(l.Escapes, site+": reaches "+strings.Join(v.Guarded, ", "))
	}
	if v.Faulty() {
		l.Faults = append(l.Faults, site+": "+fault(v))
	}
}

// fault says why a verdict shows nothing.
func fault(v Verdict) string {
	if len(v.Open) == 0 {
		return "does not arrive without a policy either"
	}
	return "arrives at " + strings.Join(v.Open, ", ") + " without a policy, although " + v.Sealed
}

// outcome is the word for what became of a technique.
func (l *Line) outcome() string {
	switch {
	case len(l.Escapes) > 0:
		return "ESCAPES"
	case len(l.Faults) > 0:
		return "NO PROBE"
	case l.Sealed != "":
		return "unproven"
	}
	return "stopped"
}

// String returns the line for a person: the outcome, the technique, what makes it work, and where it got.
func (l *Line) String() string {
	first := fmt.Sprintf("%-8s  %-9s %-8s way %2d  %s (%s) [%s]", l.outcome(), l.ID, l.Severity, l.Way, l.What, l.Mechanism,
		strings.Join(l.Played, " "))
	return strings.Join(slices.Concat([]string{first}, l.Escapes, l.Faults), "\n          ")
}

// Write prints a line for each technique and a summary, and says whether nothing escaped, everything was shown and every allowed flow
// arrived.
func Write(w io.Writer, reports []Report) (bool, error) {
	count := map[string]int{}
	var text strings.Builder
	for _, l := range Lines(reports) {
		count[l.outcome()]++
		fmt.Fprintln(&text, l.String())
	}
	broken := 0
	fmt.Fprintln(&text)
	for _, r := range reports {
		escapes := 0
		for _, v := range r.Verdicts {
			if len(v.Guarded) > 0 {
				escapes++
			}
		}
		broken += len(r.Broken)
		fmt.Fprintf(&text, "%-9s %d techniques, %d escape; %d allowed flows, %d broken; %.1f s\n", r.Site, len(r.Verdicts), escapes, r.Flows,
			len(r.Broken), r.Took.Round(100*time.Millisecond).Seconds())
		for _, flow := range r.Broken {
			fmt.Fprintf(&text, "          broken: %s\n", flow)
		}
	}
	fmt.Fprintf(&text, "%d stopped, %d stopped but not shown open without a policy, %d escape, %d show nothing\n", count["stopped"],
		count["unproven"], count["ESCAPES"], count["NO PROBE"])
	_, err := io.WriteString(w, text.String())
	return count["ESCAPES"] == 0 && count["NO PROBE"] == 0 && broken == 0, err
}
