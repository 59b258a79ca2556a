package core

import (
	"sync"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// readerPool keeps idle read connections.
type readerPool struct {
	open   func() (*sqlite.Conn, error)
	mu     sync.Mutex
	idle   []*sqlite.Conn
	closed bool
}

// Idle readers beyond this are closed: a burst must not keep descriptors.
const maxIdleReaders = 4

func (p *readerPool) get() (*sqlite.Conn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.open()
}

func (p *readerPool) put(c *sqlite.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdleReaders {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *readerPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}
