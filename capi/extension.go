package main

/*
#cgo CFLAGS: -I${SRCDIR}/../core/sqlite/include
#include "guard.h"
*/
import "C"

import (
	"unsafe"

	"github.com/knocker-dev/knocker/core"
	"github.com/knocker-dev/knocker/core/extension"
	"github.com/knocker-dev/knocker/core/safe"
	"github.com/knocker-dev/knocker/core/sqlite"
)

func init() {
	extension.Guard = unlessPoisoned
	extension.RefuseWhile(unsafe.Pointer(&C.in_forked_child))
}

// unlessPoisoned runs a part of the extension.
func unlessPoisoned(where string, f func()) error {
	p := poison.Load()
	if p == nil {
		p = safe.Call(where, f)
	}
	if p != nil {
		return internalError(p)
	}
	return nil
}

// goKnockerLoad registers the functions on a host's connection; the answer is
// the error's text or NULL.
//
//export goKnockerLoad
func goKnockerLoad(api, db unsafe.Pointer, manual C.int) *C.char {
	return guardedLoad(api, db, manual != 0)
}

func guardedLoad(api, db unsafe.Pointer, manual bool) *C.char {
	var err error
	if fault := unlessPoisoned("load", func() { err = loadExtension(api, db, manual) }); fault != nil {
		err = fault
	}
	if err == nil {
		return nil
	}
	return toC([]byte("knocker: " + core.AsError(err).Error()))
}

func loadExtension(api, db unsafe.Pointer, manual bool) error {
	if _, err := sqlite.HandOver(api); err != nil {
		return failure(core.CodeDriverUnavailable, "%s", err.Error())
	}
	return extension.Register(api, db, manual)
}
