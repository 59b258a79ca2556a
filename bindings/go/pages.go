package knockersqlite

import "iter"

// wholePage is the largest page that a list gives.
const wholePage = 1000

// pages yields the items of all pages from a cursor on. An error is yielded
// once, with a zero item, and ends it.
func pages[T any](cursor string, page func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			items, next, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}
