package runner

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// shop is the one inbox of all fixtures, or of all sequences.
type shop struct {
	binding Binding
	inbox   Inbox
	count   int
}

func (s *suite) openShop() (*shop, func(), error) {
	folder, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, nil, err
	}
	inbox, err := s.binding.Open(filepath.Join(folder, "inbox.db"), map[string]any{"clock": map[string]any{"now_s": json.Number("1")}})
	if err != nil {
		return nil, nil, err
	}
	return &shop{binding: s.binding, inbox: inbox}, func() {
		_ = inbox.Close()
		_ = os.RemoveAll(folder)
	}, nil
}

func (s *suite) fixtures() error {
	shop, done, err := s.openShop()
	if err != nil {
		return err
	}
	defer done()
	return s.documents("fixtures/*/*.json", func(file string, index int, c map[string]any) error {
		provider := filepath.Base(filepath.Dir(file))
		id := fmt.Sprintf("fixtures/%s/%s#%d", provider, stem(file), index)
		if s.wanted(id) {
			s.took(id, shop.fixture(provider, c))
		}
		return nil
	})
}

func (s *suite) sequences() error {
	shop, done, err := s.openShop()
	if err != nil {
		return err
	}
	defer done()
	return s.documents("sequences/*.json", func(file string, index int, c map[string]any) error {
		id := fmt.Sprintf("sequences/%s#%d", stem(file), index)
		if s.wanted(id) {
			s.took(id, shop.sequence(stem(file), c))
		}
		return nil
	})
}

// endpoint adds an endpoint as a request's configuration says.
func (s *shop) endpoint(provider string, request map[string]any, valid bool) (string, error) {
	s.count++
	add := map[string]any{"name": fmt.Sprintf("case-%d", s.count), "provider": provider, "provider_options": request["provider_options"]}
	if secrets, ok := request["secrets"].([]any); !ok || len(secrets) > 0 {
		add["secrets"] = request["secrets"]
	}
	_, err := s.inbox.Call("add_endpoint", add)
	if err != nil && !valid && s.binding.PlainError(err)["code"] == "invalid_secret" {
		stranger := make([]byte, 32)
		if _, err := rand.Read(stranger); err != nil {
			return "", err
		}
		add["secrets"] = fmt.Sprintf("%x", stranger)
		_, err = s.inbox.Call("add_endpoint", add)
	}
	return add["name"].(string), err
}

func (s *shop) receive(endpoint string, request map[string]any) (map[string]any, error) {
	if _, err := s.inbox.Call("set_clock", map[string]any{"now_s": request["now_s"]}); err != nil {
		return nil, err
	}
	body, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	result, err := s.inbox.Receive(map[string]any{
		"endpoint": endpoint, "method": request["method"], "headers": request["headers"], "query": request["query"],
	}, body)
	if err != nil {
		return nil, err
	}
	return result.(map[string]any), nil
}

func bodyOf(request map[string]any) ([]byte, error) {
	if encoded, ok := request["body_base64"].(string); ok {
		return base64.StdEncoding.DecodeString(encoded)
	}
	text, _ := request["body"].(string)
	return []byte(text), nil
}

// sequence receives requests in turn and counts what they became.
func (s *shop) sequence(provider string, c map[string]any) []string {
	requests := listOf(c["requests"])
	endpoint, err := s.endpoint(provider, requests[0].(map[string]any), true)
	if err != nil {
		return []string{err.Error()}
	}
	events, deliveries := map[any]bool{}, map[any]bool{}
	for _, request := range requests {
		result, err := s.receive(endpoint, request.(map[string]any))
		if err != nil {
			return []string{err.Error()}
		}
		if status := result["status_code"]; !same(status, json.Number("204")) && !same(status, json.Number("200")) && !same(status, json.Number("202")) {
			return []string{fmt.Sprintf("answered %v: %v", status, result["reason"])}
		}
		deliveries[result["delivery_id"]] = true
		for _, id := range listOf(result["event_ids"]) {
			events[id] = true
		}
	}
	return match("", c["expected"], map[string]any{
		"deliveries": json.Number(fmt.Sprint(len(deliveries))), "events": json.Number(fmt.Sprint(len(events))),
	})
}

