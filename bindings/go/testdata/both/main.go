// Both is a program that uses mattn/go-sqlite3 and an inbox: how many SQLites
// are linked into it?
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/mattn/go-sqlite3"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

func main() {
	inbox, err := knockersqlite.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer inbox.Close()
	db, err := sql.Open("sqlite3", os.Args[1])
	if err != nil {
		panic(err)
	}
	defer db.Close()
	var tables int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'knocker_events'").Scan(&tables); err != nil {
		panic(err)
	}
	fmt.Println(tables)
}
