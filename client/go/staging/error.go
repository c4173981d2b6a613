package staging

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Errors to be matched with errors.Is. All but ErrNotCommitted and ErrClosed
// stand for an *Error.
var (
	// ErrObjectExists: another object is at the path, and IfAbsent was asked
	// for (OBJECT_EXISTS). Also an fs.ErrExist.
	ErrObjectExists = errors.New("staging: an object is at the path")

	// ErrObjectChanged: what is at the path is not what IfMatch expects
	// (OBJECT_CHANGED).
	ErrObjectChanged = errors.New("staging: the object at the path has changed")

	// ErrNotFound: there is no such repository or branch, or nothing is known of
	// the request id (NOT_FOUND). Also an fs.ErrNotExist.
	ErrNotFound = errors.New("staging: not found")

	// ErrPermission: the user may not do it, or his credentials are not taken
	// (PERMISSION_DENIED, CREDENTIALS_REJECTED). Also an fs.ErrPermission.
	ErrPermission = errors.New("staging: permission denied")

	// ErrInvalidRequest: the request is wrong (INVALID_REQUEST);
	// Error.Violations tells how.
	ErrInvalidRequest = errors.New("staging: invalid request")

	// ErrMismatch: the bytes are not those that were announced
	// (CHECKSUM_MISMATCH, SIZE_MISMATCH).
	ErrMismatch = errors.New("staging: the bytes are not those that were announced")

	// ErrOutcomeUnknown: it could not be found out whether the object was linked
	// (Error.Outcome is OutcomeUnknown). Ask Client.Outcome later.
	ErrOutcomeUnknown = errors.New("staging: the outcome is unknown")

	// ErrNotCommitted: a Writer was closed before Commit; nothing was linked.
	ErrNotCommitted = errors.New("staging: closed without commit; nothing was linked")

	// ErrClosed: a Writer was written to after its end, or the Client was closed.
	ErrClosed = errors.New("staging: closed")
)

// Error is a call that failed, taken apart.
type Error struct {
	// Code of gRPC.
	Code codes.Code

	// Reason is the cause, for programs to match on, such as "LINK_CONFLICT".
	Reason string

	// Domain says whose reason it is: "lakefs.staging" is the gateway,
	// "lakefs.staging.client" this package.
	Domain string

	// Message is for people.
	Message string

	// Outcome of the upload or link: OutcomeNotCommitted, or OutcomeUnknown
	// where it may have been linked. OutcomeUnspecified for other calls.
	Outcome Outcome

	// Advice is what to do; AdviceUnspecified for calls that link nothing.
	Advice Advice

	// RetryAfter is how long to wait before the same call again; 0 if the
	// gateway did not tell.
	RetryAfter time.Duration

	// Violations is all that is wrong with a request.
	Violations []Violation

	// Resource is what was not found; nil if the gateway did not tell.
	Resource *Resource

	// Object is what stands in the way, with OBJECT_EXISTS and OBJECT_CHANGED;
	// nil if there is none.
	Object *ObjectStats

	// Metadata of the reason; "callId" is the call_id in the gateway's log.
	Metadata map[string]string

	// Target of the upload or link; empty for other calls.
	Target string

	// RequestID of the upload; empty if there is none.
	RequestID string

	// Attempts is how many calls of the gateway were made.
	Attempts int

	// Err is the cause: what gRPC returned, the error of the context, or nil.
	Err error
}

// Violation is one thing that is wrong with a request.
type Violation struct {
	Field       string // in the protocol's names, such as "header.object.path"
	Description string
}

// Resource is what was not found.
type Resource struct {
	Type string // such as "repository"
	Name string
}

// Error returns the target, the reason, the message, and what else is to be known
// of an upload. It has no secrets.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("staging: ")
	if e.Target != "" {
		text.WriteString(e.Target + ": ")
	}
	fmt.Fprintf(&text, "%s: %s", e.Reason, e.Message)
	for _, v := range e.Violations {
		fmt.Fprintf(&text, "; %s: %s", v.Field, v.Description)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&text, " (%d attempts)", e.Attempts)
	}
	switch {
	case e.Outcome != OutcomeUnknown:
	case e.RequestID == "":
		text.WriteString("; the object may have been linked: look at its path")
	default:
		fmt.Fprintf(&text, "; the object may have been linked: ask for the outcome of request id %q",
			e.RequestID)
	}
	return text.String()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is one of the Err variables, or an error of the
// standard library, that stands for this error.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrObjectExists, fs.ErrExist:
		return e.Reason == "OBJECT_EXISTS"
	case ErrObjectChanged:
		return e.Reason == "OBJECT_CHANGED"
	case ErrNotFound, fs.ErrNotExist:
		return e.Reason == "NOT_FOUND"
	case ErrPermission, fs.ErrPermission:
		return e.Reason == "PERMISSION_DENIED" || e.Reason == "CREDENTIALS_REJECTED"
	case ErrInvalidRequest:
		return e.Reason == reasonInvalidRequest
	case ErrMismatch:
		return e.Reason == "CHECKSUM_MISMATCH" || e.Reason == reasonSizeMismatch
	case ErrOutcomeUnknown:
		return e.Outcome == OutcomeUnknown
	case context.DeadlineExceeded: // the gateway may notice it first
		return e.Code == codes.DeadlineExceeded
	}
	return false
}

// Retryable reports whether making the call again can help: the advice is
// AdviceRetryCall or AdviceRestart.
func (e *Error) Retryable() bool {
	return e.Advice == AdviceRetryCall || e.Advice == AdviceRestart
}

// NothingLinked reports whether it is certain that nothing was linked.
func (e *Error) NothingLinked() bool { return e.Outcome == OutcomeNotCommitted }

// GRPCStatus returns the code and the message, for the functions of grpc's
// package status.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }
