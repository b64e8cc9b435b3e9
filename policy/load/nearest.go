package load

import (
	"maps"
	"slices"
	"strings"

	"cordon/policy/message"
)

// Nearest returns the candidate that a misspelt name most likely means, or "": diagnostics point to it, and so may whoever else is given
// a name.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// nearest returns the candidate that a misspelt name most likely means, or "". Two letters exchanged, missed, doubled or mistaken are
// near; a third of a name's letters is too far.
func nearest(name string, candidates []string) string {
	best, distance := "", min(2, max(1, len([]rune(name))/3))+1
	for _, c := range candidates {
		if strings.EqualFold(c, name) && c != name {
			return c
		}
		if abs(len(c)-len(name)) >= distance+4 { // an accent takes up to two bytes
			continue
		}
		if d := edits([]rune(name), []rune(c)); d > 0 && d < distance {
			best, distance = c, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// edits is the Levenshtein distance with the exchange of two neighbours as one edit.
func edits(a, b []rune) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// hints is how many names the nearest ones may still be looked for among: where very many are misspelt, the later ones go without.
type hints int

// withNearestOf is withNearest among the keys of a map.
func withNearestOf[V any](h *hints, name string, among map[string]V, args message.Args) message.Args {
	if *h -= hints(len(among) + 1); *h < 0 {
		return args
	}
	return withNearest(name, slices.Sorted(maps.Keys(among)), args)
}

// withNearest adds the nearest candidate to the arguments, when one is near.
func withNearest(name string, candidates []string, args message.Args) message.Args {
	if near := nearest(name, candidates); near != "" {
		args["nearest"] = near
	}
	return args
}
