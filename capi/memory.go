package main

/*
#cgo nocallback knocker_copy_reply
#cgo noescape knocker_copy_reply
#include <stdlib.h>
#include <string.h>

// NULL when there is no memory: Go's own C.malloc would end the process.
static char *knocker_copy_reply(const void *text, size_t length) {
	char *reply = malloc(length + 1);
	if (reply != NULL) {
		memcpy(reply, text, length);
		reply[length] = '\0';
	}
	return reply;
}

static size_t knocker_bounded_length(const char *text, size_t bound) {
	return strnlen(text, bound);
}
*/
import "C"

import (
	"unsafe"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/core"
)

// input is memory of the caller's: valid only until the call returns.
type input struct {
	start  unsafe.Pointer
	length uint64
}

// view returns the memory itself.
func (in input) view(what string) ([]byte, error) {
	switch {
	case in.length == 0:
		return nil, nil
	case in.start == nil:
		return nil, failure(core.CodeInvalidArgument, "The %s is NULL, but its length is %d.", what, in.length)
	case in.length > abi.MaxInputBytes:
		return nil, failure(core.CodeInvalidArgument, "The %s's length, %d bytes, is above %d.", what, in.length, abi.MaxInputBytes)
	}
	return unsafe.Slice((*byte)(in.start), int(in.length)), nil
}

// copied returns a copy. The engine may hold on to it longer than the call
// lasts, for instance when the library fails meanwhile.
func (in input) copied(what string) ([]byte, error) {
	view, err := in.view(what)
	if err != nil || len(view) == 0 {
		return nil, err
	}
	return append(make([]byte, 0, len(view)), view...), nil
}

// decode reads the input as a request.
func (in input) decode(request any) error {
	text, err := in.copied("request")
	if err != nil {
		return err
	}
	return abi.Decode(text, request)
}

// maxBlobs is the largest number of parameters that SQLite can be built for.
const maxBlobs = 32766

// blobList is the caller's array of blobs.
type blobList struct {
	starts  unsafe.Pointer // const void *const *
	lengths unsafe.Pointer // const size_t *
	count   uint64
}

func (l blobList) views() ([][]byte, error) {
	if l.count == 0 {
		return nil, nil
	}
	if l.count > maxBlobs {
		return nil, failure(core.CodeInvalidArgument, "The call brings %d blobs; at most %d are possible.", l.count, maxBlobs)
	}
	if l.starts == nil || l.lengths == nil {
		return nil, failure(core.CodeInvalidArgument, "The list of blobs or of their lengths is NULL, but its count is %d.", l.count)
	}
	starts := unsafe.Slice((*unsafe.Pointer)(l.starts), int(l.count))
	lengths := unsafe.Slice((*C.size_t)(l.lengths), int(l.count))
	views := make([][]byte, l.count)
	for i := range views {
		view, err := input{starts[i], uint64(lengths[i])}.view("blob")
		if err != nil {
			return nil, err
		}
		views[i] = view
	}
	return views, nil
}

// methodName returns the text of a C string, "" for NULL. What is longer than
// any method is cut.
func methodName(name *C.char) string {
	if name == nil {
		return ""
	}
	return C.GoStringN(name, C.int(C.knocker_bounded_length(name, 128)))
}

// toC copies a reply into memory that the caller gives to knocker_free.
func toC(reply []byte) *C.char {
	return C.knocker_copy_reply(unsafe.Pointer(unsafe.SliceData(reply)), C.size_t(len(reply)))
}
