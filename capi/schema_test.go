package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/knocker-dev/knocker/capi/abi"
	"github.com/knocker-dev/knocker/capi/schema"
)

var (
	writeSchemas = flag.Bool("write-schemas", false, "write capi/schema/*.json anew")
	recordShapes = flag.Bool("record-shapes", false, "record what methods look like as released; refuses what breaks callers")
)

// connectionPrefix begins the names of the documents of connectionMethods: some
// have the name of a function of the C interface.
const connectionPrefix = "connection_"

const releasedShapes = "schema/released.json"

// documents are the schemas of all methods, and of the functions beside
// knocker_call_json, by name.
var documents = sync.OnceValues(func() (map[string][]byte, error) {
	list := []schema.Method{
		{Name: "open", Request: reflect.TypeFor[abi.OpenRequest](), Reply: reflect.TypeFor[abi.OpenReply]()},
		{Name: "host_sqlite", Request: reflect.TypeFor[abi.HostSQLiteRequest](), Reply: reflect.TypeFor[abi.HostSQLiteReply]()},
		{Name: "receive", Request: reflect.TypeFor[abi.ReceiveRequest](), Reply: reflect.TypeFor[abi.ReceiveReply]()},
		{Name: "receive_start", Request: reflect.TypeFor[abi.ReceiveRequest](), Reply: reflect.TypeFor[abi.TicketReply]()},
		{Name: "receive_poll", Request: reflect.TypeFor[abi.PollRequest]()},
		{Name: "receive_cancel", Request: reflect.TypeFor[abi.CancelRequest](), Reply: reflect.TypeFor[abi.CancelReply]()},
		{Name: "worker_open", Request: reflect.TypeFor[abi.WorkerOpenRequest](), Reply: reflect.TypeFor[abi.WorkerOpenReply]()},
		{Name: "worker_step", Request: reflect.TypeFor[abi.WorkerStepRequest](), Reply: reflect.TypeFor[abi.WorkerStepReply]()},
		{Name: "worker_stop", Request: reflect.TypeFor[abi.WorkerStopRequest](), Reply: reflect.TypeFor[abi.WorkerStopReply]()},
		{Name: "tx", Request: reflect.TypeFor[abi.TxRequest]()},
	}
	for name, m := range connectionMethods {
		list = append(list, schema.Method{Name: connectionPrefix + name, Request: m.request, Reply: m.reply})
	}
	for _, m := range methods {
		if m.reply.Kind() == reflect.Interface {
			return nil, fmt.Errorf("method %s: its function must return the type of its reply, not any", m.name)
		}
		list = append(list, schema.Method{Name: m.name, Request: m.request, Reply: m.reply})
	}
	docs := schema.Docs{}
	for _, source := range [][2]string{{reflect.TypeFor[abi.Caller]().PkgPath(), "abi"}, {"github.com/knocker-dev/knocker/core", filepath.Join("..", "core")}} {
		if err := docs.ReadDocs(source[0], source[1]); err != nil {
			return nil, err
		}
	}
	out := map[string][]byte{}
	for _, m := range list {
		text, err := schema.Document(m, docs)
		if err != nil {
			return nil, err
		}
		out[m.Name] = text
	}
	return out, nil
})

