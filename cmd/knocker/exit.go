package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	knockersqlite "github.com/knocker-dev/knocker/bindings/go"
)

// The exit codes; docs/cli.md promises them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitMissing     = 3 // no such file, event, delivery or endpoint
	exitRefused     = 4 // the state of what was asked for does not allow it
	exitBusy        = 5 // another process is writing; later it can work
	exitNegative    = 6 // an answer, and it is no: check, verify, send
	exitInterrupted = 130
)

// problem is an error of the command itself.
type problem struct {
	exit    int
	code    string
	message string
}

func (p *problem) Error() string { return p.message }

func usage(format string, args ...any) error {
	return &problem{exitUsage, "usage", fmt.Sprintf(format, args...)}
}

// errNegative ends a command whose answer is no, after the answer was printed.
var errNegative = &problem{exitNegative, "", ""}

var exitCodes = map[knockersqlite.Code]int{
	"invalid_argument": exitUsage, "unknown_provider": exitUsage, "invalid_secret": exitUsage,
	"not_found": exitMissing, "unknown_endpoint": exitMissing,
	"invalid_state": exitRefused, "not_linked": exitRefused, "body_cut": exitRefused, "not_empty": exitRefused, "no_verifier": exitRefused,
	"busy": exitBusy,
}

func (a *app) exitCode(ctx context.Context, err error) int {
	var own *problem
	switch {
	case errors.As(err, &own):
		return own.exit
	case !a.started: // cobra did not understand the arguments
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	}
	if code, ok := exitCodes[knockersqlite.CodeOf(err)]; ok {
		return code
	}
	return exitFailed
}

type errorShape struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

// describe turns an error into what is shown of it.
func describe(err error) errorShape {
	var own *problem
	var known *knockersqlite.Error
	switch {
	case errors.As(err, &own):
		return errorShape{Code: own.code, Message: own.message}
	case errors.As(err, &known):
		return errorShape{Code: string(known.Code), Message: known.Message, Retryable: known.Retryable()}
	}
	if errors.Is(err, context.Canceled) {
		return errorShape{Code: "interrupted", Message: "interrupted", Retryable: true}
	}
	return errorShape{Code: "failed", Message: err.Error()}
}

// report prints an error: a sentence for people, an object for programs.
func (a *app) report(err error) {
	if err == error(errNegative) {
		return
	}
	shape := describe(err)
	if a.json {
		a.messages.json(map[string]any{"error": shape})
	} else {
		hint := ""
		if shape.Code == "usage" || !a.started {
			hint = "\nknocker help shows what there is."
		}
		// The engine's own text has what this program has put around it.
		text := err.Error()
		if shape.Code == "interrupted" {
			text = shape.Message
		}
		if text == shape.Message && !slices.Contains([]string{"usage", "failed", "interrupted"}, shape.Code) {
			text = shape.Code + ": " + text
		}
		text = escape(text)
		if !a.started { // it quotes nothing but the arguments, and has lines
			text = escapeBlock(strings.TrimSpace(err.Error()))
		}
		a.messages.line("%s %s%s", a.messages.paint(red, "knocker:"), text, hint)
	}
	_ = a.messages.flush()
}
