package provider

import (
	"slices"
	"testing"
)

// The spellings of a URL, in the order of the official library: this list is
// what twilio-node 6.2.0 asks its HMAC for.
func TestTwilioURLs(t *testing.T) {
	for address, want := range map[string][]string{
		"https://h.test/a":         {"https://h.test/a", "https://h.test:443/a"},
		"https://h.test:443/a?x=1": {"https://h.test/a?x=1", "https://h.test:443/a?x=1"},
		"http://H.Test":            {"http://H.Test", "http://H.Test:80", "http://h.test/", "http://h.test:80/"},
		"https://user:p@h.test/a b?q='x y'&z=%27&z=2": {
			"https://user:p@h.test/a b?q='x y'&z=%27&z=2", "https://user:p@h.test:443/a b?q='x y'&z=%27&z=2",
			"https://user:p@h.test/a%20b?q=%27x%20y%27&z=%27&z=2", "https://user:p@h.test:443/a%20b?q=%27x%20y%27&z=%27&z=2",
			"https://user:p@h.test/a%20b?q='x%20y'&z='&z=2", "https://user:p@h.test:443/a%20b?q='x%20y'&z='&z=2"},
		"HTTPS://h.test:8443/a/../b/./c?": {
			"HTTPS://h.test/a/../b/./c?", "HTTPS://h.test:8443/a/../b/./c?", "https://h.test/b/c?", "https://h.test:8443/b/c?"},
		"https://[::1]/x?a=b+c&a=d%20e&é=ü": {
			"https://[::1]/x?a=b+c&a=d%20e&é=ü", "https://[::1]:443/x?a=b+c&a=d%20e&é=ü",
			"https://[::1]/x?a=b+c&a=d%20e&%C3%A9=%C3%BC", "https://[::1]:443/x?a=b+c&a=d%20e&%C3%A9=%C3%BC",
			"https://[::1]/x?a=b%20c&a=d%20e&%C3%A9=%C3%BC", "https://[::1]:443/x?a=b%20c&a=d%20e&%C3%A9=%C3%BC"},
	} {
		got := twilioURLs(address)
		for _, candidate := range want {
			if !slices.Contains(got, candidate) {
				t.Errorf("%s: %q is not tried", address, candidate)
			}
		}
		for _, candidate := range got {
			if !slices.Contains(want, candidate) {
				t.Errorf("%s: %q is tried", address, candidate)
			}
		}
		if got[0] != want[0] {
			t.Errorf("%s: %q is tried first", address, got[0])
		}
	}
}
