module github.com/knocker-dev/knocker/cmd/knocker

go 1.24

require (
	github.com/creack/pty v1.1.24
	github.com/knocker-dev/knocker/bindings/go v0.0.0
	github.com/spf13/cobra v1.10.2
	golang.org/x/term v0.34.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/knocker-dev/knocker/core v0.0.0 // indirect
	github.com/mattn/go-sqlite3 v1.14.53 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
)

replace (
	github.com/knocker-dev/knocker/bindings/go => ../../bindings/go
	github.com/knocker-dev/knocker/core => ../../core
)
