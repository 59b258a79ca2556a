// This program runs the conformance suite through the Go package knockersqlite.
//
//	go run ./conformance/go [--results FILE] [--only TEXT] [--verbose]
//
// Requests reach the package's structs by the names of their fields, and what it
// answers is put into plain form the same way: a field that is missing on
// either side is a mistake here, and not passed over.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/knocker-dev/knocker/conformance/runner"
)

func main() {
	options := runner.Options{Folder: "conformance", Name: "go"}
	runner.Flags(flag.CommandLine, &options)
	flag.Parse()
	passed, err := runner.Run(binding{}, options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}
