module github.com/knocker-dev/knocker/capi

go 1.24

require (
	github.com/knocker-dev/knocker/conformance v0.0.0
	github.com/knocker-dev/knocker/core v0.0.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2
)

require (
	github.com/mattn/go-sqlite3 v1.14.53 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	golang.org/x/text v0.14.0 // indirect
)

replace (
	github.com/knocker-dev/knocker/conformance => ../conformance
	github.com/knocker-dev/knocker/core => ../core
)
