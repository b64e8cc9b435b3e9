package main

import "context"

// promptly does work that knows no context, and leaves it behind when the user interrupts: nobody may look at what the work touches
// unless the error is nil.
func promptly(ctx context.Context, work func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
