module github.com/knocker-dev/knocker/conformance

go 1.24

require (
	github.com/knocker-dev/knocker/bindings/go v0.0.0
	github.com/knocker-dev/knocker/core v0.0.0
)

replace (
	github.com/knocker-dev/knocker/bindings/go => ../bindings/go
	github.com/knocker-dev/knocker/core => ../core
)
