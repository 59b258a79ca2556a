package knockersqlite

import _ "embed"

// What the tests look at from outside.
var (
	CoreOptions       = Options.core
	CoreWorkerOptions = WorkerOptions.core
	CoreEndpoint      = AddEndpointParams.core
	CoreRetry         = RetryPolicy.core
)

//go:embed errors_generated.go
var GeneratedErrors string
