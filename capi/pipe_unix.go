//go:build unix && !linux

package main

import "syscall"

// newPipe holds the lock that keeps a fork+exec of this process from
// inheriting the ends before they are marked.
func newPipe() (ends [2]int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err = syscall.Pipe(ends[:]); err != nil {
		return ends, err
	}
	for _, end := range ends {
		syscall.CloseOnExec(end)
		if err = syscall.SetNonblock(end, true); err != nil {
			syscall.Close(ends[0])
			syscall.Close(ends[1])
			return ends, err
		}
	}
	return ends, nil
}
