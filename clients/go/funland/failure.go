package funland

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failure is a call that failed. Reason is for programs, Message for people.
type Failure struct {
	Code    codes.Code
	Message string
	// Reason is a name of the contract's ErrorReason; empty if no server of Funland's told one.
	Reason   string
	Metadata map[string]string
	// Fields are the paths of the fields that are wrong, such as "messages[0].role".
	Fields []string
	// RetryDelay is how long the server asks to wait before another try; nil: it does not.
	RetryDelay *time.Duration
	RequestID  string
}

// The contract's reasons for what no server said, but the client or the line between.
var ofTheLine = map[codes.Code]string{
	codes.Canceled:         "CALLER_GONE",
	codes.DeadlineExceeded: "DEADLINE_PASSED",
	codes.Unavailable:      "SERVER_UNREACHABLE",
}

// FailureOf reads what a call returned; nil for no error.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	told := status.Convert(err)
	failure := &Failure{Code: told.Code(), Message: told.Message(), Reason: ofTheLine[told.Code()]}
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == "funland" {
				failure.Reason, failure.Metadata = detail.Reason, detail.Metadata
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				failure.Fields = append(failure.Fields, violation.Field)
			}
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			failure.RetryDelay = &delay
		case *errdetails.RequestInfo:
			failure.RequestID = detail.RequestId
		}
	}
	return failure
}

// Retryable tells whether the same call may succeed a little later.
func (f *Failure) Retryable() bool {
	return f.Code == codes.Unavailable || f.RetryDelay != nil
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s", f.Reason, f.Message)
}
