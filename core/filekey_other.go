//go:build !unix

package core

import (
	"os"
	"strings"
)

// fileKey names a file by its resolved path, without regard to case.
type fileKey struct{ path string }

func keyOf(path string) (fileKey, bool) {
	_, err := os.Stat(path)
	return fileKey{strings.ToLower(path)}, err == nil
}
