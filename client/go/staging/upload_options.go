package staging

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"lakefs-staging.example/go/stagingv1"
)

const defaultAttempts = 5

// UploadOption is a setting of an upload, a Writer, an object of UploadMany or a
// link.
type UploadOption func(*uploadSettings)

type uploadSettings struct {
	header      stagingv1.UploadHeader // the fields that the options are of
	requestID   *string
	attempts    int
	size        int64 // -1: not told
	sha256, md5 []byte
	progress    func(Progress) error
	checkpoint  func(token []byte, offset int64) error
}

// ContentType sets the media type, of at most 256 bytes. The default is
// lakeFS's, application/octet-stream.
func ContentType(mediaType string) UploadOption {
	return func(s *uploadSettings) { s.header.ContentType = mediaType }
}

// UserMetadata sets the metadata to store with the object: at most 64 entries
// and 8 KiB in all, keys of 1 to 256 bytes.
func UserMetadata(metadata map[string]string) UploadOption {
	return func(s *uploadSettings) { s.header.UserMetadata = maps.Clone(metadata) }
}

// IfAbsent creates only: the call fails with ErrObjectExists where the path has
// an object.
func IfAbsent() UploadOption {
	return func(s *uploadSettings) { s.header.IfAbsent = true }
}

// IfMatch compares and swaps: the call fails with ErrObjectChanged where the
// path does not have an object of this ObjectStats.Checksum. It is for servers
// that implement If-Match, and excludes IfAbsent.
func IfMatch(checksum string) UploadOption {
	return func(s *uploadSettings) { s.header.IfMatch = &checksum }
}

// Force writes even to a read-only repository.
func Force() UploadOption {
	return func(s *uploadSettings) { s.header.Force = true }
}

// MTime sets the time of modification to record, cut to whole seconds. The
// default is now.
func MTime(t time.Time) UploadOption {
	return func(s *uploadSettings) {
		s.header.Mtime = &timestamppb.Timestamp{Seconds: t.Unix()}
	}
}

// RequestID sets the key by which the gateway knows the upload: 1 to 128 bytes
// of printable ASCII. By default one is made. The empty string switches it off,
// and with it every repetition after which the outcome could be unknown.
func RequestID(id string) UploadOption {
	return func(s *uploadSettings) { s.requestID = &id }
}

// FirstAttempt tells which call with its RequestID the first one of this upload
// is: 1 if there was none before. A first one is a request cheaper; a 1 that is
// not true can link a second object over the first.
func FirstAttempt(n int) UploadOption {
	return func(s *uploadSettings) { s.header.Attempt = uint32(n) }
}

// MaxAttempts limits how many calls of the gateway are made, the first
// included; 5 by default.
func MaxAttempts(n int) UploadOption {
	return func(s *uploadSettings) { s.attempts = n }
}

// Size tells how many bytes will come, where that is not found out. A source of
// another size fails with ErrMismatch, and nothing is linked.
func Size(bytes int64) UploadOption {
	return func(s *uploadSettings) { s.size = bytes }
}

// SHA256 has the gateway compare the digest of the whole object before it is
// linked. It costs the gateway more than moving the bytes does. Not for
// UploadMany and UploadFile.
func SHA256(sum [sha256.Size]byte) UploadOption {
	return func(s *uploadSettings) { s.sha256 = sum[:] }
}

// MD5 is the same as SHA256 with an MD5.
func MD5(sum [md5.Size]byte) UploadOption {
	return func(s *uploadSettings) { s.md5 = sum[:] }
}

// OnProgress has f told how far the upload is: a few times a second, one call at
// a time, never backwards, never after the upload has returned, and at least
// once, with the final number. It is called on a goroutine of the upload and
// must not block. An error of it ends the upload, and is returned; if it is of
// the last call, together with the result, for the object is linked then. Not for
// UploadMany.
func OnProgress(f func(Progress) error) UploadOption {
	return func(s *uploadSettings) { s.progress = f }
}

// OnCheckpoint has f told each token by which the upload can be gone on with
// after a crash, and before which offset, in bytes, nothing needs to be sent
// again; see ResumeToken. The newest takes the place of earlier ones. A token is
// a secret: keep it where only you can read it. Objects that the gateway puts at
// once, as small ones, have none.
//
// It is called on a goroutine of the upload, and while it blocks no reply is
// taken. An error of it ends the upload, and is returned. Needs RequestID. Not
// for UploadMany and UploadFile.
func OnCheckpoint(f func(token []byte, offset int64) error) UploadOption {
	return func(s *uploadSettings) { s.checkpoint = f }
}

// ResumeToken goes on with the upload that the token is of. Target, source,
// RequestID and the options have to be those of the call that was told it. Bytes
// that are stored are read again, for the checksum of the whole, and not sent.
// Not for UploadMany and UploadFile.
func ResumeToken(token []byte) UploadOption {
	return func(s *uploadSettings) { s.header.ResumeToken = token }
}

// newUpload makes the upload to target that the options describe. Its header
// stays as it is for all attempts, but for what belongs to one of them.
func (c *Client) newUpload(target string, opts []UploadOption) (*upload, *Error) {
	s := &uploadSettings{attempts: defaultAttempts, size: -1}
	for _, opt := range opts {
		opt(s)
	}
	u := &upload{client: c, target: target, settings: s, header: &s.header}
	var err *Error
	if u.header.Object, err = parseTarget(target); err != nil {
		return nil, err
	}
	if (s.checkpoint != nil || len(s.header.ResumeToken) > 0) && (s.requestID == nil || *s.requestID == "") {
		return nil, invalidRequest("OnCheckpoint and ResumeToken need a RequestID")
	}
	if s.size >= 0 {
		u.header.SizeBytes = &s.size
	}
	switch {
	case s.requestID != nil:
		u.header.RequestId = *s.requestID
		u.counts = s.header.Attempt > 0
	default:
		u.header.RequestId = newRequestID()
		u.header.Attempt = 1
		u.counts = true
	}
	u.progress.callback = s.progress
	return u, checkHeader(u.header)
}

// checkHeader finds what could not be sent.
func checkHeader(h *stagingv1.UploadHeader) *Error {
	texts := map[string]string{
		"content type": h.GetContentType(),
		"request id":   h.GetRequestId(),
		"checksum":     h.GetIfMatch(),
	}
	for key, value := range h.GetUserMetadata() {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return invalidRequest("the metadata %q: %q are not UTF-8", key, value)
		}
	}
	for name, text := range texts {
		if !utf8.ValidString(text) {
			return invalidRequest("the %s %q is not UTF-8", name, text)
		}
	}
	return nil
}

// newRequestID returns a random UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
