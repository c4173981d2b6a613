package staging_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/staging"
	"lakefs-staging.example/go/stagingv1"
)

const (
	target = "lakefs://repo/main/object"
	mib    = 1 << 20
)

func checksum(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

func content(size int) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data)
	return data
}

// once is a source that can be read once, and whose size nobody knows.
func once(data []byte) io.Reader { return io.MultiReader(bytes.NewReader(data)) }

func reopenable(data []byte) io.Reader {
	return staging.Reopenable(func() (io.ReadCloser, error) {
		return io.NopCloser(once(data)), nil
	})
}

func file(t testing.TB, data []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

var sources = map[string]func(testing.TB, []byte) io.Reader{
	"once":       func(_ testing.TB, data []byte) io.Reader { return once(data) },
	"reopenable": func(_ testing.TB, data []byte) io.Reader { return reopenable(data) },
	"seeker":     func(_ testing.TB, data []byte) io.Reader { return bytes.NewReader(data) },
	"buffer":     func(_ testing.TB, data []byte) io.Reader { return bytes.NewBuffer(bytes.Clone(data)) },
	"file":       func(t testing.TB, data []byte) io.Reader { return file(t, data) },
	"one byte":   func(_ testing.TB, data []byte) io.Reader { return iotest.OneByteReader(bytes.NewReader(data)) },
	"data and error": func(_ testing.TB, data []byte) io.Reader {
		return iotest.DataErrReader(bytes.NewReader(data))
	},
}

func TestUploadBringsEveryByteOfEverySource(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for name, source := range sources {
		for _, size := range []int{0, 1, mib - 1, mib, mib + 1, 3*mib + 17} {
			if name == "one byte" && size > mib+1 {
				continue
			}
			data := content(size)
			result, err := client.Upload(t.Context(), source(t, data), target)
			if err != nil {
				t.Fatalf("%s of %d bytes: %v", name, size, err)
			}
			if got, _ := s.has("object"); !bytes.Equal(got, data) {
				t.Errorf("%s of %d bytes: other bytes have come", name, size)
			}
			if result.Outcome != staging.OutcomeCommitted || *result.CRC32C != checksum(data) ||
				result.Object.SizeBytes != int64(size) || result.Attempts != 1 || len(result.RequestID) != 36 {
				t.Errorf("%s of %d bytes: %+v", name, size, result)
			}
		}
	}
}

func TestUploadTellsTheSizeThatIsKnown(t *testing.T) {
	data := content(2 * mib)
	known := map[string]io.Reader{
		"seeker": bytes.NewReader(data),
		"buffer": bytes.NewBuffer(bytes.Clone(data)),
		"len": struct {
			io.Reader
			lengther
		}{once(data), lengther(len(data))},
	}
	s := newStore(t)
	client := s.client(t)
	for name, source := range known {
		if _, err := client.Upload(t.Context(), source, target); err != nil {
			t.Fatal(err)
		}
		header := s.headers[len(s.headers)-1]
		if header.SizeBytes == nil || header.GetSizeBytes() != 2*mib {
			t.Errorf("%s: size %v", name, header.SizeBytes)
		}
	}
	if _, err := client.Upload(t.Context(), once(data), target); err != nil {
		t.Fatal(err)
	}
	if header := s.headers[len(s.headers)-1]; header.SizeBytes != nil || header.GetCanRewind() {
		t.Errorf("once: %v", header)
	}
}

type lengther int

func (l lengther) Len() int { return int(l) }

func TestUploadBeginsWhereTheSourceStands(t *testing.T) {
	s := newStore(t)
	source := strings.NewReader("not this; this")
	_, _ = source.Seek(10, io.SeekStart)
	if _, err := s.client(t).Upload(t.Context(), source, target); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.has("object"); string(got) != "this" {
		t.Errorf("%q", got)
	}
}

func TestUploadReadsFilesThatSayTheyAreEmpty(t *testing.T) {
	source, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	defer source.Close()
	s := newStore(t)
	if _, err := s.client(t).Upload(t.Context(), source, target); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.has("object"); len(got) == 0 {
		t.Error("nothing has come")
	}
}

func TestUploadSendsItsOptions(t *testing.T) {
	s := newStore(t)
	_, err := s.client(t).Upload(t.Context(), strings.NewReader("x"), "lakefs://repo/main//a b%2F?#",
		staging.ContentType("text/csv"), staging.UserMetadata(map[string]string{"k": "v"}),
		staging.IfAbsent(), staging.IfMatch("sum"), staging.Force(),
		staging.MTime(time.Unix(1700000000, 999999999)), staging.RequestID("mine"), staging.FirstAttempt(3))
	if err != nil {
		t.Fatal(err)
	}
	h := s.headers[0]
	if h.GetObject().GetPath() != "/a b%2F?#" || h.GetContentType() != "text/csv" || h.GetUserMetadata()["k"] != "v" ||
		!h.GetIfAbsent() || h.GetIfMatch() != "sum" || !h.GetForce() ||
		h.GetMtime().GetSeconds() != 1700000000 || h.GetMtime().GetNanos() != 0 ||
		h.GetRequestId() != "mine" || h.GetAttempt() != 3 {
		t.Errorf("%v", h)
	}
}

func TestUploadWithADigestIsAStream(t *testing.T) {
	s := newStore(t)
	upload := s.upload
	var finish *stagingv1.UploadFinish
	s2 := &gateway{upload: func(call uploadServer) error {
		r, err := receive(t, call)
		finish = r.finish
		if err != nil || !r.header.GetSha256Follows() || r.header.GetMd5Follows() {
			t.Error(r.header, err)
		}
		return call.Send(resultOf(committed(r.header, r.data)))
	}}
	_ = upload
	s2.start(t)
	if _, err := s2.client(t).Upload(t.Context(), strings.NewReader("x"), target, staging.SHA256([32]byte{1, 2})); err != nil {
		t.Fatal(err)
	}
	if sum := finish.GetSha256(); len(sum) != 32 || sum[1] != 2 {
		t.Errorf("%x", sum)
	}
}

// flaky fails each upload that often, and keeps the headers and the bytes of
// every attempt.
func flaky(t *testing.T, failures int, failure func() error) (*gateway, *[]*received, *[]time.Time) {
	var attempts []*received
	var times []time.Time
	fail := func() error {
		times = append(times, time.Now())
		if len(attempts) <= failures {
			return failure()
		}
		return nil
	}
	g := &gateway{
		upload: func(call uploadServer) error {
			r, err := receive(t, call)
			if err != nil {
				return err
			}
			attempts = append(attempts, r)
			if err := fail(); err != nil {
				return err
			}
			return call.Send(resultOf(committed(r.header, r.data)))
		},
		object: func(_ context.Context, r *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
			attempts = append(attempts, &received{header: r.GetHeader(), data: r.GetData()})
			if err := fail(); err != nil {
				return nil, err
			}
			return &stagingv1.UploadObjectResponse{Result: committed(r.GetHeader(), r.GetData())}, nil
		},
	}
	return g.start(t), &attempts, &times
}

func TestAnAttemptIsRepeatedAsItWas(t *testing.T) {
	for name, source := range map[string]io.Reader{
		"seeker":     bytes.NewReader(content(3 * mib)),
		"reopenable": reopenable(content(3 * mib)),
		"file":       file(t, content(3*mib)),
		"small":      once(content(1000)),
	} {
		t.Run(name, func(t *testing.T) {
			g, attempts, times := flaky(t, 2, func() error { return busy(t, 200*time.Millisecond) })
			result, err := g.client(t).Upload(t.Context(), source, target)
			if err != nil {
				t.Fatal(err)
			}
			if result.Attempts != 3 || len(*attempts) != 3 {
				t.Fatalf("%d attempts", len(*attempts))
			}
			first := (*attempts)[0]
			for i, a := range *attempts {
				if !bytes.Equal(a.data, first.data) {
					t.Errorf("attempt %d has other bytes", i+1)
				}
				if a.header.GetAttempt() != uint32(i+1) {
					t.Errorf("attempt %d is told as %d", i+1, a.header.GetAttempt())
				}
				header := proto.CloneOf(a.header)
				header.Attempt = first.header.GetAttempt()
				if !proto.Equal(header, first.header) {
					t.Errorf("attempt %d has another header", i+1)
				}
				if i > 0 && (*times)[i].Sub((*times)[i-1]) < 200*time.Millisecond {
					t.Errorf("attempt %d came too soon", i+1)
				}
			}
		})
	}
}

func TestAnAttemptIsNotRepeated(t *testing.T) {
	not, unknown := stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.Outcome_OUTCOME_UNKNOWN
	retry := uploadFailure(not, stagingv1.UploadFailure_ADVICE_RETRY_CALL)
	cases := map[string]struct {
		source io.Reader
		err    error
		opts   []staging.UploadOption
	}{
		"whose bytes are gone": {once(content(2 * mib)), gatewayError(t, codes.Unavailable, "DRAINING", retry), nil},
		"that is to be fixed": {bytes.NewReader(nil), gatewayError(t, codes.NotFound, "NOT_FOUND",
			uploadFailure(not, stagingv1.UploadFailure_ADVICE_FIX_REQUEST)), nil},
		"that is to be given up": {bytes.NewReader(nil), gatewayError(t, codes.Internal, "INTERNAL",
			uploadFailure(not, stagingv1.UploadFailure_ADVICE_GIVE_UP)), nil},
		"that was the last": {bytes.NewReader(nil), gatewayError(t, codes.Unavailable, "DRAINING", retry),
			[]staging.UploadOption{staging.MaxAttempts(1)}},
		"whose outcome is unknown, without an id": {bytes.NewReader(nil), gatewayError(t, codes.Unknown, "OUTCOME_UNKNOWN",
			uploadFailure(unknown, stagingv1.UploadFailure_ADVICE_RETRY_CALL)),
			[]staging.UploadOption{staging.RequestID("")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, attempts, _ := flaky(t, 9, func() error { return c.err })
			_, err := g.client(t).Upload(t.Context(), c.source, target, c.opts...)
			failure := failureOf(t, err)
			if len(*attempts) != 1 || failure.Attempts != 1 {
				t.Errorf("%d attempts, %d are told", len(*attempts), failure.Attempts)
			}
			if failure.Message != "so it is" || failure.Metadata["callId"] != "7" || failure.Target != target {
				t.Errorf("%+v", failure)
			}
		})
	}
}

func TestAttemptsEndWithTheTime(t *testing.T) {
	g, attempts, _ := flaky(t, 9, func() error { return busy(t, time.Hour) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := time.Now()
	_, err := g.client(t).Upload(ctx, bytes.NewReader(nil), target)
	if failure := failureOf(t, err); failure.RetryAfter != time.Hour || failure.Reason != "DRAINING" {
		t.Errorf("%+v", failure)
	}
	if len(*attempts) != 1 || time.Since(started) > patience/2 {
		t.Error("it was waited for an attempt that could not be")
	}
}

func TestAnOutcomeStaysUnknown(t *testing.T) {
	// The first attempt may have linked; that the second was refused proves
	// nothing of it.
	calls := 0
	g, _, _ := flaky(t, 9, func() error {
		if calls++; calls == 1 {
			return lost()
		}
		return gatewayError(t, codes.Unauthenticated, "CREDENTIALS_REJECTED", uploadFailure(
			stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_FIX_REQUEST))
	})
	_, err := g.client(t).Upload(t.Context(), bytes.NewReader(nil), target, staging.RequestID("mine"))
	failure := failureOf(t, err)
	if !errors.Is(err, staging.ErrOutcomeUnknown) || !errors.Is(err, staging.ErrPermission) || failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
	if !strings.Contains(err.Error(), `"mine"`) {
		t.Errorf("%v does not name the request id", err)
	}
}

func TestAnOutcomeIsAskedFor(t *testing.T) {
	running := &stagingv1.GetUploadOutcomeResponse{Outcome: stagingv1.Outcome_OUTCOME_UNKNOWN, InProgress: true}
	cases := map[string]struct {
		last  *stagingv1.GetUploadOutcomeResponse
		err   error
		check func(*testing.T, *staging.Result, error)
	}{
		"committed": {last: &stagingv1.GetUploadOutcomeResponse{Outcome: stagingv1.Outcome_OUTCOME_COMMITTED,
			Result: &stagingv1.UploadResult{Outcome: stagingv1.Outcome_OUTCOME_COMMITTED}},
			check: func(t *testing.T, r *staging.Result, err error) {
				if err != nil || r.Outcome != staging.OutcomeCommitted {
					t.Error(r, err)
				}
			}},
		"failed": {last: &stagingv1.GetUploadOutcomeResponse{Outcome: stagingv1.Outcome_OUTCOME_NOT_COMMITTED,
			FailureReason: "OBJECT_EXISTS", FailureMessage: "taken",
			Failure: uploadFailure(stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_FIX_REQUEST)},
			check: func(t *testing.T, _ *staging.Result, err error) {
				failure := failureOf(t, err)
				if !errors.Is(err, staging.ErrObjectExists) || !failure.NothingLinked() ||
					failure.Message != "taken" || failure.Code != codes.AlreadyExists {
					t.Errorf("%+v", failure)
				}
			}},
		"not known": {err: gatewayError(t, codes.NotFound, "NOT_FOUND"),
			check: func(t *testing.T, _ *staging.Result, err error) {
				failure := failureOf(t, err)
				if !errors.Is(err, staging.ErrOutcomeUnknown) || failure.Reason != "GATEWAY_CONNECTION_LOST" {
					t.Errorf("%+v", failure)
				}
			}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			asked := 0
			g := &gateway{
				upload: func(call uploadServer) error {
					if _, err := receive(t, call); err != nil {
						return err
					}
					return lost()
				},
				outcome: func(_ context.Context, r *stagingv1.GetUploadOutcomeRequest) (*stagingv1.GetUploadOutcomeResponse, error) {
					asked++
					switch {
					case r.GetRequestId() != "mine" || r.GetObject().GetPath() != "object":
						t.Error(r)
					case asked == 1:
						return running, nil
					case asked == 2:
						return nil, lost()
					}
					return c.last, c.err
				},
			}
			result, err := g.start(t).client(t).Upload(t.Context(), once(content(2*mib)), target, staging.RequestID("mine"))
			c.check(t, result, err)
			if asked != 3 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestALostConnectionBeforeTheFinishLinksNothing(t *testing.T) {
	g := &gateway{upload: func(call uploadServer) error {
		for range 2 {
			if _, err := call.Recv(); err != nil {
				return err
			}
		}
		return lost()
	}}
	_, err := g.start(t).client(t).Upload(t.Context(), once(content(20*mib)), target)
	failure := failureOf(t, err)
	if failure.Reason != "GATEWAY_CONNECTION_LOST" || !failure.NothingLinked() || !failure.Retryable() {
		t.Errorf("%+v", failure)
	}
}

func TestBytesAreSentAgain(t *testing.T) {
	data := content(3*mib + 17)
	for name, source := range map[string]io.Reader{
		"seeker": bytes.NewReader(data), "reopenable": reopenable(data), "file": file(t, data),
	} {
		for _, offset := range []int64{0, mib, mib + 7, 3*mib + 17} {
			g := &gateway{upload: func(call uploadServer) error {
				r, err := receive(t, call)
				if err != nil {
					return err
				}
				if err := call.Send(rewindTo(offset)); err != nil {
					return err
				}
				r.data = r.data[:offset]
				for {
					message, err := call.Recv()
					if err != nil {
						t.Errorf("%s from %d: %v before a second finish", name, offset, err)
						return err
					}
					if finish := message.GetFinish(); finish != nil {
						if !bytes.Equal(r.data, data) || finish.GetCrc32C() != checksum(data) {
							t.Errorf("%s from %d: other bytes", name, offset)
						}
						return call.Send(resultOf(committed(r.header, r.data)))
					}
					r.take(t, message.GetChunk())
				}
			}}
			if s, ok := source.(io.Seeker); ok {
				_, _ = s.Seek(0, io.SeekStart)
			}
			if _, err := g.start(t).client(t).Upload(t.Context(), source, target); err != nil {
				t.Errorf("%s from %d: %v", name, offset, err)
			}
		}
	}
}

func TestAnImpossibleRewindEndsTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		source io.Reader
		offset int64
	}{
		"not offered":          {once(content(32 * mib)), 0},
		"beyond what was sent": {bytes.NewReader(content(32 * mib)), 1 << 40},
		"negative":             {bytes.NewReader(content(32 * mib)), -1},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			g := &gateway{upload: func(call uploadServer) error {
				defer close(over)
				if err := call.Send(rewindTo(c.offset)); err != nil {
					return err
				}
				<-call.Context().Done() // and read nothing
				return call.Context().Err()
			}}
			_, err := g.start(t).client(t).Upload(t.Context(), c.source, target)
			failure := failureOf(t, err)
			if failure.Reason != "BAD_REPLY" || failure.Advice != staging.AdviceGiveUp || !failure.NothingLinked() {
				t.Errorf("%+v", failure)
			}
			await(t, over, "the end of the call")
		})
	}
}

func TestAnUploadGoesOnByItsToken(t *testing.T) {
	data := content(3*mib + 17)
	for name, source := range map[string]io.Reader{"once": once(data), "seeker": bytes.NewReader(data)} {
		g := &gateway{upload: func(call uploadServer) error {
			first, err := call.Recv()
			if err != nil {
				return err
			}
			if string(first.GetHeader().GetResumeToken()) != "token" {
				t.Error(first)
			}
			if err := call.Send(rewindTo(mib + 7)); err != nil {
				return err
			}
			r := &received{data: bytes.Clone(data[:mib+7])}
			for {
				message, err := call.Recv()
				if err != nil {
					return err
				}
				if finish := message.GetFinish(); finish != nil {
					if !bytes.Equal(r.data, data) || finish.GetCrc32C() != checksum(data) || finish.GetSizeBytes() != int64(len(data)) {
						t.Errorf("%s: other bytes", name)
					}
					return call.Send(resultOf(committed(first.GetHeader(), r.data)))
				}
				r.take(t, message.GetChunk())
			}
		}}
		_, err := g.start(t).client(t).Upload(t.Context(), source, target,
			staging.RequestID("mine"), staging.ResumeToken([]byte("token")))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASourceThatEndsBeforeItsTokenHasChanged(t *testing.T) {
	g := &gateway{upload: func(call uploadServer) error {
		if _, err := call.Recv(); err != nil {
			return err
		}
		if err := call.Send(rewindTo(mib)); err != nil {
			return err
		}
		_, err := call.Recv()
		return err
	}}
	_, err := g.start(t).client(t).Upload(t.Context(), once(content(1000)), target,
		staging.RequestID("mine"), staging.ResumeToken([]byte("token")), staging.MaxAttempts(1))
	if failure := failureOf(t, err); failure.Reason != "SOURCE_CHANGED" || !failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
}

func TestATokenThatIsTooOldIsDropped(t *testing.T) {
	g, attempts, _ := flaky(t, 0, nil)
	upload := g.upload
	refused := false
	g2 := &gateway{upload: func(call uploadServer) error {
		if !refused {
			refused = true
			return gatewayError(t, codes.FailedPrecondition, "RESUME_EXPIRED", uploadFailure(
				stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_RESTART))
		}
		return upload(call)
	}}
	data := content(2 * mib)
	_, err := g2.start(t).client(t).Upload(t.Context(), bytes.NewReader(data), target,
		staging.RequestID("mine"), staging.ResumeToken([]byte("token")))
	if err != nil {
		t.Fatal(err)
	}
	if a := (*attempts)[0]; a.header.GetResumeToken() != nil || !bytes.Equal(a.data, data) {
		t.Error("not all bytes have come without the token")
	}
}

func TestTheNewestCheckpointIsGoneOnWith(t *testing.T) {
	data := content(3 * mib)
	var tokens []string
	calls := 0
	g := &gateway{upload: func(call uploadServer) error {
		calls++
		first, err := call.Recv()
		if err != nil {
			return err
		}
		if !first.GetHeader().GetResumable() {
			t.Error("not resumable")
		}
		if calls == 1 {
			for i, token := range []string{"one", "two"} {
				if err := call.Send(&stagingv1.UploadAndLinkResponse{Message: &stagingv1.UploadAndLinkResponse_Checkpoint{
					Checkpoint: &stagingv1.UploadCheckpoint{Token: []byte(token), Offset: int64(i+1) * mib}}}); err != nil {
					return err
				}
			}
			return busy(t, 0)
		}
		if got := string(first.GetHeader().GetResumeToken()); got != "two" {
			t.Errorf("token %q", got)
		}
		return call.Send(resultOf(committed(first.GetHeader(), data)))
	}}
	_, err := g.start(t).client(t).Upload(t.Context(), bytes.NewReader(data), target, staging.RequestID("mine"),
		staging.OnCheckpoint(func(token []byte, _ int64) error {
			tokens = append(tokens, string(token))
			return nil
		}))
	if err != nil || strings.Join(tokens, " ") != "one two" || calls != 2 {
		t.Error(err, tokens, calls)
	}
}

var errOwn = errors.New("the caller's own error")

func TestASourcesOwnErrorComesBack(t *testing.T) {
	cancelled := make(chan struct{}, 1)
	finish := make(chan struct{}, 1)
	g := &gateway{
		upload: func(call uploadServer) error {
			if _, err := receive(t, call); err == nil {
				finish <- struct{}{}
			}
			cancelled <- struct{}{}
			return call.Context().Err()
		},
		object: func(context.Context, *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
			t.Error("an object has come")
			return nil, status.Error(codes.Internal, "")
		},
	}
	client := g.start(t).client(t)
	for _, own := range []error{errOwn, io.ErrUnexpectedEOF, status.Error(codes.Unavailable, "own"), &staging.Error{Advice: staging.AdviceRetryCall}} {
		for _, size := range []int{1000, mib, 3 * mib} {
			source := io.MultiReader(bytes.NewReader(content(size)), iotest.ErrReader(own))
			_, err := client.Upload(t.Context(), source, target)
			if err != own {
				t.Errorf("after %d bytes: %v, not %v", size, err, own)
			}
			if size > mib {
				await(t, cancelled, "the end of the call")
			}
		}
		opener := staging.Reopenable(func() (io.ReadCloser, error) { return nil, own })
		if _, err := client.Upload(t.Context(), opener, target); err != own {
			t.Errorf("of an opener: %v, not %v", err, own)
		}
	}
	select {
	case <-finish:
		t.Error("a finish has come")
	default:
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestASourcesPanicIsTheCallers(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for _, size := range []int{0, 3 * mib} {
		func() {
			defer func() {
				if p := recover(); p != "own" {
					t.Errorf("%v", p)
				}
			}()
			_, err := client.Upload(t.Context(), io.MultiReader(bytes.NewReader(content(size)),
				readerFunc(func([]byte) (int, error) { panic("own") })), target)
			t.Errorf("after %d bytes it returned %v", size, err)
		}()
	}
	if _, ok := s.has("object"); ok {
		t.Error("something was linked")
	}
}

func TestASourceOfAnotherSizeIsRefused(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for _, size := range []int{0, 1000, 3 * mib} {
		for _, told := range []int64{int64(size) - 1, int64(size) + 1, 5 * mib} {
			if told < 0 {
				continue
			}
			for name, source := range sources {
				if name == "one byte" && size > mib {
					continue
				}
				_, err := client.Upload(t.Context(), source(t, content(size)), target, staging.Size(told))
				if failure := failureOf(t, err); !errors.Is(err, staging.ErrMismatch) || !failure.NothingLinked() {
					t.Errorf("%s of %d bytes, told as %d: %v", name, size, told, err)
				}
			}
		}
	}
	if _, ok := s.has("object"); ok {
		t.Error("something was linked")
	}
}

func TestAFileThatIsWrittenToHasChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"cut":       func(path string) error { return os.Truncate(path, 10) },
		"grown":     func(path string) error { return os.Truncate(path, 64*mib) },
		"rewritten": func(path string) error { return os.Chtimes(path, time.Now(), time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			source := file(t, content(32*mib))
			g := &gateway{upload: func(call uploadServer) error {
				if _, err := call.Recv(); err != nil {
					return err
				}
				if err := change(source.Name()); err != nil {
					t.Error(err)
				}
				if _, err := receive(t, call); err == nil {
					t.Error("a finish has come")
				}
				return call.Context().Err()
			}}
			_, err := g.start(t).client(t).Upload(t.Context(), source, target, staging.MaxAttempts(1))
			if failure := failureOf(t, err); failure.Reason != "SOURCE_CHANGED" || !failure.NothingLinked() {
				t.Errorf("%+v", failure)
			}
		})
	}
}

func TestAContextEndsAnUploadWhoseSourceBlocks(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for name, size := range map[string]int{"at its beginning": 0, "in its middle": 3 * mib} {
		reading, release := make(chan struct{}), make(chan struct{})
		source := io.MultiReader(bytes.NewReader(content(size)), readerFunc(func([]byte) (int, error) {
			close(reading)
			<-release
			return 0, errOwn
		}))
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() {
			_, err := client.Upload(ctx, source, target)
			ended <- err
		}()
		await(t, reading, "the source to block")
		cancel(errOwn)
		err := await(t, ended, "the upload to end")
		close(release)
		failure := failureOf(t, err)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, errOwn) || !failure.NothingLinked() || failure.Reason != "CANCELLED" {
			t.Errorf("%s: %+v", name, failure)
		}
	}
}

func TestADeadlineEndsACallThatStalls(t *testing.T) {
	g := &gateway{
		upload: func(call uploadServer) error {
			<-call.Context().Done()
			return call.Context().Err()
		},
		object: func(ctx context.Context, _ *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	client := g.start(t).client(t)
	for size, outcome := range map[int]staging.Outcome{
		10: staging.OutcomeUnknown, 64 * mib: staging.OutcomeNotCommitted} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := client.Upload(ctx, bytes.NewReader(content(size)), target)
		cancel()
		failure := failureOf(t, err)
		if !errors.Is(err, context.DeadlineExceeded) || failure.Outcome != outcome || failure.RequestID == "" {
			t.Errorf("%d bytes: %+v", size, failure)
		}
	}
}

func TestACancelledWaitTellsWhatIsKnown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, attempts, _ := flaky(t, 9, func() error {
		time.AfterFunc(time.Millisecond, cancel)
		return busy(t, time.Hour)
	})
	_, err := g.client(t).Upload(ctx, bytes.NewReader(nil), target)
	failure := failureOf(t, err)
	if !errors.Is(err, context.Canceled) || failure.Attempts != 1 || len(*attempts) != 1 {
		t.Errorf("%+v", failure)
	}
	// On a busy machine the cancellation may come before the gateway's answer.
	if strings.Contains(errors.Unwrap(err).Error(), "DRAINING") && !failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
}

func TestAResultIsTheLastWord(t *testing.T) {
	g := &gateway{upload: func(call uploadServer) error {
		r, err := receive(t, call)
		if err != nil {
			return err
		}
		if err := call.Send(resultOf(committed(r.header, r.data))); err != nil {
			return err
		}
		return lost()
	}}
	if _, err := g.start(t).client(t).Upload(t.Context(), bytes.NewReader(content(2*mib)), target); err != nil {
		t.Error(err)
	}
}

func TestAnEndWithoutAResultIsABadReply(t *testing.T) {
	g := &gateway{
		upload: func(call uploadServer) error {
			_, err := receive(t, call)
			return err
		},
		object: func(context.Context, *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
			return &stagingv1.UploadObjectResponse{}, nil
		},
	}
	client := g.start(t).client(t)
	for _, size := range []int{10, 2 * mib} {
		_, err := client.Upload(t.Context(), bytes.NewReader(content(size)), target)
		failure := failureOf(t, err)
		if failure.Reason != "BAD_REPLY" || failure.Advice != staging.AdviceGiveUp || failure.Outcome != staging.OutcomeUnknown {
			t.Errorf("%+v", failure)
		}
	}
}

func TestProgressNeverGoesBackAndEndsWithTheSize(t *testing.T) {
	told := func(received int64) *stagingv1.UploadAndLinkResponse {
		return &stagingv1.UploadAndLinkResponse{Message: &stagingv1.UploadAndLinkResponse_Progress{
			Progress: &stagingv1.UploadProgress{Phase: stagingv1.UploadProgress_PHASE_UPLOADING, ReceivedBytes: received, StoredBytes: received}}}
	}
	g := &gateway{
		upload: func(call uploadServer) error {
			r, err := receive(t, call)
			if err != nil {
				return err
			}
			if !r.header.GetProgress() {
				t.Error("no progress is asked for")
			}
			for _, bytes := range []int64{mib, 2 * mib, mib} {
				if err := call.Send(told(bytes)); err != nil {
					return err
				}
			}
			return call.Send(resultOf(committed(r.header, r.data)))
		},
		object: newStore(t).object,
	}
	client := g.start(t).client(t)
	for _, size := range []int{0, 10, 3 * mib} {
		var seen []staging.Progress
		var returned atomic.Bool
		_, err := client.Upload(t.Context(), bytes.NewReader(content(size)), target, staging.OnProgress(func(p staging.Progress) error {
			if returned.Load() {
				t.Error("progress after the end")
			}
			seen = append(seen, p)
			return nil
		}))
		returned.Store(true)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(seen); i++ {
			if seen[i].ReceivedBytes < seen[i-1].ReceivedBytes || seen[i].StoredBytes < seen[i-1].StoredBytes {
				t.Errorf("it went back: %v", seen)
			}
		}
		if last := seen[len(seen)-1]; last.ReceivedBytes != int64(size) || last.StoredBytes != int64(size) {
			t.Errorf("the last is %v of %d bytes", last, size)
		}
	}
}

func TestAnErrorOfACallbackEndsTheUpload(t *testing.T) {
	over := make(chan struct{}, 1)
	g := &gateway{upload: func(call uploadServer) error {
		defer func() { over <- struct{}{} }()
		if err := call.Send(&stagingv1.UploadAndLinkResponse{Message: &stagingv1.UploadAndLinkResponse_Checkpoint{
			Checkpoint: &stagingv1.UploadCheckpoint{Token: []byte("t")}}}); err != nil {
			return err
		}
		if _, err := receive(t, call); err == nil {
			t.Error("a finish has come")
		}
		return nil
	}}
	client := g.start(t).client(t)
	for name, opt := range map[string]staging.UploadOption{
		"progress":   staging.OnProgress(func(staging.Progress) error { return errOwn }),
		"checkpoint": staging.OnCheckpoint(func([]byte, int64) error { return errOwn }),
	} {
		_, err := client.Upload(t.Context(), bytes.NewReader(content(64*mib)), target, opt, staging.RequestID("mine"))
		if err != errOwn {
			t.Errorf("%s: %v", name, err)
		}
		await(t, over, "the end of the call")
	}
}

func TestWhatCannotBeSentIsRefusedWithoutACall(t *testing.T) {
	client := (&gateway{}).start(t).client(t)
	for name, c := range map[string]struct {
		target string
		opts   []staging.UploadOption
	}{
		"no scheme":     {"repo/main/x", nil},
		"no path":       {"lakefs://repo/main/", nil},
		"no branch":     {"lakefs://repo", nil},
		"no repository": {"lakefs:///main/x", nil},
		"path":          {"lakefs://repo/main/\xff", nil},
		"surrogate":     {"lakefs://repo/main/\xed\xa0\x80", nil},
		"metadata":      {target, []staging.UploadOption{staging.UserMetadata(map[string]string{"k": "\xff"})}},
		"content type":  {target, []staging.UploadOption{staging.ContentType("\xff")}},
		"checkpoint":    {target, []staging.UploadOption{staging.OnCheckpoint(func([]byte, int64) error { return nil })}},
		"token":         {target, []staging.UploadOption{staging.ResumeToken([]byte("t"))}},
	} {
		_, err := client.Upload(t.Context(), strings.NewReader("x"), c.target, c.opts...)
		failure := failureOf(t, err)
		if !errors.Is(err, staging.ErrInvalidRequest) || !failure.NothingLinked() || failure.Advice != staging.AdviceFixRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUploadFile(t *testing.T) {
	calls := 0
	g := &gateway{file: func(r *stagingv1.UploadFileRequest, call fileServer) error {
		calls++
		if r.GetFile() != "/shared/a" || r.GetHeader().GetAttempt() != uint32(calls) || !r.GetHeader().GetProgress() {
			t.Error(r)
		}
		if calls == 1 {
			return busy(t, 0)
		}
		if err := call.Send(&stagingv1.UploadAndLinkResponse{Message: &stagingv1.UploadAndLinkResponse_Progress{
			Progress: &stagingv1.UploadProgress{ReceivedBytes: 4}}}); err != nil {
			return err
		}
		return call.Send(resultOf(committed(r.GetHeader(), []byte("abcdefg"))))
	}}
	client := g.start(t).client(t)
	var last staging.Progress
	result, err := client.UploadFile(t.Context(), "/shared/a", target,
		staging.OnProgress(func(p staging.Progress) error { last = p; return nil }))
	if err != nil || result.Attempts != 2 || last.StoredBytes != 7 {
		t.Error(result, err, last)
	}
	if _, err := client.UploadFile(t.Context(), "/shared/\xff", target); !errors.Is(err, staging.ErrInvalidRequest) {
		t.Error(err)
	}
}
