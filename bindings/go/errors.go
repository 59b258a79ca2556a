package knockersqlite

import "github.com/knocker-dev/knocker/core"

// Error is the error of every function here. Its HTTPStatus is what a route
// answers with; Retryable says that the same call can succeed later.
type Error = core.Error

// Code names one kind of failure; docs/errors.md lists them.
type Code = core.Code

// CodeOf returns the code of err: "" for nil, "internal" for a foreign error.
func CodeOf(err error) Code { return core.CodeOf(err) }
