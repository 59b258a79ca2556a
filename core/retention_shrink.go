package core

import (
	"context"
	"fmt"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// A file that we made (auto_vacuum is incremental) gives pages back; some stay,
// because what comes next would only have to ask for them again.
const (
	firstPages   = 64
	fewestPages  = 32
	mostPages    = 2048
	keptFreePart = 16 // a sixteenth of the file
	keptFree     = 256
)

const incremental = 2 // PRAGMA auto_vacuum

// shrink gives one step of pages back to the file system. The size of a step
// follows the time that it holds the writer.
func (p *retentionPass) shrink(ctx context.Context) (more bool, err error) {
	spare, err := p.e.spareFreePages()
	if err != nil || spare <= 0 {
		return false, err
	}
	step := min(spare, int64(p.pages))
	held, err := p.write(ctx, func(c *sqlite.Conn, out *RetentionResult) error {
		before, err := pragma(c, "page_count")
		if err != nil {
			return err
		}
		if err := c.Script(fmt.Sprintf("PRAGMA main.incremental_vacuum(%d)", step)); err != nil {
			return err
		}
		after, err := pragma(c, "page_count")
		out.PagesReleased += before - after
		return err
	})
	p.pages = adapted(p.pages, held, fewestPages, mostPages)
	return spare > step, err
}

// spareFreePages is how many pages the file could give back.
func (e *engine) spareFreePages() (spare int64, err error) {
	err = e.read(func(c *sqlite.Conn) error {
		mode, err := pragma(c, "auto_vacuum")
		if err != nil || mode != incremental {
			return err
		}
		free, err := pragma(c, "freelist_count")
		if err != nil {
			return err
		}
		pages, err := pragma(c, "page_count")
		spare = free - max(pages/keptFreePart, keptFree)
		return err
	})
	return spare, err
}

// pragma reads a pragma whose value is a number.
func pragma(c *sqlite.Conn, name string) (int64, error) {
	rows, err := c.Query("PRAGMA main." + name)
	if err != nil || !rows.Next() {
		return 0, err
	}
	return rows.Int(0), nil
}