func allDocuments(t *testing.T) map[string][]byte {
	t.Helper()
	all, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The files of capi/schema say what the types say, and there is one for every
// method.
func TestSchemaFiles(t *testing.T) {
	all := allDocuments(t)
	for name, text := range all {
		path := filepath.Join("schema", name+".json")
		if *writeSchemas {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, text) {
			t.Errorf("%s is not what the types say: run make generate (%v)", path, err)
		}
	}
	files, err := filepath.Glob("schema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if path == releasedShapes || all[name] != nil {
			continue
		}
		if !*writeSchemas {
			t.Errorf("%s describes no method", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// A method that is recorded as released does not change under its callers. What
// it gains, and methods that are to be released, are recorded by make record-abi.
func TestReleasedMethods(t *testing.T) {
	released := map[string]schema.Shapes{}
	if text, err := os.ReadFile(releasedShapes); err != nil {
		t.Fatal(err)
	} else if err := json.Unmarshal(text, &released); err != nil {
		t.Fatal(err)
	}
	now := map[string]schema.Shapes{}
	for name, text := range allDocuments(t) {
		shapes, err := schema.ShapesOf(text)
		if err != nil {
			t.Fatal(err)
		}
		now[name] = shapes
	}
	for _, name := range slices.Sorted(maps.Keys(released)) {
		if _, there := now[name]; !there {
			t.Errorf("%s is gone", name)
			continue
		}
		broken, added := schema.Compare(released[name], now[name])
		for _, what := range broken {
			t.Errorf("%s: %s: callers of a released version would break", name, what)
		}
		for _, what := range added {
			if !*recordShapes {
				t.Errorf("%s: %s, which is not recorded: run make record-abi if it is meant", name, what)
			}
		}
	}
	if !*recordShapes || t.Failed() {
		return
	}
	text, err := json.MarshalIndent(now, "", " ")
	if err == nil {
		err = os.WriteFile(releasedShapes, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// validators check requests and replies by the schemas.
type validators struct{ request, reply *jsonschema.Schema }

func compile(all map[string][]byte) (map[string]validators, error) {
	compiled := map[string]validators{}
	compiler := jsonschema.NewCompiler()
	for name, text := range all {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = compiler.AddResource("urn:knocker:abi:"+name, document)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, name := range calledNames() {
		var v validators
		var err error
		if v.request, err = compiler.Compile("urn:knocker:abi:" + name + "#/$defs/request"); err != nil {
			return nil, err
		}
		if v.reply, err = compiler.Compile("urn:knocker:abi:" + name + "#/$defs/reply"); err != nil {
			return nil, err
		}
		compiled[name] = v
	}
	return compiled, nil
}

// calledNames are the documents of what can be called by name.
func calledNames() []string {
	names := slices.Collect(maps.Keys(methods))
	for name := range connectionMethods {
		names = append(names, connectionPrefix+name)
	}
	return names
}

// validated is what the schemas have seen in this run.
var validated struct {
	sync.Mutex
	problems []string
	methods  map[string]bool
}

// Each call that succeeds, in any test of this package and in every scenario of
// the conformance suite, must fit its schema, request and reply.
func TestMain(m *testing.M) {
	flag.Parse()
	all, err := documents()
	var compiled map[string]validators
	if err == nil {
		compiled, err = compile(all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	validated.methods = map[string]bool{}
	for name, plain := range methods {
		plain.call = watched(name, compiled[name], plain.call)
		methods[name] = plain
	}
	for name, plain := range connectionMethods {
		plain.call = watched(connectionPrefix+name, compiled[connectionPrefix+name], plain.call)
		connectionMethods[name] = plain
	}
	code := m.Run()
	for _, problem := range validated.problems {
		fmt.Fprintln(os.Stderr, problem)
		code = 1
	}
	if flag.Lookup("test.run").Value.String() == "" && code == 0 {
		for _, name := range calledNames() {
			if !validated.methods[name] {
				fmt.Fprintf(os.Stderr, "no test and no scenario calls %s with success, so its schema is not tried\n", name)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// watched is a method whose successful calls are compared with its schema.
func watched[On any](name string, v validators, plain func(on On, in input) (any, error)) func(on On, in input) (any, error) {
	return func(on On, in input) (any, error) {
		request, err := in.copied("request")
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(request)) == 0 {
			request = []byte("{}")
		}
		reply, err := plain(on, in)
		if err == nil {
			compare(name+" request", v.request, request)
			compare(name+" reply", v.reply, appendJSON(nil, reply))
			validated.Lock()
			validated.methods[name] = true
			validated.Unlock()
		}
		return reply, err
	}
}

func compare(what string, s *jsonschema.Schema, text []byte) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = s.Validate(value)
	}
	if err == nil {
		return
	}
	validated.Lock()
	defer validated.Unlock()
	if len(validated.problems) < 20 {
		validated.problems = append(validated.problems, fmt.Sprintf("%s does not fit its schema: %v\n%.400s", what, err, text))
	}
}

// The schemas refuse what the decoder refuses.
func TestSchemasRefuse(t *testing.T) {
	compiled, err := compile(allDocuments(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, request string
		fits            bool
	}{
		{"list_events", `{}`, true}, {"list_events", `{"limit":1000,"endpoint":["a","b"],"event_id":3,"bodies":null}`, true},
		{"list_events", `{"limit":1001}`, false}, {"list_events", `{"limt":1}`, false}, {"list_events", `{"endpoint":[1]}`, false},
		{"get_event", `{}`, false}, {"get_event", `{"id":null}`, false}, {"get_event", `{"id":1}`, true},
		{"start_retention", `{"policy":{"handled_s":-2}}`, false}, {"start_retention", `{"policy":{"interval_s":0}}`, false},
		{"start_retention", `{"policy":{"handled_s":-1,"batch":null}}`, true},
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(c.request))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled[c.method].request.Validate(value); (err == nil) != c.fits {
			t.Errorf("%s %s: %v", c.method, c.request, err)
		}
		var decoded = reflect.New(methods[c.method].request)
		if err := abi.Decode([]byte(c.request), decoded.Interface()); (err == nil) != c.fits {
			t.Errorf("the decoder on %s %s: %v", c.method, c.request, err)
		}
	}
}

// What no other test of this package calls.
func TestSmallMethods(t *testing.T) {
	db := openShop(t)
	if got := answer[abi.OpenReply](t, mustCall(t, db, "info", ""), nil); got.DB != db || got.Version == "" {
		t.Errorf("%+v", got)
	}
	handler := answer[abi.RegisterHandlerReply](t, mustCall(t, db, "register_handler", `{"endpoint":"shop","event_type":"a"}`), nil).Handler
	for _, want := range []bool{true, false} {
		reply := mustCall(t, db, "unregister_handler", fmt.Sprintf(`{"handler":%d}`, handler))
		if answer[abi.RemovedReply](t, reply, nil).Removed != want {
			t.Errorf("%s", reply)
		}
	}
	if got := answer[abi.DescriptorReply](t, mustCall(t, db, "completion_descriptor", ""), nil).Descriptor; got < 1 {
		t.Error("descriptor", got)
	}
}
