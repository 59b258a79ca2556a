package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// hostFile is what this process keeps of a database that hosts' connections
// work on. Connections come and go (pools, sessions, one a thread): whichever
// calls, it is one inbox. It lives as long as the process; that of a database
// without a file ends with its connection.
//
// No lock of it is held while SQL runs: a callback of the host's in there may
// wait for the very thread that waits for the lock.
type hostFile struct {
	*memory
	born   uint64
	cookie atomic.Int64 // SQLite's of the schema that was found in order; -1: none was

	mu       sync.Mutex
	options  Options
	scope    string
	attached bool
	kept     any
	workers  map[int64]*hostWorker
	steps    map[int64]*HostStep
}

// hostFiles are the databases of hosts' connections. An inode is used again
// after its file was deleted, so the time of birth is no part of the key: a
// newer file takes the older one's place.
var hostFiles = struct {
	sync.Mutex
	known map[sqlite.Identity]*hostFile
}{known: map[sqlite.Identity]*hostFile{}}

func hostFileOf(id sqlite.Identity) (*hostFile, error) {
	born := id.Born
	id.Born = 0
	hostFiles.Lock()
	defer hostFiles.Unlock()
	if f := hostFiles.known[id]; f != nil && f.born == born {
		return f, nil
	}
	options, err := Options{Engine: "host"}.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &hostFile{memory: newMemory(), born: born, options: options, workers: map[int64]*hostWorker{}, steps: map[int64]*HostStep{}}
	f.cookie.Store(-1)
	hostFiles.known[id] = f
	return f, nil
}

// ForgetConnection is to be called when a host's connection has been closed,
// with its Handle: what is kept of a database in memory ends with it.
func ForgetConnection(handle uintptr) {
	hostFiles.Lock()
	defer hostFiles.Unlock()
	delete(hostFiles.known, sqlite.Identity{Handle: handle})
}

func (f *hostFile) worker(number int64) (*hostWorker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[number]; w != nil {
		return w, nil
	}
	return nil, fail(CodeClosed, "no worker of this file has the number %d: it is closed, or belongs to another file", number)
}

func (f *hostFile) step(number int64) (*HostStep, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.steps[number]; s != nil {
		return s, nil
	}
	return nil, fail(CodeClosed, "no step of this file has the number %d: it has ended, or belongs to another file", number)
}

// startedJobs are the jobs whose handlers run, and since when.
func (f *hostFile) startedJobs() map[int64]time.Time {
	started := map[int64]time.Time{}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.steps {
		started[s.claim.key.ID] = s.startedAt()
	}
	return started
}
