package knockersqlite_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// The same limit as the inbox's own MaxBodyBytes, and a little more: so that the
// inbox still sees, stores and answers what is too large by a little, and the
// server need not read what is far too large.
const maxBody = 25<<20 + 64<<10

// route is an http.Handler for one endpoint; it is yours to change. It takes GET
// and HEAD too, because some senders ask for a handshake so.
func route(webhooks *knockersqlite.Inbox, endpoint string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		result, err := webhooks.ReceiveContext(r.Context(), knockersqlite.ReceiveParams{
			Endpoint: endpoint,
			Method:   r.Method,
			Header:   r.Header,
			RawQuery: r.URL.RawQuery,
			Body:     body,
			// For senders that sign the public URL. net/http takes Host out of the
			// headers, and a proxy may have changed it: then say it yourself.
			URL: "https://" + r.Host + r.URL.RequestURI(),
		})
		if err != nil {
			var problem *knockersqlite.Error
			if errors.As(err, &problem) {
				http.Error(w, string(problem.Code), problem.HTTPStatus())
				return
			}
			http.Error(w, "internal", http.StatusInternalServerError)
			return
		}
		for name, value := range result.Response.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(result.Response.StatusCode)
		if result.Response.Body != nil {
			_, _ = io.WriteString(w, *result.Response.Body)
		}
	})
}

// A route for net/http: bounded body, raw bytes, all headers, the sender's own
// answer.
func ExampleInbox_ReceiveContext() {
	webhooks, done := exampleShop()
	defer done()
	server := httptest.NewServer(route(webhooks, "shop"))
	defer server.Close()

	post := func(token, body string) {
		request, err := http.NewRequest("POST", server.URL+"/webhooks/shop", strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("X-Knocker-Token", token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		fmt.Println(response.StatusCode)
	}
	post("s3cret", `{"type": "order.paid"}`)
	post("guessed", `{"type": "order.paid"}`)
	// Output:
	// 204
	// 401
}
