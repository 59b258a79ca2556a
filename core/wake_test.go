package core

import (
	"testing"
	"time"
)

// A commit must not wait until the looks for the one before it are over.
func TestNotificationEndsALongSleep(t *testing.T) {
	t.Parallel()
	notified := make(chan struct{}, 1)
	notified <- struct{}{}
	if !notifiedWithin(time.Hour, notified) {
		t.Error("a long sleep did not tell of the notification")
	}
	notified <- struct{}{}
	if !notifiedWithin(firstLook, notified) {
		t.Error("a short sleep did not tell of the notification")
	}
	if notifiedWithin(firstLook, notified) || notifiedWithin(slowLook, notified) {
		t.Error("a notification was told twice")
	}
}
