package staging

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"lakefs-staging.example/go/stagingv1"
)

// whyNotTimeout is for a call that fails at once.
const whyNotTimeout = 200 * time.Millisecond

// reach waits until the connection stands, so that a later failure is known to
// be a lost connection and not one that never was: until then, until ctx ends,
// or until by. A server that answers and is none to speak with ends it at once.
func (c *Client) reach(ctx context.Context, by time.Time, outcome Outcome) *Error {
	limited, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	for {
		state := c.conn.GetState()
		switch {
		case ctx.Err() == context.Canceled || state == connectivity.Shutdown:
			return c.gone(ctx, outcome)
		case state == connectivity.Ready:
			return nil
		case state == connectivity.Idle:
			c.conn.Connect()
		case state == connectivity.TransientFailure:
			if why := c.whyNot(); !strings.Contains(why, "while dialing") {
				return c.unreachable(ctx, outcome, why)
			}
		}
		if !c.conn.WaitForStateChange(limited, state) && ctx.Err() != context.Canceled {
			return c.unreachable(ctx, outcome, c.whyNot())
		}
	}
}

// gone is the error of a call that was cancelled, or whose client was closed.
func (c *Client) gone(ctx context.Context, outcome Outcome) *Error {
	if ctx.Err() != nil {
		return ended(ctx, outcome)
	}
	closed, cancel := context.WithCancelCause(ctx)
	cancel(ErrClosed)
	return ended(closed, outcome)
}

func (c *Client) unreachable(ctx context.Context, outcome Outcome, why string) *Error {
	if why != "" {
		why = " (" + why + ")"
	}
	e := clientError(codes.Unavailable, reasonUnreachable, outcome, adviceFor(outcome),
		"no gateway answers at %s%s", c.address, why)
	if ctx.Err() != nil {
		e.Err = contextError(ctx)
	}
	return e
}

// whyNot returns why there is no connection. gRPC tells that to calls alone, and
// one without a connection fails at once; the empty one here would be refused.
func (c *Client) whyNot() string {
	ctx, cancel := context.WithTimeout(context.Background(), whyNotTimeout)
	defer cancel()
	err := c.conn.Invoke(ctx, methodGetUploadOutcome.path(),
		&stagingv1.GetUploadOutcomeRequest{}, &stagingv1.GetUploadOutcomeResponse{})
	if status.Code(err) != codes.Unavailable {
		return ""
	}
	why := status.Convert(err).Message()
	for _, frame := range []string{"last connection error: ", "connection error: desc = ", "transport: "} {
		if _, rest, ok := strings.Cut(why, frame); ok {
			why = strings.Trim(rest, `"`)
		}
	}
	return why
}
