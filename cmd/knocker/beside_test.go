package main_test

import (
	"path/filepath"
	"testing"
	"time"
)

// Beside an application that receives as fast as it can every command works, and
// no receipt fails: one that waits longer than senders do would be "busy".
func TestBesideReceiving(t *testing.T) {
	s := newShop(t)
	s.receive(t, "orders", "s3cret", "", "{}")
	stop, ended := make(chan struct{}), make(chan struct{})
	received, longest := int64(1), time.Duration(0)
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			start := time.Now()
			s.receive(t, "orders", "s3cret", "", `{"type":"order.paid"}`)
			longest = max(longest, time.Since(start))
			received++
		}
	}()
	for _, args := range [][]string{
		{"list"}, {"stats"}, {"show", "1"}, {"tail", "--no-follow"}, {"list", "deliveries"}, {"ps"}, {"check", "--quick"}, {"ignore", "1"}, {"replay", "1"},
		{"ignore", "--endpoint", "orders", "--yes"}, {"backup", filepath.Join(t.TempDir(), "copy.db")}, {"export"}, {"stats", "--by-endpoint"},
	} {
		works(t, append([]string{"--db", s.file}, args...)...)
	}
	close(stop)
	<-ended
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Deliveries != received {
		t.Error(stats.Deliveries, received, err)
	}
	t.Logf("%d received, the longest took %s", received, longest)
}
