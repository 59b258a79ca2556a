package main

import (
	"fmt"
	"strings"
	"time"
)

// progress shows how far long work is: on the terminal of the messages only.
type progress struct {
	s     *screen
	what  string
	total int64 // 0: not known
	shown time.Time
	drawn bool
}

const (
	redrawEvery = 100 * time.Millisecond
	barWidth    = 30
)

func (a *app) progress(what string, total int64) *progress {
	// The first moments show nothing: most work is done by then.
	return &progress{s: a.messages, what: what, total: total, shown: time.Now()}
}

func (p *progress) at(done int64) {
	if !p.s.terminal || time.Since(p.shown) < redrawEvery {
		return
	}
	p.shown, p.drawn = time.Now(), true
	line := fmt.Sprintf("%s  %s", p.what, count(done))
	if p.total > 0 {
		filled := int(min(done, p.total) * barWidth / p.total)
		line = fmt.Sprintf("%s  [%s%s] %s of %s", p.what, strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), count(done), count(p.total))
	}
	fmt.Fprintf(p.s.w, "\r\x1b[K%s", line)
	_ = p.s.flush()
}

// end takes the bar away; what was done is the command's to say.
func (p *progress) end() {
	if p.drawn {
		p.drawn = false
		fmt.Fprint(p.s.w, "\r\x1b[K")
		_ = p.s.flush()
	}
}
