package staging

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/stagingv1"
)

const (
	askTimeout = 30 * time.Second // for a gateway that is restarted, too
	firstPause = 200 * time.Millisecond
	laterPause = time.Second
	firstAsks  = 10
)

// UploadOutcome is what is known of an earlier upload.
type UploadOutcome struct {
	// Outcome of the upload.
	Outcome Outcome

	// InProgress tells that it is still running; the outcome is OutcomeUnknown.
	InProgress bool

	// Result of the upload, if it succeeded.
	Result *Result

	// Failure is how it failed, if it did.
	Failure *Error
}

// Outcome asks what became of an earlier upload with this request id, also after
// its caller or its gateway died. target, which may be empty, lets the gateway
// look at the path where its memory does not tell.
//
// Errors: ErrNotFound where nothing is known of the request id. That proves
// nothing: the upload never began, failed, runs on another replica, or its object
// has been replaced.
//
// Blocking: until the gateway answers or ctx ends. It is asked once.
func (c *Client) Outcome(ctx context.Context, requestID, target string) (*UploadOutcome, error) {
	request := &stagingv1.GetUploadOutcomeRequest{RequestId: requestID}
	if target != "" {
		var invalid *Error
		if request.Object, invalid = parseTarget(target); invalid != nil {
			return nil, invalid
		}
	}
	answer, err := plainCall[stagingv1.GetUploadOutcomeResponse](
		ctx, c, methodGetUploadOutcome, request, OutcomeUnspecified)
	if err != nil {
		return nil, err
	}
	outcome := &UploadOutcome{Outcome: Outcome(answer.GetOutcome()), InProgress: answer.GetInProgress()}
	if answer.Result != nil {
		outcome.Result = newResult(answer.Result)
		outcome.Result.RequestID = requestID
	}
	if answer.Failure != nil {
		outcome.Failure = toldLater(answer)
		outcome.Failure.RequestID = requestID
	}
	return outcome, nil
}

// toldLater is the error of a call that the gateway tells of afterwards.
func toldLater(answer *stagingv1.GetUploadOutcomeResponse) *Error {
	e := &Error{Code: codeOf(answer.GetFailureReason()), Reason: answer.GetFailureReason(),
		Domain: gatewayDomain, Message: answer.GetFailureMessage()}
	e.tell(answer.Failure)
	return e
}

// codeOf is the code that a reason comes with, where it matters to callers.
func codeOf(reason string) codes.Code {
	switch reason {
	case reasonInvalidRequest, "CHECKSUM_MISMATCH", reasonSizeMismatch:
		return codes.InvalidArgument
	case "NOT_FOUND":
		return codes.NotFound
	case "PERMISSION_DENIED":
		return codes.PermissionDenied
	case "CREDENTIALS_REJECTED":
		return codes.Unauthenticated
	case "OBJECT_EXISTS":
		return codes.AlreadyExists
	case "OBJECT_CHANGED", "LINK_CONFLICT", reasonSourceChanged:
		return codes.Aborted
	case reasonDeadline:
		return codes.DeadlineExceeded
	case reasonCancelled:
		return codes.Canceled
	default:
		return codes.Unknown
	}
}

// ask finds out what became of a call that failed with an unknown outcome and
// cannot be repeated. If nobody knows, failure stands.
func (u *upload) ask(ctx context.Context, failure *Error) (*Result, error) {
	if u.header.GetRequestId() == "" {
		return nil, failure
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request := &stagingv1.GetUploadOutcomeRequest{
		RequestId: u.header.GetRequestId(), Object: u.header.GetObject()}
	for n := 1; ctx.Err() == nil; n++ {
		answer, err := plainCall[stagingv1.GetUploadOutcomeResponse](
			ctx, u.client, methodGetUploadOutcome, proto.CloneOf(request), OutcomeUnspecified)
		switch {
		case err != nil && err.Code != codes.Unavailable:
			return nil, failure
		case err == nil && isSuccess(answer.GetOutcome()):
			if answer.Result == nil {
				answer.Result = &stagingv1.UploadResult{Outcome: answer.GetOutcome()}
			}
			return u.succeed(answer.Result)
		case err == nil && !answer.GetInProgress():
			return nil, u.found(answer, failure)
		}
		sleep(ctx, pause(n))
	}
	return nil, failure
}

func isSuccess(o stagingv1.Outcome) bool {
	return Outcome(o) == OutcomeCommitted || Outcome(o) == OutcomeSuperseded
}

func pause(n int) time.Duration {
	if n < firstAsks {
		return firstPause
	}
	return laterPause
}

// found is the error of an upload that is over and has no result.
func (u *upload) found(answer *stagingv1.GetUploadOutcomeResponse, failure *Error) *Error {
	if answer.Failure == nil || Outcome(answer.GetOutcome()) == OutcomeUnknown {
		return failure
	}
	e := toldLater(answer)
	u.mayBeLinked = false // this is the last word
	u.judge(e)
	e.Err = failure
	return e
}

// plainCall makes a call of one message each way, once. outcome is what holds if
// it fails after it was sent.
func plainCall[Response any](ctx context.Context, c *Client, m method, request any, outcome Outcome) (*Response, *Error) {
	ctx, end := c.begin(ctx)
	defer end()
	var failure *Error
	notSent := min(outcome, OutcomeNotCommitted) // of none it is unspecified
	if failure = c.reach(ctx, time.Now().Add(c.connectTimeout), notSent); failure == nil {
		response, err := call[Response](ctx, c, m, request)
		if err == nil {
			return response, nil
		}
		failure = c.failure(ctx, err, outcome)
	}
	failure.Attempts = 1
	return nil, failure
}
