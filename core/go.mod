module github.com/knocker-dev/knocker/core

go 1.24

require (
	github.com/mattn/go-sqlite3 v1.14.53
	github.com/tidwall/gjson v1.20.1
)
