package knockersqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// An inbox on the application's own pool: a handler's Tx is a transaction of that
// pool, which GORM, sqlc or plain database/sql writes to.
func ExampleAttach() {
	directory, err := os.MkdirTemp("", "knocker")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	db, err := sql.Open(knockersqlite.DriverName, "file:"+filepath.Join(directory, "app.db")+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE orders (event INTEGER)"); err != nil {
		log.Fatal(err)
	}

	inbox, err := knockersqlite.Attach(db)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := inbox.AddEndpoint(knockersqlite.AddEndpointParams{Name: "shop", Provider: "token-header", Secrets: "secret"}); err != nil {
		log.Fatal(err)
	}
	err = inbox.RegisterHandler("shop", func(event knockersqlite.Event, tx *knockersqlite.Tx) error {
		_, err := tx.SQLTx().Exec("INSERT INTO orders VALUES (?)", event.ID)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := inbox.Receive(knockersqlite.ReceiveParams{Endpoint: "shop", Body: []byte("{}"), Header: http.Header{"X-Knocker-Token": {"secret"}}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := inbox.RunWorkerOnce(context.Background(), knockersqlite.WorkerOptions{}); err != nil {
		log.Fatal(err)
	}

	var orders int
	var status string
	if err := db.QueryRow("SELECT count(*), (SELECT status FROM knocker_events) FROM orders").Scan(&orders, &status); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.StatusCode, status, orders)
	// Output: 204 handled 1
}

// The functions of docs/sql.md, without anything else of this package.
func ExampleDriver() {
	db, err := sql.Open(knockersqlite.DriverName, ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var made, events int
	err = db.QueryRow("SELECT knocker_bootstrap()").Scan(&made)
	if err == nil {
		err = db.QueryRow("SELECT json_array_length(knocker_list_events(NULL), '$.events')").Scan(&events)
	}
	fmt.Println(made, events, err)
	// Output: 1 0 <nil>
}
