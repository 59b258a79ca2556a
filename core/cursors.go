package core

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// parseCursor reads the spot that a page ended at; nil for the first page.
func parseCursor(cursor string) (*spot, error) {
	if cursor == "" {
		return nil, nil
	}
	numbers, ok := cursorNumbers(cursor, 2)
	if !ok {
		return nil, badCursor()
	}
	return &spot{numbers[0], numbers[1]}, nil
}

func badCursor() error {
	return fail(CodeInvalidArgument, "the cursor is not one that this call has answered")
}

// cursorNumbers reads the numbers of a cursor, if there are as many as want.
// Only what cursorOf has written is taken.
func cursorNumbers(cursor string, want int) ([]int64, bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	parts := strings.Split(string(text), ".")
	if err != nil || len(parts) != want {
		return nil, false
	}
	numbers := make([]int64, want)
	for n, part := range parts {
		if numbers[n], err = strconv.ParseInt(part, 10, 64); err != nil {
			return nil, false
		}
	}
	return numbers, cursorOf(numbers...) == cursor
}

func cursorOf(numbers ...int64) string {
	parts := make([]string, len(numbers))
	for n, number := range numbers {
		parts[n] = strconv.FormatInt(number, 10)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ".")))
}

// nextCursor is the cursor behind a full page, "" behind one that is not.
func nextCursor(page []spot, limit int) string {
	if len(page) < limit {
		return ""
	}
	last := page[len(page)-1]
	return cursorOf(last.at, last.id)
}

func spotIDs(spots []spot) []int64 {
	ids := make([]int64, len(spots))
	for n, p := range spots {
		ids[n] = p.id
	}
	return ids
}
