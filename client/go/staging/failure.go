package staging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"lakefs-staging.example/go/stagingv1"
)

// Reasons of this package's own, beside those of the gateway.
const (
	reasonInvalidRequest = "INVALID_REQUEST"
	reasonUnreachable    = "GATEWAY_UNREACHABLE"
	reasonConnectionLost = "GATEWAY_CONNECTION_LOST"
	reasonNotAGateway    = "NOT_A_GATEWAY"
	reasonBadReply       = "BAD_REPLY"
	reasonDeadline       = "DEADLINE_EXCEEDED"
	reasonCancelled      = "CANCELLED"
	reasonSizeMismatch   = "SIZE_MISMATCH"
	reasonSourceChanged  = "SOURCE_CHANGED"
)

const (
	gatewayDomain = "lakefs.staging"
	clientDomain  = "lakefs.staging.client"
)

// callersError is an error that is the caller's own, on its way back to him.
type callersError struct{ error }

func own(err error) error {
	if err == nil {
		return nil
	}
	return callersError{err}
}

// clientError returns an error of this package's own.
func clientError(code codes.Code, reason string, outcome Outcome, advice Advice,
	format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Domain: clientDomain,
		Message: fmt.Sprintf(format, args...), Outcome: outcome, Advice: advice}
}

func invalidRequest(format string, args ...any) *Error {
	return clientError(codes.InvalidArgument, reasonInvalidRequest,
		OutcomeNotCommitted, AdviceFixRequest, format, args...)
}

func sizeMismatch(told, found int64) *Error {
	than := "fewer"
	if found > told {
		than = "more"
	}
	return clientError(codes.InvalidArgument, reasonSizeMismatch, OutcomeNotCommitted,
		AdviceFixRequest, "the source has %s bytes than the %d that were told", than, told)
}

func sourceChanged(format string, args ...any) *Error {
	return clientError(codes.Aborted, reasonSourceChanged,
		OutcomeNotCommitted, AdviceRestart, format, args...)
}

// badReply is the error of a gateway that breaks the protocol.
func (c *Client) badReply(outcome Outcome, what string) *Error {
	return clientError(codes.Internal, reasonBadReply, outcome, AdviceGiveUp,
		"the gateway at %s %s", c.address, what)
}

// ended is the error of a context that is over.
func ended(ctx context.Context, outcome Outcome) *Error {
	code, reason, what := codes.Canceled, reasonCancelled, "the call was cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code, reason, what = codes.DeadlineExceeded, reasonDeadline, "the call did not finish in time"
	}
	e := clientError(code, reason, outcome, adviceFor(outcome), "%s", what)
	e.Err = contextError(ctx)
	return e
}

// contextError returns an error that matches both the context's error and its
// cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// adviceFor is what to do after an error without details: as the gateway
// advises, also where the outcome is unknown.
func adviceFor(outcome Outcome) Advice {
	if outcome == OutcomeUnspecified {
		return AdviceUnspecified
	}
	return AdviceRetryCall
}

// failure takes the error apart that a call ended with: the gateway's own words
// and details, or, where there are none, what can be said without them. outcome
// is what holds if the gateway tells none. io.EOF is an end without a result.
func (c *Client) failure(ctx context.Context, err error, outcome Outcome) *Error {
	if errors.Is(err, io.EOF) {
		return c.badReply(outcome, "ended the call without a result")
	}
	st := status.Convert(err)
	if e := told(st); e.Reason != "" {
		if e.Outcome == OutcomeUnspecified {
			e.Outcome = outcome
		}
		e.Err = err
		return e
	}
	e := c.untold(ctx, st, outcome)
	if e.Err == nil {
		e.Err = err
	}
	return e
}

// untold is the error of a status without details.
func (c *Client) untold(ctx context.Context, st *status.Status, outcome Outcome) *Error {
	if ctx.Err() != nil || c.closing.Err() != nil {
		return c.gone(ctx, outcome)
	}
	advice := adviceFor(outcome)
	switch code := st.Code(); code {
	case codes.Unavailable:
		return clientError(code, reasonConnectionLost, outcome, advice,
			"the connection to the gateway at %s was lost", c.address)
	case codes.DeadlineExceeded:
		return clientError(code, reasonDeadline, outcome, advice,
			"the gateway at %s did not finish in time", c.address)
	case codes.Canceled:
		return clientError(code, reasonCancelled, outcome, advice, "the call was cancelled")
	case codes.Unimplemented:
		if outcome != OutcomeUnspecified {
			outcome, advice = OutcomeNotCommitted, AdviceFixRequest
		}
		return clientError(code, reasonNotAGateway, outcome, advice,
			"the server at %s does not offer this call", c.address)
	default:
		return clientError(code, reasonBadReply, outcome, advice,
			"the gateway at %s answered: %s", c.address, st.Message())
	}
}

// told takes apart what a gateway told; the reason is empty if it told none.
func told(st *status.Status) *Error {
	e := &Error{Code: st.Code(), Message: st.Message()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Domain, e.Metadata = d.GetReason(), d.GetDomain(), d.GetMetadata()
		case *errdetails.RetryInfo:
			e.RetryAfter = max(0, d.GetRetryDelay().AsDuration())
		case *errdetails.ResourceInfo:
			e.Resource = &Resource{Type: d.GetResourceType(), Name: d.GetResourceName()}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Violations = append(e.Violations,
					Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *stagingv1.UploadFailure:
			e.tell(d)
		}
	}
	return e
}

// tell adds what is known of the upload.
func (e *Error) tell(f *stagingv1.UploadFailure) {
	e.Outcome = Outcome(f.GetOutcome())
	e.Advice = Advice(f.GetAdvice())
	if f.Object != nil {
		e.Object = objectStats(f.Object)
	}
}

// sleep waits for d, or less if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
