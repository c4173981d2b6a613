package staging

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"lakefs-staging.example/go/stagingv1"
)

const (
	firstBackoff = 100 * time.Millisecond
	mostBackoff  = 5 * time.Second
)

// upload is one object as the caller asked for it, which may take several
// attempts.
type upload struct {
	client   *Client
	target   string
	settings *uploadSettings
	header   *stagingv1.UploadHeader
	counts   bool // header.attempt counts the attempts
	progress progressMeter

	attempts    int       // calls that were made
	connectBy   time.Time // when waiting for a connection has had its time
	mayBeLinked bool      // an attempt before the last one may have linked
	resumeToken []byte    // of the newest checkpoint of these attempts
}

// attempt is one call of the gateway. Its error is an *Error, or a callersError.
type attempt func(context.Context) (*stagingv1.UploadResult, error)

// run makes attempts until one succeeds or no other helps. repeatable tells
// whether the bytes can be had again.
func (u *upload) run(ctx context.Context, repeatable bool, try attempt) (*Result, error) {
	for {
		u.attempts++
		answer, err := u.once(ctx, try)
		if err == nil {
			return u.succeed(answer)
		}
		failure, ok := err.(*Error)
		if !ok {
			return nil, u.failed(ctx, err)
		}
		u.judge(failure)
		wait, again := u.again(ctx, failure, repeatable)
		if !again || ctx.Err() != nil && errors.Is(failure, ctx.Err()) {
			if failure.Outcome == OutcomeUnknown && !repeatable {
				return u.ask(ctx, failure)
			}
			return nil, failure
		}
		sleep(ctx, wait)
		if ctx.Err() != nil {
			over := ended(ctx, failure.Outcome)
			u.judge(over)
			over.Err = errors.Join(over.Err, failure)
			return nil, over
		}
		if u.counts {
			u.header.Attempt++
		}
	}
}

func (u *upload) once(ctx context.Context, try attempt) (*stagingv1.UploadResult, error) {
	if u.connectBy.IsZero() {
		u.connectBy = time.Now().Add(u.client.connectTimeout)
	}
	if err := u.client.reach(ctx, u.connectBy, OutcomeNotCommitted); err != nil {
		return nil, err
	}
	u.connectBy = time.Time{}
	return try(ctx)
}

// succeed returns the result, and tells the last of the progress. The error, if
// any, is the callback's.
func (u *upload) succeed(answer *stagingv1.UploadResult) (*Result, error) {
	result := newResult(answer)
	result.RequestID = u.header.GetRequestId()
	result.Attempts = u.attempts
	size := result.Object.SizeBytes
	if size < 0 {
		size = u.header.GetSizeBytes()
	}
	return result, u.progress.done(size)
}

// judge completes an attempt's error by what the attempts before it have left.
func (u *upload) judge(failure *Error) {
	failure.Attempts = u.attempts
	failure.RequestID = u.header.GetRequestId()
	failure.Target = u.target
	if u.mayBeLinked && !hasLooked(failure) {
		failure.Outcome = OutcomeUnknown
	}
	u.mayBeLinked = failure.Outcome == OutcomeUnknown
}

// hasLooked reports whether the gateway, when it failed, had looked at the path
// for what an earlier attempt had done. One that refuses a call has not.
func hasLooked(failure *Error) bool {
	return failure.Domain == gatewayDomain && (failure.Advice == AdviceRestart ||
		failure.Reason == "OBJECT_EXISTS" || failure.Reason == "OBJECT_CHANGED")
}

// again returns whether another attempt is to be made, and after which time.
func (u *upload) again(ctx context.Context, failure *Error, repeatable bool) (time.Duration, bool) {
	helps := failure.Retryable()
	switch failure.Reason {
	case "RESUME_EXPIRED", "RESUME_REFUSED":
		helps = len(u.header.ResumeToken) > 0
		u.header.ResumeToken, u.resumeToken = nil, nil
	default:
		if u.resumeToken != nil {
			u.header.ResumeToken = u.resumeToken
		}
	}
	switch {
	case !helps, !repeatable, u.attempts >= u.settings.attempts:
		return 0, false
	case failure.Outcome == OutcomeUnknown && u.header.GetRequestId() == "":
		return 0, false
	case failure.Reason == reasonUnreachable && !time.Now().Before(u.connectBy):
		return 0, false
	}
	backoff := min(mostBackoff, firstBackoff<<min(u.attempts-1, 10))
	wait := max(failure.RetryAfter, backoff-rand.N(backoff/2))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}
