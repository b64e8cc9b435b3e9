package write

import (
	"fmt"
	"slices"
	"strings"
)

// context is how many lines that stay are shown around those that change.
const context = 3

// largest bounds the table in which the longest common subsequence is found: beyond it the middle of two texts is shown as one change.
const largest = 4 << 20

// edit is one line of a difference: ' ', '-' or '+', and the line.
type edit struct {
	sign byte
	line string
}

// Diff returns the difference of two texts in the unified format, or "" when they are equal.
func Diff(name, before, after string) string {
	if before == after {
		return ""
	}
	edits := compare(lines(before), lines(after))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
	from, to := 1, 1
	for start := 0; start < len(edits); {
		end := hunk(edits, start)
		if end == start {
			from, to, start = from+1, to+1, start+1
			continue
		}
		removed, added := write(nil, edits[start:end])
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n", first(from, removed), removed, first(to, added), added)
		write(&out, edits[start:end])
		from, to, start = from+removed, to+added, end
	}
	return out.String()
}

// first is where a hunk begins; one without lines stands after the line before it.
func first(line, count int) int {
	if count == 0 {
		return line - 1
	}
	return line
}

// lines keeps the end of each line; a last line without one says so, as diff(1) does.
func lines(text string) []string {
	list := strings.SplitAfter(text, "\n")
	if last := len(list) - 1; list[last] == "" {
		return list[:last]
	}
	list[len(list)-1] += "\n\\ No newline at end of file\n"
	return list
}

// hunk returns where the hunk ends that begins with the line at start, or start when the line is too far from any change.
func hunk(edits []edit, start int) int {
	end, quiet := start, 0
	for i := start; i < len(edits); i++ {
		quiet++
		if edits[i].sign != ' ' {
			quiet, end = 0, i+1
		}
		if end == start && quiet > context || quiet > 2*context {
			break
		}
	}
	if end == start {
		return start
	}
	return min(end+context, len(edits))
}

// write writes a hunk and returns how many lines of each text it has.
func write(out *strings.Builder, edits []edit) (removed, added int) {
	for _, e := range edits {
		if e.sign != '+' {
			removed++
		}
		if e.sign != '-' {
			added++
		}
		if out != nil {
			out.WriteByte(e.sign)
			out.WriteString(e.line)
		}
	}
	return removed, added
}

// compare takes what two texts have in common at their ends away, and looks for the longest common subsequence of what is left.
func compare(before, after []string) []edit {
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	edits := marked(nil, ' ', before[:head])
	edits = middle(edits, before[head:len(before)-tail], after[head:len(after)-tail])
	return marked(edits, ' ', before[len(before)-tail:])
}

func marked(edits []edit, sign byte, list []string) []edit {
	for _, line := range list {
		edits = append(edits, edit{sign, line})
	}
	return edits
}

func middle(edits []edit, before, after []string) []edit {
	if len(before)*len(after) > largest {
		return marked(marked(edits, '-', before), '+', after)
	}
	common := subsequences(before, after)
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch {
		case before[i] == after[j]:
			edits = append(edits, edit{' ', before[i]})
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			edits = append(edits, edit{'-', before[i]})
			i++
		default:
			edits = append(edits, edit{'+', after[j]})
			j++
		}
	}
	return marked(marked(edits, '-', before[i:]), '+', after[j:])
}

// subsequences returns the length of the longest common subsequence of every two tails.
func subsequences(before, after []string) [][]int {
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i, b := range slices.Backward(before) {
		for j, a := range slices.Backward(after) {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if b == a {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	return common
}
