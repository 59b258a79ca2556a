package abi

import "github.com/knocker-dev/knocker/core/suggest"

// Closest returns the name of names that is most likely meant by given, or ""
// when none is near.
func Closest(given string, names []string) string { return suggest.Closest(given, names) }
