//go:build !unix

package core

// syncDirectory does nothing: these systems write renames through.
func syncDirectory(string) error { return nil }
