package core

import (
	"context"

	"github.com/knocker-dev/knocker/core/sqlite"
)

// StatsByEndpoint counts what is in the file of each endpoint, by name, up to
// limit endpoints (1..1000, defaults to 100), from after the cursor of the page
// before. The last page has cursor "".
func (i *Inbox) StatsByEndpoint(_ context.Context, limit int, cursor string) (list []EndpointStats, next string, err error) {
	if err := i.usable(); err != nil {
		return nil, "", err
	}
	if limit, err = pageLimit(limit); err != nil {
		return nil, "", err
	}
	err = i.e.snapshot(func(c *sqlite.Conn) error {
		page, err := endpointPage(c, limit, cursor)
		if err != nil || len(page) == 0 {
			return err
		}
		if len(page) == limit {
			next = page[limit-1].Name
		}
		list, err = countEndpoints(c, page)
		return err
	})
	return list, next, err
}

func countEndpoints(c *sqlite.Conn, page []Endpoint) ([]EndpointStats, error) {
	list := make([]EndpointStats, len(page))
	at := make(map[int64]*EndpointStats, len(page))
	all := make([]int64, len(page))
	for n, p := range page {
		list[n] = EndpointStats{Name: p.Name, Provider: p.Provider, Enabled: p.Enabled, Paused: p.Paused, Events: map[string]int64{}}
		at[p.ID], all[n] = &list[n], p.ID
	}
	const of = " IN (SELECT value FROM json_each(?))"
	rows, err := c.Query("SELECT endpoint_id, status, count(*) FROM main.knocker_events INDEXED BY knocker_events_endpoint WHERE endpoint_id"+of+" GROUP BY endpoint_id, status", jsonList(all))
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		at[rows.Int(0)].Events[rows.Text(1)] = rows.Int(2)
	}
	rows, err = c.Query("SELECT endpoint_id, count(*) FROM main.knocker_deliveries INDEXED BY knocker_deliveries_orphans WHERE event_id IS NULL AND endpoint_id"+of+" GROUP BY endpoint_id", jsonList(all))
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		at[rows.Int(0)].Orphans = rows.Int(1)
	}
	const latest = "(SELECT received_at FROM main.knocker_deliveries INDEXED BY knocker_deliveries_endpoint WHERE endpoint_id = value AND signature_valid IS "
	const one = " ORDER BY received_at DESC LIMIT 1), 0)"
	rows, err = c.Query("SELECT value, max(coalesce("+latest+"NULL"+one+", coalesce("+latest+"0"+one+", coalesce("+latest+"1"+one+") FROM json_each(?)", jsonList(all))
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		at[rows.Int(0)].LastReceivedAt = rows.Int(1)
	}
	return list, nil
}
