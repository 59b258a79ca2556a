package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// secretFlags say where secrets are. None is ever an argument: those are in the
// process list and in the shell's history.
type secretFlags struct {
	files, variables []string
}

func (s *secretFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.files, "secret-file", nil, "read a secret from this `FILE`, without the line break at its end; may be repeated")
	cmd.Flags().StringArrayVar(&s.variables, "secret-env", nil, "take a secret from this environment `VARIABLE`; may be repeated")
}

// read returns the secrets in the order: files, variables. A private key in a
// file has several lines, which all belong to it.
func (s *secretFlags) read() ([]string, error) {
	var secrets []string
	for _, name := range s.files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, usage("the secret can't be read: %s", err)
		}
		secret := strings.TrimRight(string(content), "\r\n")
		if secret == "" {
			return nil, usage("the file %s holds no secret", name)
		}
		secrets = append(secrets, secret)
	}
	for _, name := range s.variables {
		secret := os.Getenv(name)
		if secret == "" {
			return nil, usage("the variable %s is not set, or is empty", name)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}
