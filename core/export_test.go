package core

import (
	"errors"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// WithoutWatch makes files unwatchable, as where the system's limit is reached.
func WithoutWatch() (restore func()) {
	newWatch = func(string) (*sqlite.Watch, error) { return nil, errors.New("no watches left") }
	return func() { newWatch = sqlite.NewWatch }
}
