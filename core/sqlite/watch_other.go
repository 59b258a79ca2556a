//go:build !linux

package sqlite

import "errors"

// Watch is not used where watching would open the files: a close would drop
// another SQLite's locks. The caller polls.
type Watch struct{ C chan struct{} }

// NewWatch answers that this system has no watch.
func NewWatch(string) (*Watch, error) {
	return nil, errors.New("this system's file notification opens the files")
}

// Run does nothing.
func (w *Watch) Run() {}

// Close does nothing.
func (w *Watch) Close() {}
