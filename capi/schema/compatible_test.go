package schema

import (
	"reflect"
	"strings"
	"testing"

	"github.com/knocker-dev/knocker/capi/abi"
)

type request struct {
	Name  string   `json:"name" required:"true"`
	Limit int      `json:"limit" min:"1" max:"10"`
	Tags  []string `json:"tags"`
}

type reply struct {
	ID    int64   `json:"id"`
	Note  *string `json:"note"`
	Items []item  `json:"items"`
	Body  *string `json:"body,omitempty"`
}

type item struct {
	Kind string `json:"kind"`
}

func shapes(t *testing.T, request, reply any) Shapes {
	t.Helper()
	document, err := Document(Method{"m", reflect.TypeOf(request), reflect.TypeOf(reply)}, Docs{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ShapesOf(document)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The rules of what may change of a released method.
func TestCompare(t *testing.T) {
	released := shapes(t, request{}, reply{})
	for name, c := range map[string]struct {
		request, reply any
		broken, added  string
	}{
		"nothing": {request{}, reply{}, "", ""},
		"a request field is gone": {struct {
			Name  string `json:"name" required:"true"`
			Limit int    `json:"limit" min:"1" max:"10"`
		}{}, reply{}, "lost tags", ""},
		"a request field is of another type": {struct {
			Name  string   `json:"name" required:"true"`
			Limit string   `json:"limit"`
			Tags  []string `json:"tags"`
		}{}, reply{}, "limit of the request was", ""},
		"its items are": {struct {
			Name  string  `json:"name" required:"true"`
			Limit int     `json:"limit" min:"1" max:"10"`
			Tags  []int64 `json:"tags"`
		}{}, reply{}, "tags of the request was", ""},
		"a limit is narrower": {struct {
			Name  string   `json:"name" required:"true"`
			Limit int      `json:"limit" min:"1" max:"9"`
			Tags  []string `json:"tags"`
		}{}, reply{}, "narrower limits", ""},
		"a field is demanded": {struct {
			Name  string   `json:"name" required:"true"`
			Limit int      `json:"limit" min:"1" max:"10" required:"true"`
			Tags  []string `json:"tags"`
		}{}, reply{}, "must be given", ""},
		"a new field is demanded": {struct {
			request
			More string `json:"more" required:"true"`
		}{}, reply{}, "demands more", "takes more"},
		"a new field may be given": {struct {
			request
			More string `json:"more"`
		}{}, reply{}, "", "takes more"},
		"a field need not be given": {struct {
			Name  string   `json:"name"`
			Limit int      `json:"limit" min:"1" max:"10"`
			Tags  []string `json:"tags"`
		}{}, reply{}, "", ""},
		"a reply field is gone": {request{}, struct {
			ID    int64   `json:"id"`
			Note  *string `json:"note"`
			Items []item  `json:"items"`
		}{}, "lost body", ""},
		"a nested one is": {request{}, struct {
			ID    int64      `json:"id"`
			Note  *string    `json:"note"`
			Items []struct{} `json:"items"`
			Body  *string    `json:"body,omitempty"`
		}{}, "lost items[].kind", ""},
		"a reply field can be null": {request{}, struct {
			ID    *int64  `json:"id"`
			Note  *string `json:"note"`
			Items []item  `json:"items"`
			Body  *string `json:"body,omitempty"`
		}{}, "id of the reply was", ""},
		"a reply field is never null": {request{}, struct {
			ID    int64   `json:"id"`
			Note  string  `json:"note"`
			Items []item  `json:"items"`
			Body  *string `json:"body,omitempty"`
		}{}, "", ""},
		"a reply field may be left out": {request{}, struct {
			ID    int64   `json:"id"`
			Note  *string `json:"note,omitempty"`
			Items []item  `json:"items"`
			Body  *string `json:"body,omitempty"`
		}{}, "may be left out", ""},
		"the reply says more": {request{}, struct {
			reply
			More int `json:"more"`
		}{}, "", "reply has more"},
	} {
		t.Run(name, func(t *testing.T) {
			broken, added := Compare(released, shapes(t, c.request, c.reply))
			if got := strings.Join(broken, "; "); !strings.Contains(got, c.broken) || (got == "") != (c.broken == "") {
				t.Errorf("broken: %q", got)
			}
			if got := strings.Join(added, "; "); !strings.Contains(got, c.added) || (got == "") != (c.added == "") {
				t.Errorf("added: %q", got)
			}
		})
	}
}

// Descriptions are the types' own comments, also of fields in embedded structs.
func TestDocs(t *testing.T) {
	docs := Docs{}
	if err := docs.ReadDocs("github.com/knocker-dev/knocker/capi/abi", "../abi"); err != nil {
		t.Fatal(err)
	}
	expunge := reflect.TypeFor[abi.ExpungeRequest]()
	reason, _ := expunge.FieldByName("Reason")
	limit, _ := expunge.FieldByName("Limit")
	for got, want := range map[string]string{
		docs.Type(reflect.TypeFor[abi.Endpoint]()): "One endpoint as stored.",
		docs.Type(reflect.TypeFor[abi.Provider]()): "Says how one sender",
		docs.Field(expunge, reason):                "for the audit",
		docs.Field(expunge, limit):                 "of all calls together",
	} {
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
