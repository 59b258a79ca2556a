package main

import "time"

// sequence is several requests that one endpoint gets in a row, and how many
// events they make.
type sequence struct {
	Description string         `json:"description"`
	Requests    []request      `json:"requests"`
	Expected    map[string]int `json:"expected"`
}

// attempts are the delays at which a retry comes.
var attempts = []time.Duration{0, 60 * time.Second, time.Hour}

// sequences makes a retried event and different events about one object.
func (s *spec) sequences() []sequence {
	first := s.events[0]
	retried := sequence{Description: "one event delivered three times, as its retries really look"}
	for i, delay := range attempts {
		at, body := start, first.body
		if s.fresh {
			at = start.Add(delay)
		}
		if i > 0 && s.retry != nil {
			body = s.retry(body, i+1)
		}
		retried.Requests = append(retried.Requests, s.request(s.sign(first, body, s.secret, at), start.Add(delay)))
	}
	perDelivery := max(1, len(first.want.items))
	identified := first.want.identity != "" || len(first.want.items) > 0 && first.want.items[0][1] != ""
	events := perDelivery
	if !identified {
		events = perDelivery * len(attempts)
		retried.Description += "; the sender gives no identity, so nothing is folded"
	}
	retried.Expected = map[string]int{"deliveries": len(attempts), "events": events}

	same := sequence{Description: "different events about the same object"}
	count := 0
	for _, e := range s.events {
		same.Requests = append(same.Requests, s.request(s.sign(e, e.body, s.secret, start), start))
		count += max(1, len(e.want.items))
	}
	same.Expected = map[string]int{"deliveries": len(s.events), "events": count}
	if s.regrouped == nil {
		return []sequence{retried, same}
	}
	regrouped := sequence{Description: "a batch whose items come again in other groups"}
	for i, body := range append([]string{first.body}, s.regrouped...) {
		at := start
		if s.fresh {
			at = start.Add(time.Duration(i) * time.Minute)
		}
		regrouped.Requests = append(regrouped.Requests, s.request(s.sign(first, body, s.secret, at), at))
	}
	regrouped.Expected = map[string]int{"deliveries": 1 + len(s.regrouped), "events": len(first.want.items)}
	return []sequence{retried, same, regrouped}
}
