module github.com/knocker-dev/knocker/bindings/go

go 1.24

require (
	github.com/knocker-dev/knocker/core v0.0.0
	github.com/mattn/go-sqlite3 v1.14.53
)

require (
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
)

replace github.com/knocker-dev/knocker/core => ../../core
