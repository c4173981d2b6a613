package staging

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"lakefs-staging.example/go/stagingv1"
)

// Outcome is what is known about an upload.
type Outcome int32

const (
	// OutcomeUnspecified is of calls that link nothing.
	OutcomeUnspecified Outcome = 0
	// OutcomeCommitted: the object is stored and linked.
	OutcomeCommitted Outcome = 1
	// OutcomeNotCommitted: nothing was linked, and nothing will be.
	OutcomeNotCommitted Outcome = 2
	// OutcomeSuperseded: the object was linked, and a later writer has already
	// replaced it.
	OutcomeSuperseded Outcome = 3
	// OutcomeUnknown: it could not be found out.
	OutcomeUnknown Outcome = 4
)

// String returns the name as the gateway has it, such as "COMMITTED".
func (o Outcome) String() string {
	return enumName(stagingv1.Outcome(o), "OUTCOME_")
}

// Advice is what to do after an error.
type Advice int32

const (
	// AdviceUnspecified is of errors of calls that link nothing.
	AdviceUnspecified Advice = 0
	// AdviceRetryCall: make the same call again, not before Error.RetryAfter.
	AdviceRetryCall Advice = 1
	// AdviceRestart: start over with all the bytes.
	AdviceRestart Advice = 2
	// AdviceFixRequest: change the request first.
	AdviceFixRequest Advice = 3
	// AdviceGiveUp: no repetition helps; a person has to look.
	AdviceGiveUp Advice = 4
)

// String returns the name as the gateway has it, such as "RETRY_CALL".
func (a Advice) String() string {
	return enumName(stagingv1.UploadFailure_Advice(a), "ADVICE_")
}

// enumName returns the name of a value without its prefix, or the number of one
// that is not known here.
func enumName(value protoreflect.Enum, prefix string) string {
	known := value.Descriptor().Values().ByNumber(value.Number())
	if known == nil {
		return strconv.Itoa(int(value.Number()))
	}
	return strings.TrimPrefix(string(known.Name()), prefix)
}

// Result is what came of an upload or a link that succeeded.
type Result struct {
	// Object as it was linked. If superseded, the caller's own, which is no
	// longer visible.
	Object *ObjectStats

	// Outcome is OutcomeCommitted or OutcomeSuperseded.
	Outcome Outcome

	// CRC32C (Castagnoli) of the whole object, computed by the gateway; nil where
	// an earlier call by another gateway uploaded it, and for links.
	CRC32C *uint32

	// Plan is how the bytes went to the store, such as "SINGLE_PUT" or
	// "MULTIPART"; empty for links.
	Plan string

	// RequestID of the upload: the caller's, or the one that was made for it.
	RequestID string

	// Attempts is how many calls of the gateway were made, 1 or more.
	Attempts int
}

// ObjectStats is an object as lakeFS describes it.
type ObjectStats struct {
	Path            string // relative to the branch
	PhysicalAddress string // in the store, in its full form
	Checksum        string // opaque: an MD5 in hex, or another form of the store's
	SizeBytes       int64  // -1 where lakeFS did not tell
	MTime           time.Time
	UserMetadata    map[string]string
	ContentType     string
}

// objectStats never returns nil, so that who looks at a result need not ask.
func objectStats(o *stagingv1.ObjectStats) *ObjectStats {
	stats := &ObjectStats{
		Path:            o.GetPath(),
		PhysicalAddress: o.GetPhysicalAddress(),
		Checksum:        o.GetChecksum(),
		SizeBytes:       -1,
		UserMetadata:    o.GetUserMetadata(),
		ContentType:     o.GetContentType(),
	}
	if o != nil && o.SizeBytes != nil {
		stats.SizeBytes = o.GetSizeBytes()
	}
	if o.GetMtime() != nil {
		stats.MTime = o.GetMtime().AsTime()
	}
	return stats
}

func newResult(r *stagingv1.UploadResult) *Result {
	return &Result{
		Object:  objectStats(r.GetObject()),
		Outcome: Outcome(r.GetOutcome()),
		CRC32C:  r.Crc32C,
		Plan:    enumName(r.GetPlan(), "PLAN_"),
	}
}
