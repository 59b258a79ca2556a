//go:build !unix

package main

import "github.com/knocker-dev/knocker/core"

// signal needs a descriptor that event loops can wait for; this platform has
// none. Poll without it.
type signal struct{}

func (s *signal) open() error {
	return failure(core.CodeUnsupportedPlatform, "This platform has no completion descriptor. Poll with knocker_receive_poll_json instead.")
}

func (s *signal) descriptor() int { return -1 }
func (s *signal) set()            {}
func (s *signal) clear()          {}
func (s *signal) close()          {}
