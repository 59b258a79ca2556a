// Command verify runs conformance cases against the provider package:
//
//	go run ./conformance/verify [-strict] FILE_OR_DIR...
//
// A file holds one case or a JSON array of them. A case's provider is its
// file's name, or its folder's under a folder called fixtures. Each failure is
// printed; the last line is "N passed, N failed", and the exit status is 1 if
// any failed. With -strict a refusal must also have exactly the reason that
// the case names; without it, neighbouring reasons (a wrong signature and a
// malformed one) are only noted.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/knocker-dev/knocker/conformance/fixture"
)

func main() {
	strict := flag.Bool("strict", false, "count a neighbouring reject_reason as a failure")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: verify [-strict] FILE_OR_DIR...")
		os.Exit(2)
	}
	passed, failed := 0, 0
	for _, path := range flag.Args() {
		cases, err := fixture.Load(path)
		if err != nil {
			fmt.Printf("FAIL %v\n", err)
			failed++
		}
		for i := range cases {
			if run(&cases[i], *strict) {
				passed++
			} else {
				failed++
			}
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func run(c *fixture.Case, strict bool) bool {
	verdict, err := c.Verify()
	if err != nil {
		fmt.Printf("FAIL %s: %s: %v\n", c.Provider, c.Description, err)
		return false
	}
	differences, notes := c.Check(&verdict)
	if strict {
		differences, notes = append(differences, notes...), nil
	}
	if len(notes) > 0 {
		fmt.Printf("note %s: %s: %s\n", c.Provider, c.Description, strings.Join(notes, "; "))
	}
	if len(differences) > 0 {
		fmt.Printf("FAIL %s: %s: %s\n", c.Provider, c.Description, strings.Join(differences, "; "))
	}
	return len(differences) == 0
}
