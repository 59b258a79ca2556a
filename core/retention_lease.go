package core

import (
	"context"
	"time"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// The rows of knocker_meta by which the processes of a file agree on who runs
// the retention, and when it last ran.
const (
	metaHolder = "retention_holder" // text; every other value of the table is a number
	metaUntil  = "retention_until"  // Unix seconds: the lease's end
	metaLast   = "retention_last"   // Unix seconds: start of the last pass that came to its end
	metaAudit  = "retention_audit"  // id of the newest pass's audit
)

// lease is who leads, until when, and what was done last.
type lease struct {
	holder      string
	until, last int64
	audit       int64
}

// free reports whether the holder's time is over.
func (l lease) free(now time.Time) bool { return l.holder == "" || l.until <= now.Unix() }

func readLease(c *sqlite.Conn) (l lease, err error) {
	rows, err := c.Query("SELECT key, value FROM main.knocker_meta WHERE key IN (?, ?, ?, ?)", metaHolder, metaUntil, metaLast, metaAudit)
	if err != nil {
		return l, err
	}
	for rows.Next() {
		switch rows.Text(0) {
		case metaHolder:
			l.holder = rows.Text(1)
		case metaUntil:
			l.until = rows.Int(1)
		case metaLast:
			l.last = rows.Int(1)
		case metaAudit:
			l.audit = rows.Int(1)
		}
	}
	return l, nil
}

func setMeta(c *sqlite.Conn, key string, value any) error {
	_, err := c.Exec("INSERT INTO main.knocker_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return err
}

// takeLease makes id the leader until now + term if nobody else is, and answers
// what stands then. It runs in a transaction, which makes it exclusive.
func takeLease(c *sqlite.Conn, id string, now time.Time, term time.Duration) (lease, error) {
	l, err := readLease(c)
	if err != nil || l.holder != id && !l.free(now) {
		return l, err
	}
	l.holder, l.until = id, ceilSeconds(now.Add(term))
	if err := setMeta(c, metaHolder, id); err != nil {
		return l, err
	}
	return l, setMeta(c, metaUntil, l.until)
}

// dropLease lets another process lead at once.
func dropLease(c *sqlite.Conn, id string) error {
	l, err := readLease(c)
	if err != nil || l.holder != id {
		return err
	}
	_, err = c.Exec("DELETE FROM main.knocker_meta WHERE key IN (?, ?)", metaHolder, metaUntil)
	return err
}

func ceilSeconds(t time.Time) int64 {
	whole := t.Unix()
	if t.Nanosecond() > 0 {
		whole++
	}
	return whole
}

// lookAtLease reads it without the writer.
func (e *engine) lookAtLease() (l lease, err error) {
	err = e.read(func(c *sqlite.Conn) (err error) {
		l, err = readLease(c)
		return err
	})
	return l, err
}

// lead takes or renews the lease. Without need it writes nothing.
func (t *retentionTask) lead(ctx context.Context) (l lease, leads bool, err error) {
	now := t.e.now()
	if l, err = t.e.lookAtLease(); err != nil {
		return l, false, err
	}
	mine := l.holder == t.id
	if !mine && !l.free(now) || mine && time.Unix(l.until, 0).Sub(now) > t.policy.Lease*2/3 {
		return l, mine, nil
	}
	err = t.e.transact(ctx, (*engine).handlersConn, func(c *sqlite.Conn) (err error) {
		l, err = takeLease(c, t.id, now, t.policy.Lease)
		return err
	})
	return l, err == nil && l.holder == t.id, err
}

// hold runs in each transaction of the leader's passes: one that has lost the
// lease, because it stood still for too long, writes nothing more.
func (t *retentionTask) hold(c *sqlite.Conn) error {
	now := t.e.now()
	l, err := readLease(c)
	switch {
	case err != nil:
		return err
	case l.holder != t.id:
		return fail(CodeLeaseLost, "another process leads the retention now")
	case time.Unix(l.until, 0).Sub(now) > t.policy.Lease*2/3:
		return nil
	}
	_, err = takeLease(c, t.id, now, t.policy.Lease)
	return err
}
