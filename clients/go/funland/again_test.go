package funland

import (
	"context"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func refused(t *testing.T, code codes.Code, delay time.Duration) error {
	t.Helper()
	told := status.New(code, "no")
	if delay >= 0 {
		var err error
		if told, err = told.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}); err != nil {
			t.Fatal(err)
		}
	}
	return told.Err()
}

func TestTheWaitGrowsOrIsWhatTheServerAsksFor(t *testing.T) {
	for _, each := range []struct {
		err   error
		made  int
		wait  time.Duration
		helps bool
	}{
		{refused(t, codes.Unavailable, -1), 0, 500 * time.Millisecond, true},
		{refused(t, codes.Unavailable, -1), 1, time.Second, true},
		{refused(t, codes.Unavailable, -1), 99, 8 * time.Second, true},
		{refused(t, codes.ResourceExhausted, 2*time.Second), 5, 2 * time.Second, true},
		{refused(t, codes.ResourceExhausted, 31*time.Second), 0, 31 * time.Second, false},
		{refused(t, codes.ResourceExhausted, -1), 0, 0, false},
		{refused(t, codes.InvalidArgument, -1), 0, 0, false},
	} {
		wait, helps := pause(FailureOf(each.err), each.made)
		if wait != each.wait || helps != each.helps {
			t.Errorf("%v, %d: %v, %v", each.err, each.made, wait, helps)
		}
	}
}

func TestACallIsMadeAgainUntilItSucceedsOrMayNoMore(t *testing.T) {
	for _, each := range []struct{ fails, retries, calls int }{{0, 2, 1}, {2, 2, 3}, {9, 2, 3}, {9, 0, 1}} {
		calls := 0
		err := Again(context.Background(), each.retries, func(context.Context) error {
			calls++
			if calls > each.fails {
				return nil
			}
			return refused(t, codes.ResourceExhausted, 0)
		})
		if calls != each.calls || (err == nil) != (each.fails <= each.retries) {
			t.Errorf("%+v: %d calls, %v", each, calls, err)
		}
	}
}
