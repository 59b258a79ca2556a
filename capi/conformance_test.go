package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/conformance/runner"
	"github.com/knocker-dev/knocker/core"
)

// The conformance suite's reference: the JSON of the C interface, without C and
// without a binding, so that the race detector sees it.

var suite = runner.Options{Folder: filepath.Join("..", "conformance"), Name: "core"}

// surfaceFile gets what the interface has, for the check that scenarios touch it all.
var surfaceFile string

func init() {
	runner.Flags(flag.CommandLine, &suite)
	flag.StringVar(&surfaceFile, "surface", "", "write the methods, their fields, the options and the codes to this file")
}

func TestConformance(t *testing.T) {
	if surfaceFile != "" {
		raw, err := json.Marshal(surface())
		if err == nil {
			err = os.WriteFile(surfaceFile, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if passed, err := runner.Run(jsonBinding{}, suite); err != nil || !passed {
		t.Fatal("the suite has not passed: ", err)
	}
}

// surface lists what callers can name, from the library's own tables.
func surface() map[string]any {
	fields := map[string][]string{}
	for name, m := range methods {
		fields[name] = fieldsOf(m.request)
	}
	codes := make([]string, 0, len(core.Codes))
	for _, info := range core.Codes {
		codes = append(codes, string(info.Code))
	}
	return map[string]any{"methods": fields, "open": fieldsOf(reflect.TypeFor[abi.OpenOptions]()),
		"worker": fieldsOf(reflect.TypeFor[abi.WorkerOpenRequest]()), "receive": fieldsOf(reflect.TypeFor[abi.ReceiveRequest]()), "codes": codes}
}

// fieldsOf are the JSON names of a struct's fields, embedded ones too.
func fieldsOf(t reflect.Type) []string {
	names := []string{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

type jsonBinding struct{}

type jsonInbox struct {
	db       uint64
	handlers map[uint64]runner.HandlerFunc
}

// send encodes a request, makes the call, and decodes the reply.
func send(request any, call func(out []byte, in input) ([]byte, error)) (any, error) {
	raw, err := json.Marshal(neutral(request))
	if err != nil {
		return nil, err
	}
	reply, err := call(nil, text(string(raw)))
	if err != nil {
		return nil, err
	}
	return runner.Decode(reply)
}

// neutral puts what JSON has no form for into the form that bindings send.
func neutral(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = neutral(value[i])
		}
		return list
	case map[string]any:
		if encoded, ok := value["$bytes"].(string); ok {
			raw, _ := base64.StdEncoding.DecodeString(encoded)
			return latin1(raw)
		}
		if value["$object"] != nil {
			return nil
		}
		object := make(map[string]any, len(value))
		for name, item := range value {
			object[name] = neutral(item)
		}
		return object
	}
	return value
}

// latin1 reads bytes as every binding has to: as UTF-8, or else as Latin-1.
func latin1(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

// secretBytes turns the bytes among secrets into blobs.
func secretBytes(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = secretBytes(value[i])
		}
		return list
	case map[string]any:
		if encoded, ok := value["$bytes"]; ok {
			return map[string]any{"blob": encoded}
		}
	}
	return value
}

func withSecrets(request map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range request {
		all[name] = value
	}
	if secrets, ok := all["secrets"]; ok {
		if secrets == nil {
			secrets = []any{nil} // given, and null: not the same as left out
		}
		all["secrets"] = secretBytes(secrets)
	}
	return all
}

func (jsonBinding) Open(path string, options map[string]any) (runner.Inbox, error) {
	reply, err := send(map[string]any{"path": path, "options": options}, openInbox)
	if err != nil {
		return nil, err
	}
	db, err := reply.(map[string]any)["db"].(json.Number).Int64()
	return &jsonInbox{db: uint64(db), handlers: map[uint64]runner.HandlerFunc{}}, err
}

func (jsonBinding) Call(method string, request map[string]any) (any, error) {
	return send(request, func(out []byte, in input) ([]byte, error) { return callMethod(out, 0, method, in) })
}

func (jsonBinding) PlainError(err error) map[string]any {
	value, decodeErr := runner.Decode(appendErrorValue(nil, err))
	if decodeErr != nil {
		return map[string]any{"code": "internal", "message": decodeErr.Error()}
	}
	object := value.(map[string]any)
	if object["details"] == nil {
		object["details"] = map[string]any{}
	}
	return object
}

// bulk are the methods that a binding calls again with the reply's cursor.
var bulk = map[string]bool{"ignore_events": true, "replay_events": true, "requeue_events": true, "reverify": true,
	"replay_deliveries": true, "expunge": true}

func (i *jsonInbox) Call(method string, request map[string]any) (any, error) {
	once := func(request any) (any, error) {
		return send(request, func(out []byte, in input) ([]byte, error) { return callMethod(out, i.db, method, in) })
	}
	if !bulk[method] {
		return once(withSecrets(request))
	}
	total, matched := map[string]int64{}, false
	all := withSecrets(request)
	for {
		reply, err := once(all)
		if err != nil {
			return nil, err
		}
		fields := reply.(map[string]any)
		for name, value := range fields {
			if number, ok := value.(json.Number); ok && !(name == "matched" && matched) {
				n, _ := number.Int64()
				total[name] += n
			}
		}
		matched = true
		if fields["cursor"] == nil {
			for name, n := range total {
				fields[name] = json.Number(fmt.Sprint(n))
			}
			return fields, nil
		}
		all["cursor"] = fields["cursor"]
	}
}

func (i *jsonInbox) Receive(request map[string]any, body []byte) (any, error) {
	all := withSecrets(request)
	all["home"] = home
	return send(all, func(out []byte, in input) ([]byte, error) {
		return received(out, i.db, in, text(string(body)))
	})
}

func (i *jsonInbox) Handle(endpoint string, eventType any, options map[string]any, handle runner.HandlerFunc) error {
	request := map[string]any{"endpoint": endpoint, "event_type": eventType}
	for name, value := range options {
		request[name] = value
	}
	reply, err := i.Call("register_handler", request)
	if err != nil {
		return err
	}
	id, err := reply.(map[string]any)["handler"].(json.Number).Int64()
	i.handlers[uint64(id)] = handle
	return err
}

func (i *jsonInbox) Close() error {
	_, err := closeInbox(nil, i.db)
	return err
}

func (i *jsonInbox) WorkOnce(options map[string]any) error {
	if options == nil {
		options = map[string]any{}
	}
	opened, err := send(options, func(out []byte, in input) ([]byte, error) { return openWorker(out, i.db, in) })
	if err != nil {
		return err
	}
	number, err := opened.(map[string]any)["worker"].(json.Number).Int64()
	if err != nil {
		return err
	}
	worker := uint64(number)
	defer func() { _, _ = closeWorker(nil, worker) }()
	for {
		reply, err := stepWorker(worker, map[string]any{"wait_ms": 0, "home": home})
		if err != nil {
			return err
		}
		claimed, ok := reply.(map[string]any)["step"].(map[string]any)
		if !ok {
			return nil
		}
		if err := i.finish(worker, claimed); err != nil {
			return err
		}
	}
}

func stepWorker(worker uint64, request map[string]any) (any, error) {
	return send(request, func(out []byte, in input) ([]byte, error) { return workerStep(out, worker, in) })
}

// finish runs a step's handler and ends the step.
func (i *jsonInbox) finish(worker uint64, claimed map[string]any) error {
	id, err := claimed["handler"].(json.Number).Int64()
	if err != nil {
		return err
	}
	outcome := map[string]any{"kind": "give_back"} // replaced since the claim
	if handle := i.handlers[uint64(id)]; handle != nil {
		outcome = outcomeOf(handle(claimed["event"], jsonTx{claimed["step"].(json.Number)}))
	}
	_, err = stepWorker(worker, map[string]any{"step": claimed["step"], "outcome": outcome})
	if err != nil && asError(err).Code == core.CodeInvalidArgument { // what the handler chose is no outcome: it has failed
		failed := map[string]any{"kind": "failed", "error": map[string]any{"type": "Error", "message": err.Error()}}
		_, err = stepWorker(worker, map[string]any{"step": claimed["step"], "outcome": failed})
	}
	return err
}

func outcomeOf(err error) map[string]any {
	switch err := err.(type) {
	case nil:
		return map[string]any{"kind": "handled"}
	case *runner.RetryAfter:
		return map[string]any{"kind": "retry_after", "seconds": err.Seconds, "error": map[string]any{"type": "RetryAfter", "message": err.Message}}
	case *runner.Discard:
		return map[string]any{"kind": "discard", "reason": err.Reason}
	case *runner.Ignore:
		return map[string]any{"kind": "ignore", "reason": err.Reason}
	}
	return map[string]any{"kind": "failed", "error": map[string]any{"type": fmt.Sprintf("%T", err), "message": err.Error()}}
}

// home names the one thread on which a scenario's handlers and calls run.
const home = 1

type jsonTx struct{ step json.Number }

func (t jsonTx) Execute(sql string, params any) (any, error) { return t.send("execute", sql, params) }

func (t jsonTx) Query(sql string, params any) (any, error) { return t.send("query", sql, params) }

func (t jsonTx) send(op, sql string, params any) (any, error) {
	step, err := t.step.Int64()
	if err != nil {
		return nil, err
	}
	return send(map[string]any{"op": op, "sql": sql, "params": params}, func(out []byte, in input) ([]byte, error) {
		return tx(out, uint64(step), in, blobList{})
	})
}
