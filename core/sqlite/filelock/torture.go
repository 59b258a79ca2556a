//go:build knocker_torture && cgo && (linux || darwin)

package filelock

// This build reads KNOCKER_CURE: with "off" the hooks are left out, so that
// the tests can show what they are there for. Releases read no environment.

// #cgo CFLAGS: -DKNOCKER_TORTURE
import "C"
