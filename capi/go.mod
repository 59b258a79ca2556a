module github.com/knocker-dev/knocker/capi

go 1.24

require (
	github.com/knocker-dev/knocker/conformance v0.0.0
	github.com/knocker-dev/knocker/core v0.0.0
)

replace (
	github.com/knocker-dev/knocker/conformance => ../conformance
	github.com/knocker-dev/knocker/core => ../core
)
