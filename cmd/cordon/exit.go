package main

import (
	"context"
	"errors"
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

// failure is an error with its exit code and the command to type next.
type failure struct {
	code    exitCode
	summary string
	detail  string
	next    string
	cause   error
}

// Error returns the summary, and the cause where there is one.
func (f *failure) Error() string {
	if f.cause == nil {
		return f.summary
	}
	return f.summary + ": " + f.cause.Error()
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// failureOf gives any error an exit code and a next command. Only an interruption by the user ends the program's own context, and
// then whatever failed, failed for that.
func failureOf(ctx context.Context, err error) *failure {
	known := &failure{}
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return &failure{code: exitInterrupted, summary: "interrupted", next: "cordon status", cause: err}
	case errors.As(err, &known):
		return known
	}
	return &failure{code: exitFailed, summary: err.Error(), next: "cordon help"}
}
