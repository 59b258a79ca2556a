package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *suite) scenarios() error {
	return s.documents("scenarios/*.json", func(file string, _ int, c map[string]any) error {
		if stem(file) == "coverage" {
			return nil
		}
		id := fmt.Sprintf("scenarios/%s/%v", stem(file), c["name"])
		if except, _ := c["except"].(map[string]any); !s.wanted(id) || except[s.options.Name] != nil {
			return nil
		}
		folder, err := os.MkdirTemp("", "conformance")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		r := &scenario{suite: s, folder: folder, now: Start, inboxes: map[string]Inbox{}, clocked: map[string]bool{}, saved: map[string]any{"folder": folder}}
		if s.options.Verbose {
			fmt.Printf("--- %s\n", id)
		}
		r.steps(listOf(c["steps"]))
		for _, name := range sortedNames(r.inboxes) {
			_ = r.inboxes[name].Close()
		}
		s.took(id, r.differences)
		return nil
	})
}

func sortedNames(inboxes map[string]Inbox) []string {
	names := make([]string, 0, len(inboxes))
	for name := range inboxes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// scenario is one that runs.
type scenario struct {
	*suite
	folder      string
	now         float64
	inboxes     map[string]Inbox
	clocked     map[string]bool // opened with the scenario's clock and not closed
	saved       map[string]any
	ran         int // calls of handlers
	differences []string
}

// steps runs steps until one differs.
func (r *scenario) steps(list []any) {
	for n, item := range list {
		err := r.step(fmt.Sprintf("step %d", n+1), item.(map[string]any), r.run)
		if err != nil || len(r.differences) > 0 { // of a handler, too
			return
		}
	}
}

// step runs one step and compares; its error says that the scenario is over.
func (r *scenario) step(where string, raw map[string]any, run func(map[string]any) (any, error)) error {
	where = fmt.Sprintf("%s (%v%v)", where, raw["do"], named(raw["method"]))
	step := r.filled(raw).(map[string]any)
	got, err := run(step)
	if r.options.Verbose {
		fmt.Printf("%s\n  -> %s %v\n", shown(step), shown(got), err)
	}
	var wrong *mistake
	if errors.As(err, &wrong) {
		return r.differ(where + ": " + err.Error())
	}
	if want, expected := step["error"]; expected {
		if err == nil {
			return r.differ(fmt.Sprintf("%s: expected the error %s, got %s", where, shown(want), shown(got)))
		}
		if code, ok := want.(string); ok {
			want = map[string]any{"code": code}
		}
		got = r.binding.PlainError(err)
		if differences := match("", want, got); len(differences) > 0 {
			return r.differ(fmt.Sprintf("%s: %s (%v)", where, strings.Join(differences, "; "), err))
		}
	} else if err != nil {
		return r.differ(fmt.Sprintf("%s: %s", where, shown(r.binding.PlainError(err))))
	}
	if want, expected := step["expect"]; expected {
		if differences := match("", want, got); len(differences) > 0 {
			return r.differ(where + ": " + strings.Join(differences, "; "))
		}
	}
	saves, _ := raw["save"].(map[string]any)
	for _, name := range sortedKeys(saves) {
		value, ok := lookup(got, saves[name].(string))
		if !ok {
			return r.differ(fmt.Sprintf("%s: the result has no %v", where, saves[name]))
		}
		r.saved[name] = value
	}
	return nil
}

func (r *scenario) differ(text string) error {
	r.differences = append(r.differences, text)
	return errors.New(text)
}

func named(method any) string {
	if method == nil {
		return ""
	}
	return fmt.Sprintf(" %v", method)
}

// mistake is an error in the scenario itself, never one that a step expects.
type mistake struct{ text string }

func (m *mistake) Error() string { return m.text }

// filled puts what was saved in the place of "$name".
func (r *scenario) filled(value any) any {
	switch value := value.(type) {
	case string:
		if name, ok := strings.CutPrefix(value, "$"); ok {
			if saved, ok := r.saved[name]; ok {
				return saved
			}
			if rest, ok := strings.CutPrefix(name, "folder/"); ok {
				return filepath.Join(r.folder, rest)
			}
		}
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = r.filled(value[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for name := range value {
			if name == "handler" { // filled when it runs
				object[name] = value[name]
				continue
			}
			object[name] = r.filled(value[name])
		}
		return object
	}
	return value
}

// lookup finds a part of a result by a path such as "events.0.id".
func lookup(value any, path string) (any, bool) {
	if path == "" {
		return value, true
	}
	for _, name := range strings.Split(path, ".") {
		switch parent := value.(type) {
		case map[string]any:
			child, ok := parent[name]
			if !ok {
				return nil, false
			}
			value = child
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index >= len(parent) {
				return nil, false
			}
			value = parent[index]
		default:
			return nil, false
		}
	}
	return value, true
}

// run does what a step says, apart from those that only a handler can do.
func (r *scenario) run(step map[string]any) (any, error) {
	name, _ := step["inbox"].(string)
	if name == "" {
		name = "main"
	}
	inbox := r.inboxes[name]
	request, _ := step["request"].(map[string]any)
	options, _ := step["options"].(map[string]any)
	method, _ := step["method"].(string)
	switch step["do"] {
	case "open":
		return r.open(name, step, options)
	case "write_file":
		return map[string]any{}, r.writeFile(step)
	case "clock":
		return r.moveClock(step)
	case "call":
		if request == nil {
			request = map[string]any{}
		}
		if method == "sign" || method == "providers" { // need no inbox
			return r.binding.Call(method, request)
		}
		if inbox != nil {
			return inbox.Call(method, request)
		}
	}
	if inbox == nil {
		return nil, &mistake{fmt.Sprintf("no inbox %q is open", name)}
	}
	switch step["do"] {
	case "close":
		delete(r.clocked, name)
		return map[string]any{}, inbox.Close()
	case "handle":
		endpoint, _ := step["endpoint"].(string)
		return map[string]any{}, inbox.Handle(endpoint, step["event_type"], options, r.handler(listOf(step["handler"])))
	case "receive", "ingest":
		return r.receive(inbox, step, request)
	case "work":
		before := r.ran
		err := inbox.WorkOnce(options)
		return map[string]any{"ran": number(r.ran - before)}, err
	}
	return nil, &mistake{fmt.Sprintf("there is no step %q", step["do"])}
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func (r *scenario) clock() json.Number {
	return json.Number(strconv.FormatFloat(r.now, 'f', -1, 64))
}

func (r *scenario) open(name string, step, options map[string]any) (any, error) {
	file, _ := step["file"].(string)
	if file == "" {
		file = "inbox.db"
	}
	all := map[string]any{}
	for option, value := range options {
		all[option] = value
	}
	real := all["clock"] == "real"
	delete(all, "clock")
	if !real {
		all["clock"] = map[string]any{"now_s": r.clock()}
	}
	inbox, err := r.binding.Open(filepath.Join(r.folder, file), all)
	if err != nil {
		return nil, err
	}
	r.inboxes[name] = inbox
	if !real {
		r.clocked[name] = true
	}
	return map[string]any{}, nil
}

func (r *scenario) moveClock(step map[string]any) (any, error) {
	if seconds := float(step["advance"]); seconds != nil {
		r.now += *seconds
	} else if seconds := float(step["set"]); seconds != nil {
		r.now = *seconds
	} else {
		return nil, &mistake{"clock needs advance or set"}
	}
	for _, name := range sortedNames(r.inboxes) {
		if !r.clocked[name] {
			continue
		}
		if _, err := r.inboxes[name].Call("set_clock", map[string]any{"now_s": r.clock()}); err != nil {
			return nil, err
		}
	}
	return map[string]any{"now_s": r.clock()}, nil
}

func (r *scenario) writeFile(step map[string]any) error {
	content := []byte(fmt.Sprint(step["text"]))
	if from, ok := step["from"].(string); ok {
		raw, err := os.ReadFile(filepath.Join(r.options.Folder, "scenarios", "files", from))
		if err != nil {
			return &mistake{err.Error()}
		}
		content = raw
	}
	if err := os.WriteFile(filepath.Join(r.folder, step["file"].(string)), content, 0o600); err != nil {
		return &mistake{err.Error()}
	}
	return nil
}

func (r *scenario) receive(inbox Inbox, step, request map[string]any) (any, error) {
	all := map[string]any{"endpoint": step["endpoint"]}
	for name, value := range request {
		if !strings.HasPrefix(name, "body") {
			all[name] = value
		}
	}
	for _, shape := range []string{"headers", "query"} {
		if object, ok := all[shape].(map[string]any); ok && object["$native"] != nil {
			all[shape] = object["$native"]
		}
	}
	if step["do"] == "ingest" {
		all["ingest"] = true
	}
	body, err := bodyOf(request)
	if err != nil {
		return nil, &mistake{err.Error()}
	}
	if repeated, ok := request["body_repeat"].(map[string]any); ok {
		body = []byte(strings.Repeat(repeated["text"].(string), int(*float(repeated["times"]))))
	}
	if _, parsed := request["body_parsed"]; parsed {
		all["body_consumed"] = true
	}
	return inbox.Receive(all, body)
}

// handler makes the function of a scenario's handler.
func (r *scenario) handler(list []any) HandlerFunc {
	runs := 0
	return func(event any, tx Tx) error {
		r.ran++
		runs++
		run := runs
		for n, item := range list {
			raw := item.(map[string]any)
			if until := float(raw["until_run"]); until != nil && run > int(*until) {
				continue
			}
			step := r.filled(raw).(map[string]any)
			if end := ends(step); end != nil {
				return end
			}
			where := fmt.Sprintf("run %d of a handler, step %d", run, n+1)
			err := r.step(where, raw, func(step map[string]any) (any, error) { return r.inHandler(step, event, tx) })
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// ends is how a handler's last step ends it; nil for other steps.
func ends(step map[string]any) error {
	text := func(name string) string {
		value, _ := step[name].(string)
		return value
	}
	switch step["do"] {
	case "raise":
		return errors.New(text("message"))
	case "retry_after":
		return &RetryAfter{Seconds: *float(step["seconds"]), Message: text("message")}
	case "discard":
		return &Discard{Reason: text("reason")}
	case "ignore":
		return &Ignore{Reason: text("reason")}
	}
	return nil
}

func (r *scenario) inHandler(step map[string]any, event any, tx Tx) (any, error) {
	sql, _ := step["sql"].(string)
	switch step["do"] {
	case "event":
		return event, nil
	case "execute":
		return tx.Execute(sql, step["params"])
	case "query":
		for end := time.Now().Add(longest); ; {
			got, err := tx.Query(sql, step["params"])
			if err != nil || step["until_error"] != true || time.Now().After(end) {
				return got, err
			}
		}
	}
	return r.run(step)
}
