package main

import (
	"context"
	"errors"
	"fmt"

	"lakefs-staging.example/go/staging"
)

func failed(err error) answer { return answer{"error": errorAnswer(err)} }

func unsupported(why string) answer { return answer{"unsupported": why} }

// classes are the sentinels, the first that fits counting.
var classes = []struct {
	name string
	err  error
}{
	{"ErrObjectExists", staging.ErrObjectExists},
	{"ErrObjectChanged", staging.ErrObjectChanged},
	{"ErrNotFound", staging.ErrNotFound},
	{"ErrPermission", staging.ErrPermission},
	{"ErrInvalidRequest", staging.ErrInvalidRequest},
	{"ErrMismatch", staging.ErrMismatch},
	{"ErrNotCommitted", staging.ErrNotCommitted},
	{"ErrOutcomeUnknown", staging.ErrOutcomeUnknown},
	{"ErrClosed", staging.ErrClosed},
}

func errorAnswer(err error) answer {
	if err == errOwn {
		return answer{"own": true, "message": err.Error()}
	}
	class := "Error"
	for _, c := range classes {
		if errors.Is(err, c.err) {
			class = c.name
			break
		}
	}
	told := answer{"class": class, "message": err.Error(), "printed": fmt.Sprintf("%v %+v %#v", err, err, err)}
	if errors.Is(err, context.Canceled) {
		told["cancelled"] = true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		told["timeout"] = true
	}
	var e *staging.Error
	if errors.As(err, &e) {
		tellFields(told, e)
	}
	return told
}

func tellFields(told answer, e *staging.Error) {
	violations := [][2]string{}
	for _, v := range e.Violations {
		violations = append(violations, [2]string{v.Field, v.Description})
	}
	metadata := e.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	told["code"] = codeName(e)
	told["reason"] = e.Reason
	told["domain"] = e.Domain
	told["message"] = e.Message
	told["outcome"] = e.Outcome.String()
	told["advice"] = e.Advice.String()
	told["violations"] = violations
	told["metadata"] = metadata
	told["request_id"] = e.RequestID
	told["attempts"] = e.Attempts
	told["retryable"] = e.Retryable()
	told["nothing_linked"] = e.NothingLinked()
	told["retry_after"] = nil
	if e.RetryAfter > 0 {
		told["retry_after"] = e.RetryAfter.Seconds()
	}
	told["resource"] = nil
	if e.Resource != nil {
		told["resource"] = [2]string{e.Resource.Type, e.Resource.Name}
	}
	told["object"] = nil
	if e.Object != nil {
		told["object"] = objectAnswer(e.Object)
	}
}

// codeNames are the names as gRPC writes them, by number.
var codeNames = []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
	"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
	"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func codeName(e *staging.Error) string {
	if int(e.Code) < len(codeNames) {
		return codeNames[e.Code]
	}
	return fmt.Sprint(uint32(e.Code))
}

func objectAnswer(o *staging.ObjectStats) answer {
	told := answer{
		"path":             o.Path,
		"physical_address": o.PhysicalAddress,
		"checksum":         o.Checksum,
		"size_bytes":       o.SizeBytes,
		"content_type":     o.ContentType,
		"user_metadata":    o.UserMetadata,
		"mtime":            nil,
	}
	if !o.MTime.IsZero() {
		told["mtime"] = o.MTime.Unix()
	}
	return told
}

func resultAnswer(r *staging.Result) answer {
	told := answer{
		"outcome":    r.Outcome.String(),
		"plan":       r.Plan,
		"object":     objectAnswer(r.Object),
		"request_id": r.RequestID,
		"attempts":   r.Attempts,
	}
	if r.CRC32C != nil {
		told["crc32c"] = *r.CRC32C
	}
	return told
}

// told is the answer of a call that gives a result or an error.
func told(r *staging.Result, err error) answer {
	if err != nil {
		return failed(err)
	}
	return answer{"result": resultAnswer(r)}
}
