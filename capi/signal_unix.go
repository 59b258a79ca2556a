//go:build unix

package main

import (
	"syscall"

	"github.com/knocker-dev/knocker/core"
)

// signal is a pipe that holds one byte while there is something to fetch. Its
// owner's lock guards it; before open and after close it does nothing.
type signal struct {
	opened      bool
	read, write int
	raised      bool
}

func (s *signal) open() error {
	if s.opened {
		return nil
	}
	ends, err := newPipe()
	if err != nil {
		return failure(core.CodeStorageError, "A pipe for completions can't be opened: %v.", err)
	}
	s.opened, s.read, s.write = true, ends[0], ends[1]
	return nil
}

func (s *signal) descriptor() int { return s.read }

func (s *signal) set() {
	if s.opened && !s.raised {
		_, err := syscall.Write(s.write, []byte{1})
		s.raised = err == nil
	}
}

func (s *signal) clear() {
	if s.raised {
		var one [1]byte
		_, err := syscall.Read(s.read, one[:])
		s.raised = err != nil
	}
}

func (s *signal) close() {
	if s.opened {
		syscall.Close(s.read)
		syscall.Close(s.write)
		*s = signal{}
	}
}