// fixture receives one request and compares what it became.
func (s *shop) fixture(provider string, c map[string]any) []string {
	request, expected := c["request"].(map[string]any), c["expected"].(map[string]any)
	valid := expected["signature_valid"] == true
	endpoint, err := s.endpoint(provider, request, valid)
	if err != nil {
		return []string{err.Error()}
	}
	result, err := s.receive(endpoint, request)
	if err != nil {
		return []string{err.Error()}
	}
	handshake, _ := expected["handshake"].(map[string]any)
	made := result["event_id"] != nil
	var found []string
	if handshake == nil {
		found = append(found, s.validity(valid, result)...)
	} else {
		found = append(found, answer("handshake", handshake, result)...)
		if store, ok := handshake["store_as_event"].(bool); ok && store != made {
			found = append(found, fmt.Sprintf("handshake.store_as_event: expected %v", store))
		}
	}
	if valid && (handshake == nil || made) {
		found = append(found, s.events(expected, result)...)
	}
	if response, ok := expected["response"].(map[string]any); ok {
		found = append(found, answer("response", response, result)...)
	}
	if want, ok := expected["reject_reason"].(string); ok && !neighbours(want, result["reason"]) {
		found = append(found, differ("reason", want, result["reason"]))
	}
	return found
}

func (s *shop) validity(valid bool, result map[string]any) []string {
	delivery, err := s.inbox.Call("get_delivery", map[string]any{"id": result["delivery_id"]})
	if err != nil {
		return []string{err.Error()}
	}
	found := match("delivery", map[string]any{"signature_valid": valid}, delivery)
	if !valid {
		found = append(found, match("delivery", map[string]any{"kind": "rejected"}, delivery)...)
		found = append(found, match("result", map[string]any{"status_code": json.Number("401"), "event_ids": []any{}}, result)...)
	}
	return found
}

func (s *shop) events(expected, result map[string]any) []string {
	items, ok := expected["events"].([]any)
	if !ok {
		items = []any{map[string]any{"event_type": expected["event_type"], "dedupe_identity": expected["dedupe_identity"]}}
	}
	ids := listOf(result["event_ids"])
	if len(ids) != len(items) {
		return []string{fmt.Sprintf("%d events, expected %d", len(ids), len(items))}
	}
	var found []string
	for i, item := range items {
		event, err := s.inbox.Call("get_event", map[string]any{"id": ids[i]})
		if err != nil {
			return append(found, err.Error())
		}
		want := item.(map[string]any)
		found = append(found, match(fmt.Sprintf("events[%d]", i), map[string]any{
			"event_type": want["event_type"], "dedupe_key": want["dedupe_identity"]}, event)...)
	}
	return found
}

// answer compares the HTTP answer; names of headers without case.
func answer(what string, want, result map[string]any) []string {
	got := result["response"].(map[string]any)
	var found []string
	if status := float(want["status"]); status != nil && *status != 0 {
		found = append(found, match(what+".status", want["status"], got["status_code"])...)
	}
	if body, ok := want["body"].(string); ok {
		shown, _ := got["body"].(string)
		found = append(found, match(what+".body", body, shown)...)
	}
	headers, _ := want["headers"].(map[string]any)
	sent, _ := got["headers"].(map[string]any)
	for _, name := range sortedKeys(headers) {
		var value any = ""
		for other := range sent {
			if strings.EqualFold(name, other) {
				value = sent[other]
			}
		}
		found = append(found, match(what+".headers."+name, headers[name], value)...)
	}
	return found
}

// near are reasons of which a fixture and a verdict may give different ones:
// whether a wrong signature is also malformed depends on how closely one looks.
var near = [][]string{
	{"signature_mismatch", "malformed_header", "bad_credentials", "missing_signature", "malformed_body", "unknown_key", "unknown_topic"},
	{"missing_header", "missing_signature", "missing_timestamp"},
	{"timestamp_out_of_tolerance", "timestamp_too_old"},
	{"timestamp_out_of_tolerance", "timestamp_too_new"},
}

func neighbours(want string, got any) bool {
	reason, _ := got.(string)
	return want == reason || slices.ContainsFunc(near, func(group []string) bool {
		return slices.Contains(group, want) && slices.Contains(group, reason)
	})
}
