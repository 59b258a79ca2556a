package core

import (
	"context"
	"strconv"
	"strings"

	"github.com/knocker-dev/knocker/core/queue"
	"github.com/knocker-dev/knocker/core/sqlite"
)

// A worker that meets the job of a paused endpoint moves it to a queue of its
// own, which no worker claims from. So a paused backlog is walked over once, and
// not by every claim. After a resume the jobs come back a few at a time.

// backAtOnce is more than a claim takes, so that while jobs come back the
// workers never find their queue empty.
const backAtOnce = 512

// SetEndpointPaused stops (true) or resumes (false) the processing of an
// endpoint's events in all processes; receiving goes on. A handler that is
// running ends its run. Errors: unknown_endpoint.
func (i *Inbox) SetEndpointPaused(ctx context.Context, name string, paused bool) (Endpoint, error) {
	err := i.act(ctx, func(c *sqlite.Conn) error {
		r, err := c.Exec("UPDATE main.knocker_endpoints SET paused = ? WHERE name = ?", paused, name)
		if err == nil && r.Changes == 0 {
			return unknownEndpoint(c, name)
		}
		return err
	})
	if err != nil {
		return Endpoint{}, err
	}
	return i.e.storedEndpoint(name)
}

// pausedEndpoints are mostly none, which the index of them knows at once.
func pausedEndpoints(c *sqlite.Conn) (map[int64]bool, error) {
	list, err := ids(c, "SELECT id FROM main.knocker_endpoints INDEXED BY knocker_endpoints_paused WHERE paused = 1")
	if err != nil || len(list) == 0 {
		return nil, err
	}
	paused := make(map[int64]bool, len(list))
	for _, id := range list {
		paused[id] = true
	}
	return paused, nil
}

// parkedPrefix begins the names of the queues of paused endpoints.
func (e *engine) parkedPrefix() string { return e.options.QueueName + ".paused." }

func (e *engine) parkedQueue(endpoint int64) string {
	return e.parkedPrefix() + strconv.FormatInt(endpoint, 10)
}

// parkedQueues lists the queues that hold jobs of paused endpoints, and the
// endpoint of each. It goes from one name to the next.
func (e *engine) parkedQueues(c *sqlite.Conn) (names []string, endpoints []int64, err error) {
	prefix := e.parkedPrefix()
	end := strings.TrimSuffix(prefix, ".") + "/" // the character behind the point
	for last := prefix; ; {
		rows, err := c.Query(`SELECT queue FROM main._honker_live INDEXED BY _honker_live_claim
			WHERE state IN ('pending', 'processing') AND queue > ? AND queue < ? ORDER BY queue LIMIT 1`, last, end)
		if err != nil || !rows.Next() {
			return names, endpoints, err
		}
		last = rows.Text(0)
		if id, err := strconv.ParseInt(strings.TrimPrefix(last, prefix), 10, 64); err == nil {
			names, endpoints = append(names, last), append(endpoints, id)
		}
	}
}

// takeBack brings jobs of endpoints that are no longer paused back, in the
// transaction of a claim, and returns the endpoints that are.
func (e *engine) takeBack(c *sqlite.Conn) (paused map[int64]bool, err error) {
	if paused, err = pausedEndpoints(c); err != nil {
		return nil, err
	}
	names, endpoints, err := e.parkedQueues(c)
	if err != nil {
		return nil, err
	}
	for n, name := range names {
		if !paused[endpoints[n]] {
			if err := queue.Move(c, name, e.options.QueueName, backAtOnce); err != nil {
				return nil, err
			}
		}
	}
	return paused, nil
}

// nextDue is the earliest time at which a worker has something to do; 0: there
// is nothing.
func (e *engine) nextDue(c *sqlite.Conn) (int64, error) {
	due, err := queue.NextDue(c, e.options.QueueName, e.now())
	now := e.now().Unix()
	if err != nil || due != 0 && due <= now {
		return due, err
	}
	names, endpoints, err := e.parkedQueues(c)
	if err != nil || len(names) == 0 {
		return due, err
	}
	paused, err := pausedEndpoints(c)
	if err != nil {
		return 0, err
	}
	for _, id := range endpoints {
		if !paused[id] {
			return now, nil
		}
	}
	return due, nil
}
