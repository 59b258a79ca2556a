package sqlite

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
)

// Watch reports writes to a database's WAL by any process. It watches the
// directory: opening the files themselves would endanger another SQLite's
// locks. A signal may come before the commit is visible, and signals that are
// not read run together.
type Watch struct {
	C    chan struct{}
	file *os.File
	name []byte
}

// NewWatch watches the WAL of the database at path. The error says why it can't
// (a limit, a strange file system): then the caller polls.
func NewWatch(path string) (*Watch, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := syscall.InotifyAddWatch(fd, filepath.Dir(path), syscall.IN_MODIFY); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return &Watch{C: make(chan struct{}, 1), file: os.NewFile(uintptr(fd), "inotify"), name: []byte(filepath.Base(path) + "-wal")}, nil
}

// Run reads until Close.
func (w *Watch) Run() {
	buffer := make([]byte, 16<<10)
	for {
		n, err := w.file.Read(buffer)
		if err != nil {
			return
		}
		if w.concerns(buffer[:n]) {
			select {
			case w.C <- struct{}{}:
			default:
			}
		}
	}
}

// concerns reports whether one of the events names the WAL, or whether events
// were lost.
func (w *Watch) concerns(b []byte) bool {
	for len(b) >= syscall.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		name := bytes.TrimRight(b[syscall.SizeofInotifyEvent:syscall.SizeofInotifyEvent+length], "\x00")
		if mask&syscall.IN_Q_OVERFLOW != 0 || bytes.Equal(name, w.name) {
			return true
		}
		b = b[syscall.SizeofInotifyEvent+length:]
	}
	return false
}

// Close ends Run.
func (w *Watch) Close() { _ = w.file.Close() }
