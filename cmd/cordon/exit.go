package main

import (
	"context"
	"errors"

	"cordon/policy/message"
)

// exitCode is what the process ends with; scripts depend on the numbers.
type exitCode int

const (
	exitDone        exitCode = 0   // done, nothing to do, proved
	exitFailed      exitCode = 1   // the kernel, the disk or a permission stood in the way
	exitNegative    exitCode = 2   // the answer is no: changes are due, violated, not enforcing
	exitPolicy      exitCode = 3   // the policy or the settings are wrong
	exitUnknown     exitCode = 4   // what would decide the question could not be modelled
	exitReverted    exitCode = 5   // applied, and taken back
	exitUsage       exitCode = 64  // wrong usage (EX_USAGE of sysexits.h)
	exitInterrupted exitCode = 130 // interrupted: 128 + SIGINT, as a shell reports it
)

// failure is an error with its exit code, its sentence and the command to type next.
type failure struct {
	code exitCode
	// sentence is a code of package message: code.summary says what happened, code.detail why. Without one the cause speaks.
	sentence string
	args     message.Args
	next     string
	cause    error
}

// Error is for those who print errors without a language.
func (f *failure) Error() string {
	switch {
	case f.cause == nil:
		return f.sentence
	case f.sentence == "":
		return f.cause.Error()
	}
	return f.sentence + ": " + f.cause.Error()
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// failureOf gives any error an exit code and a next command. Only an interruption by the user ends the program's own context, and
// then whatever was cancelled, was cancelled by that.
func failureOf(ctx context.Context, err error) *failure {
	known := &failure{}
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return &failure{code: exitInterrupted, sentence: "outcome.interrupted", next: "cordon status"}
	case errors.As(err, &known):
		return known
	}
	return &failure{code: exitFailed, next: "cordon help", cause: err}
}
