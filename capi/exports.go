package main

/*
#include "intake.h"
*/
import "C"

import "unsafe"

// The Go half of each exported function. The C half in exports.c has tested
// for fork() already; here every one goes through guarded or silently, which
// keep panics in. TestEveryExportIsGuarded holds them to that.

//export goKnockerOpen
func goKnockerOpen(request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("open", func(out []byte) ([]byte, error) {
		return openInbox(out, input{request, uint64(length)})
	})
}

//export goKnockerHostSQLite
func goKnockerHostSQLite(request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("host_sqlite", func(out []byte) ([]byte, error) {
		return findHostSQLite(out, input{request, uint64(length)})
	})
}

//export goKnockerClose
func goKnockerClose(db C.uint64_t) *C.char {
	return guarded("close", func(out []byte) ([]byte, error) {
		return closeInbox(out, uint64(db))
	})
}

//export goKnockerCall
func goKnockerCall(db C.uint64_t, method *C.char, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("call", func(out []byte) ([]byte, error) {
		return callMethod(out, uint64(db), methodName(method), input{request, uint64(length)})
	})
}

//export goKnockerReceive
func goKnockerReceive(calls **C.knocker_receive_call, count C.int) {
	guardedReceives(unsafe.Slice(calls, int(count)))
}

//export goKnockerReceiveStart
func goKnockerReceiveStart(db C.uint64_t, request unsafe.Pointer, length C.size_t, body unsafe.Pointer, bodyLength C.size_t) *C.char {
	return guarded("receive_start", func(out []byte) ([]byte, error) {
		return receiveStart(out, uint64(db), input{request, uint64(length)}, input{body, uint64(bodyLength)})
	})
}

//export goKnockerReceivePoll
func goKnockerReceivePoll(db C.uint64_t, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("receive_poll", func(out []byte) ([]byte, error) {
		return receivePoll(out, uint64(db), input{request, uint64(length)})
	})
}

//export goKnockerReceiveCancel
func goKnockerReceiveCancel(db C.uint64_t, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("receive_cancel", func(out []byte) ([]byte, error) {
		return receiveCancel(out, uint64(db), input{request, uint64(length)})
	})
}

//export goKnockerWorkerOpen
func goKnockerWorkerOpen(db C.uint64_t, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("worker_open", func(out []byte) ([]byte, error) {
		return openWorker(out, uint64(db), input{request, uint64(length)})
	})
}

//export goKnockerWorkerStep
func goKnockerWorkerStep(worker C.uint64_t, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("worker_step", func(out []byte) ([]byte, error) {
		return workerStep(out, uint64(worker), input{request, uint64(length)})
	})
}

//export goKnockerWorkerStop
func goKnockerWorkerStop(worker C.uint64_t, request unsafe.Pointer, length C.size_t) *C.char {
	return guarded("worker_stop", func(out []byte) ([]byte, error) {
		return stopWorker(out, uint64(worker), input{request, uint64(length)})
	})
}

//export goKnockerWorkerClose
func goKnockerWorkerClose(worker C.uint64_t) *C.char {
	return guarded("worker_close", func(out []byte) ([]byte, error) {
		return closeWorker(out, uint64(worker))
	})
}

//export goKnockerTx
func goKnockerTx(step C.uint64_t, request unsafe.Pointer, length C.size_t, blobs unsafe.Pointer, lengths *C.size_t, count C.size_t) *C.char {
	return guarded("tx", func(out []byte) ([]byte, error) {
		return tx(out, uint64(step), input{request, uint64(length)}, blobList{blobs, unsafe.Pointer(lengths), uint64(count)})
	})
}

//export goKnockerRelease
func goKnockerRelease(handle C.uint64_t) {
	silently("release", func() { release(uint64(handle)) })
}

func main() {}
