package staging_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"lakefs-staging.example/go/staging"
	"lakefs-staging.example/go/stagingv1"
)

func TestAddresses(t *testing.T) {
	for _, good := range []string{"127.0.0.1:8765", "gateway:1", "[::1]:65535", "unix:/run/g.sock"} {
		client, err := staging.New(staging.WithGateway(good))
		if err != nil {
			t.Errorf("%q: %v", good, err)
			continue
		}
		_ = client.Close()
	}
	for _, bad := range []string{"gateway", ":80", "gateway:", "gateway:0", "gateway:65536", "gateway:x", "unix:", "http://gateway:80", "dns:///gateway:80"} {
		_, err := staging.New(staging.WithGateway(bad))
		if !errors.Is(err, staging.ErrInvalidRequest) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTheEnvironmentNamesTheGateway(t *testing.T) {
	s := newStore(t)
	t.Setenv("LAKEFS_STAGING_GATEWAY", s.address)
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	client, err := staging.New()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Upload(t.Context(), strings.NewReader("x"), target); err != nil {
		t.Error(err)
	}
	t.Setenv("LAKEFS_STAGING_GATEWAY", "bad")
	if _, err := staging.New(); !errors.Is(err, staging.ErrInvalidRequest) {
		t.Error(err)
	}
}

const secret = "Bearer sesame-8c1f"

func TestTheAuthorizationGoesWithEveryAttemptAndNowhereElse(t *testing.T) {
	t.Setenv("LAKEFS_STAGING_AUTHORIZATION", secret)
	var seen []string
	g := &gateway{object: func(ctx context.Context, _ *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
		seen = append(seen, authorizationOf(ctx)...)
		return nil, lost()
	}}
	client := g.start(t).client(t)
	_, err := client.Upload(t.Context(), strings.NewReader("x"), target, staging.MaxAttempts(2))
	if len(seen) != 2 || seen[0] != secret || seen[1] != secret {
		t.Errorf("%v", seen)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "client", client, "error", err)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", client, client, *client), fmt.Sprintf("%v %+v %#v", err, err, err), log.String()} {
		if strings.Contains(text, "sesame") {
			t.Errorf("the authorization is in %s", text)
		}
	}
}

func TestTheAuthorizationNeedsASafeWay(t *testing.T) {
	with := staging.WithAuthorization(secret)
	for gateway, safe := range map[string]bool{
		"10.1.2.3:80": false, "gateway:80": false, "127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "unix:/s": true,
	} {
		client, err := staging.New(staging.WithGateway(gateway), with)
		if (err == nil) != safe {
			t.Errorf("%s: %v", gateway, err)
		}
		if err == nil {
			_ = client.Close()
		} else if strings.Contains(err.Error(), "sesame") {
			t.Error(err)
		}
	}
	for _, way := range []staging.Option{staging.AllowPlaintextAuthorization(), staging.WithTLS(nil)} {
		client, err := staging.New(staging.WithGateway("gateway:80"), with, way)
		if err != nil {
			t.Error(err)
			continue
		}
		_ = client.Close()
	}
	if _, err := staging.New(staging.WithAuthorization("a\nb")); !errors.Is(err, staging.ErrInvalidRequest) {
		t.Error(err)
	}
}

// freeAddress is one at which nobody listens.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestNobodyThere(t *testing.T) {
	address := freeAddress(t)
	client := (&gateway{address: address}).client(t, staging.WithConnectTimeout(50*time.Millisecond))
	_, err := client.Upload(t.Context(), strings.NewReader("x"), target)
	failure := failureOf(t, err)
	if failure.Reason != "GATEWAY_UNREACHABLE" || !strings.Contains(err.Error(), address) ||
		!strings.Contains(err.Error(), "refused") || !failure.NothingLinked() || !failure.Retryable() {
		t.Errorf("%+v", failure)
	}
	if _, err := client.Outcome(t.Context(), "id", ""); failureOf(t, err).Reason != "GATEWAY_UNREACHABLE" {
		t.Error(err)
	}
}

func TestAGatewayThatComesLaterIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	client := (&gateway{address: "unix:" + path}).client(t, staging.WithConnectTimeout(patience))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Upload(ctx, strings.NewReader("x"), target)
	if !errors.Is(err, context.DeadlineExceeded) || !failureOf(t, err).NothingLinked() {
		t.Errorf("%+v", err)
	}
	ended := make(chan error)
	go func() {
		_, err := client.Upload(t.Context(), strings.NewReader("x"), target)
		ended <- err
	}()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	(&gateway{object: newStore(t).object}).serve(t, listener)
	if err := await(t, ended, "the upload"); err != nil {
		t.Error(err)
	}
}

func TestAServerOfAnotherKindIsNotWaitedFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	client := (&gateway{address: listener.Addr().String()}).client(t, staging.WithConnectTimeout(patience))
	started := time.Now()
	_, err = client.Upload(t.Context(), strings.NewReader("x"), target)
	if failure := failureOf(t, err); failure.Reason != "GATEWAY_UNREACHABLE" || time.Since(started) > patience/2 {
		t.Errorf("%+v", failure)
	}
	none := (&gateway{}).start(t).client(t)
	_, err = none.Upload(t.Context(), strings.NewReader("x"), target)
	if failure := failureOf(t, err); failure.Reason != "NOT_A_GATEWAY" || !failure.NothingLinked() || failure.Attempts != 1 {
		t.Errorf("%+v", failure)
	}
}

func TestCloseEndsTheCalls(t *testing.T) {
	begun := make(chan struct{})
	g := &gateway{upload: func(call uploadServer) error {
		close(begun)
		<-call.Context().Done()
		return nil
	}}
	client := g.start(t).client(t)
	ended := make(chan error)
	go func() {
		_, err := client.Upload(t.Context(), bytes.NewReader(content(64*mib)), target)
		ended <- err
	}()
	await(t, begun, "the call")
	for range 2 {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := await(t, ended, "the upload"); !errors.Is(err, staging.ErrClosed) || !failureOf(t, err).NothingLinked() {
		t.Error(err)
	}
	if _, err := client.Upload(t.Context(), strings.NewReader("x"), target); !errors.Is(err, staging.ErrClosed) {
		t.Error(err)
	}
	if _, err := client.Outcome(t.Context(), "id", ""); !errors.Is(err, staging.ErrClosed) {
		t.Error(err)
	}
}

func TestAContextThatHasEndedMakesNoCall(t *testing.T) {
	client := newStore(t).client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Upload(ctx, bytes.NewReader(content(2*mib)), target)
	if failure := failureOf(t, err); !errors.Is(err, context.Canceled) || !failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
}

func TestAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{object: newStore(t).object}
	g.serve(t, listener)
	g.address = "unix:" + path
	if _, err := g.client(t).Upload(t.Context(), strings.NewReader("x"), target); err != nil {
		t.Error(err)
	}
}

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	g := &gateway{object: newStore(t).object}
	g.start(t, grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	good := g.client(t, staging.WithTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}), staging.WithAuthorization(secret))
	if _, err := good.Upload(t.Context(), strings.NewReader("x"), target); err != nil {
		t.Error(err)
	}
	bad := g.client(t, staging.WithTLS(nil), staging.WithConnectTimeout(patience))
	_, err := bad.Upload(t.Context(), strings.NewReader("x"), target)
	if failure := failureOf(t, err); failure.Reason != "GATEWAY_UNREACHABLE" || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%+v", failure)
	}
}

func TestEveryDetailOfAnErrorIsTold(t *testing.T) {
	size := int64(7)
	failure := uploadFailure(99, 98)
	failure.Object = &stagingv1.ObjectStats{Path: "object", Checksum: "sum", SizeBytes: &size,
		Mtime: timestamppb.New(time.Unix(1, 0)), UserMetadata: map[string]string{"k": "v"}}
	sent := gatewayError(t, codes.FailedPrecondition, "NEW_REASON", failure,
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "header", Description: "wrong"}}},
		&errdetails.ResourceInfo{ResourceType: "branch", ResourceName: "main"},
		&errdetails.Help{})
	g := &gateway{object: func(context.Context, *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
		return nil, sent
	}}
	_, err := g.start(t).client(t).Upload(t.Context(), strings.NewReader("x"), target, staging.RequestID("mine"))
	e := failureOf(t, err)
	if e.Code != codes.FailedPrecondition || e.Reason != "NEW_REASON" || e.Domain != "lakefs.staging" ||
		e.Message != "so it is" || e.Outcome.String() != "99" || e.Advice.String() != "98" || e.Retryable() ||
		len(e.Violations) != 1 || e.Violations[0] != (staging.Violation{Field: "header", Description: "wrong"}) ||
		*e.Resource != (staging.Resource{Type: "branch", Name: "main"}) || e.RequestID != "mine" ||
		e.Object.Checksum != "sum" || e.Object.SizeBytes != 7 || !e.Object.MTime.Equal(time.Unix(1, 0)) {
		t.Errorf("%+v", e)
	}
	if status.Code(err) != codes.FailedPrecondition {
		t.Error(status.Code(err))
	}
}

func TestErrorsMatchWhatStandsForThem(t *testing.T) {
	for reason, matches := range map[string][]error{
		"OBJECT_EXISTS":        {staging.ErrObjectExists, fs.ErrExist},
		"OBJECT_CHANGED":       {staging.ErrObjectChanged},
		"NOT_FOUND":            {staging.ErrNotFound, fs.ErrNotExist},
		"PERMISSION_DENIED":    {staging.ErrPermission, fs.ErrPermission},
		"CREDENTIALS_REJECTED": {staging.ErrPermission},
		"INVALID_REQUEST":      {staging.ErrInvalidRequest},
		"CHECKSUM_MISMATCH":    {staging.ErrMismatch},
		"SIZE_MISMATCH":        {staging.ErrMismatch},
	} {
		err := fmt.Errorf("wrapped: %w", &staging.Error{Reason: reason})
		for _, match := range matches {
			if !errors.Is(err, match) {
				t.Errorf("%s is no %v", reason, match)
			}
		}
		for _, other := range []error{staging.ErrOutcomeUnknown, staging.ErrNotCommitted, staging.ErrClosed, context.Canceled, context.DeadlineExceeded} {
			if errors.Is(err, other) {
				t.Errorf("%s is %v", reason, other)
			}
		}
	}
}

func TestThePlainCalls(t *testing.T) {
	url, token := "https://store/secret-url", "secret-token"
	location := &stagingv1.StagingLocation{PhysicalAddress: "s3://b/x", Token: &token, PresignedUrl: &url,
		PresignedUrlExpiry: timestamppb.New(time.Unix(5, 6))}
	g := &gateway{
		getAddress: func(_ context.Context, r *stagingv1.GetPhysicalAddressRequest) (*stagingv1.GetPhysicalAddressResponse, error) {
			if !r.GetPresign() || r.GetObject().GetPath() != "object" {
				t.Error(r)
			}
			return &stagingv1.GetPhysicalAddressResponse{Location: location}, nil
		},
		link: func(_ context.Context, r *stagingv1.LinkPhysicalAddressRequest) (*stagingv1.LinkPhysicalAddressResponse, error) {
			m := r.GetMetadata()
			if m.GetStaging().String() != location.String() || m.GetChecksum() != "sum" || m.GetSizeBytes() != 7 ||
				!r.GetIfAbsent() || m.GetContentType() != "text/x" {
				t.Error(r)
			}
			return &stagingv1.LinkPhysicalAddressResponse{Outcome: stagingv1.Outcome_OUTCOME_SUPERSEDED,
				Object: &stagingv1.ObjectStats{Checksum: m.GetChecksum()}}, nil
		},
		discard: func(_ context.Context, r *stagingv1.DiscardUploadRequest) (*stagingv1.DiscardUploadResponse, error) {
			if string(r.GetResumeToken()) != "token" {
				t.Error(r)
			}
			return &stagingv1.DiscardUploadResponse{}, nil
		},
		outcome: func(_ context.Context, r *stagingv1.GetUploadOutcomeRequest) (*stagingv1.GetUploadOutcomeResponse, error) {
			if r.GetRequestId() != "mine" {
				t.Error(r)
			}
			return &stagingv1.GetUploadOutcomeResponse{Outcome: stagingv1.Outcome_OUTCOME_NOT_COMMITTED, FailureReason: "LINK_CONFLICT",
				Failure: uploadFailure(stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_RESTART)}, nil
		},
	}
	client := g.start(t).client(t)
	got, err := client.GetPhysicalAddress(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got, *got, got, []any{*got}); strings.Contains(text, "secret") {
		t.Errorf("a secret is in %s", text)
	}
	result, err := client.LinkPhysicalAddress(t.Context(), target,
		staging.StagingMetadata{Staging: *got, Checksum: "sum", SizeBytes: 7}, staging.IfAbsent(), staging.ContentType("text/x"))
	if err != nil || result.Outcome != staging.OutcomeSuperseded || result.Object.Checksum != "sum" {
		t.Error(result, err)
	}
	if err := client.Discard(t.Context(), []byte("token")); err != nil {
		t.Error(err)
	}
	outcome, err := client.Outcome(t.Context(), "mine", target)
	if err != nil || outcome.Failure.Reason != "LINK_CONFLICT" || outcome.Outcome != staging.OutcomeNotCommitted || outcome.Result != nil {
		t.Errorf("%+v, %v", outcome, err)
	}
	if _, err := client.Outcome(t.Context(), "mine", "nonsense"); !errors.Is(err, staging.ErrInvalidRequest) {
		t.Error(err)
	}
}

func TestALinkWhoseAnswerWasLostIsUnknown(t *testing.T) {
	g := &gateway{link: func(context.Context, *stagingv1.LinkPhysicalAddressRequest) (*stagingv1.LinkPhysicalAddressResponse, error) {
		return nil, lost()
	}}
	_, err := g.start(t).client(t).LinkPhysicalAddress(t.Context(), target, staging.StagingMetadata{})
	if failure := failureOf(t, err); failure.Outcome != staging.OutcomeUnknown || failure.Target != target || failure.Attempts != 1 {
		t.Errorf("%+v", failure)
	}
}

func TestObjectURI(t *testing.T) {
	for _, c := range [][4]string{
		{"r", "b", "p/q", "lakefs://r/b/p/q"},
		{"r", "b", "/p", "lakefs://r/b//p"},
		{"r/x", "b", "p", "lakefs://r%2Fx/b/p"},
	} {
		if got := staging.ObjectURI(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%q, not %q", got, c[3])
		}
	}
}
