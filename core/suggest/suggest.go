// Package suggest finds the name that was probably meant.
package suggest

import "strings"

// Closest returns the name of names that is most likely meant by given, or ""
// when none is near. Other spellings of the same words ("maxBodyBytes",
// "max-body-bytes") always match.
func Closest(given string, names []string) string {
	if len(given) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(given)/3)
	for _, name := range names {
		if plainWords(given) == plainWords(name) {
			return name
		}
		if d := distance(given, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

var wordMarks = strings.NewReplacer("_", "", "-", "", " ", "")

func plainWords(name string) string { return strings.ToLower(wordMarks.Replace(name)) }

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	var before, previous, current []int
	previous = make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current = make([]int, len(b)+1)
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous = previous, current
	}
	return previous[len(b)]
}
