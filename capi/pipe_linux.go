package main

import "syscall"

func newPipe() (ends [2]int, err error) {
	err = syscall.Pipe2(ends[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC)
	return ends, err
}
