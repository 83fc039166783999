package funland

import (
	"context"
	"time"
)

const (
	firstWait   = 500 * time.Millisecond
	longestWait = 8 * time.Second
	// Who is told to wait longer had better decide themselves.
	longestAsked = 30 * time.Second
)

// Again makes a call, and makes it again up to `retries` times when it failed for what may pass:
// after what the server asks for, else after half a second, one, two and so on. It is for what may
// be done twice, such as all of InferenceService. The context's deadline is for all attempts
// together. What it returns is nil or a *Failure.
func Again(ctx context.Context, retries int, call func(context.Context) error) error {
	for made := 0; ; made++ {
		failure := FailureOf(call(ctx))
		if failure == nil {
			return nil
		}
		wait, helps := pause(failure, made)
		if !helps || made >= retries {
			return failure
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return failure
		case <-timer.C:
		}
	}
}

func pause(failure *Failure, made int) (time.Duration, bool) {
	if !failure.Retryable() {
		return 0, false
	}
	if failure.RetryDelay != nil {
		return *failure.RetryDelay, *failure.RetryDelay <= longestAsked
	}
	wait := firstWait << uint(made)
	if wait <= 0 || wait > longestWait {
		wait = longestWait
	}
	return wait, true
}
