package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseTime reads a time as the flags take it: that long ago, a date, a date and
// time in local time (or UTC with --utc), RFC 3339, or Unix seconds.
func (a *app) parseTime(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if ago, err := parseAge(s); err == nil {
		return now.Add(-ago).Unix(), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, a.location()); err == nil {
			return at.Unix(), nil
		}
	}
	return 0, usage("%q is not a time: give 90s, 15m, 2h, 7d, 2026-01-31, \"2026-01-31 15:04:05\", RFC 3339 or Unix seconds", s)
}

// parseAge reads a length of time, in which a day is 24 hours.
func parseAge(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 && n < 1e5 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, usage("%q is not a length of time: give 90s, 15m, 2h or 7d", s)
	}
	return d, nil
}

func (a *app) location() *time.Location {
	if a.utc {
		return time.UTC
	}
	return time.Local
}

// at shows a time; 0 is none.
func (a *app) at(unix int64) string {
	if unix == 0 {
		return "-"
	}
	return time.Unix(unix, 0).In(a.location()).Format(time.DateTime)
}

// ago shows how long a time is past.
func ago(unix int64, now time.Time) string {
	d := now.Sub(time.Unix(unix, 0)).Round(time.Second)
	if d < 0 {
		return "in the future"
	}
	return length(d) + " ago"
}

// length shows a length of time by its largest unit that fits.
func length(d time.Duration) string {
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.d {
			return plural(int64(d/unit.d), unit.name)
		}
	}
	return plural(int64(d/time.Second), "second")
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if one == "delivery" {
		return count(n) + " deliveries"
	}
	return count(n) + " " + one + "s"
}

// count shows a number with its thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// size shows a number of bytes.
func size(n int64) string {
	switch {
	case n < 10_000:
		return count(n) + " B"
	case n < 10_000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	case n < 10_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

var statusStyles = map[string]style{"received": cyan, "processing": blue, "handled": green, "failed": yellow, "dead": red, "ignored": dim,
	"rejected": red, "too_large": red, "handshake": dim, "empty_batch": dim, "event": green}

func status(s string) cell { return cell{s, statusStyles[s]} }
