package provider

import (
	"strconv"
	"time"
)

// clock checks a signed time against the time of receipt. The sides are
// bounded separately; a negative bound leaves that side open.
type clock struct {
	past, future time.Duration
}

// timeUnit is how a signed time is written.
type timeUnit int

const (
	seconds timeUnit = iota
	milliseconds
	timeText // RFC 3339, with or without fractions
)

func (s *Settings) clock() clock {
	tolerance := s.Definition.Tolerance
	if tolerance == nil {
		return clock{-1, -1}
	}
	past := s.Integer("tolerance_s")
	future := s.Integer("future_tolerance_s")
	if s.Given("tolerance_s") && !s.Given("future_tolerance_s") && tolerance.FutureS == tolerance.PastS {
		future = past
	}
	if past == 0 { // off, as in the providers' own libraries
		past = Unchecked
		if !s.Given("future_tolerance_s") {
			future = Unchecked
		}
	}
	return clock{time.Duration(past) * time.Second, time.Duration(future) * time.Second}
}

// parseTime reads a signed time. Only plain digits count as a number, because
// what is checked must be what was signed.
func parseTime(given string, unit timeUnit) (time.Time, bool) {
	if unit == timeText {
		t, err := time.Parse(time.RFC3339Nano, given)
		return t, err == nil
	}
	if len(given) == 0 || len(given) > 15 {
		return time.Time{}, false
	}
	for i := 0; i < len(given); i++ {
		if given[i] < '0' || given[i] > '9' {
			return time.Time{}, false
		}
	}
	number, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if unit == milliseconds {
		return time.UnixMilli(number), true
	}
	return time.Unix(number, 0), true
}

// check returns the reason why signed is out of tolerance at now, or "". A
// time in whole seconds is compared in whole seconds: 300 s old is within 300.
func (c clock) check(signed, now time.Time, unit timeUnit) Reason {
	switch unit {
	case seconds:
		now = now.Truncate(time.Second)
	case milliseconds:
		now = now.Truncate(time.Millisecond)
	}
	age := now.Sub(signed)
	if c.past >= 0 && age > c.past {
		return TimestampTooOld
	}
	if c.future >= 0 && -age > c.future {
		return TimestampTooNew
	}
	return ""
}
