package staging_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"lakefs-staging.example/go/staging"
	"lakefs-staging.example/go/stagingv1"
)

// patience is the limit of waits that end by an event.
const patience = time.Minute

type (
	uploadServer = grpc.BidiStreamingServer[stagingv1.UploadAndLinkRequest, stagingv1.UploadAndLinkResponse]
	manyServer   = grpc.BidiStreamingServer[stagingv1.UploadManyRequest, stagingv1.UploadManyResponse]
	fileServer   = grpc.ServerStreamingServer[stagingv1.UploadAndLinkResponse]
)

// gateway is a gateway in this process. What is nil is not offered.
type gateway struct {
	address string

	upload     func(uploadServer) error
	many       func(manyServer) error
	file       func(*stagingv1.UploadFileRequest, fileServer) error
	object     func(context.Context, *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error)
	outcome    func(context.Context, *stagingv1.GetUploadOutcomeRequest) (*stagingv1.GetUploadOutcomeResponse, error)
	getAddress func(context.Context, *stagingv1.GetPhysicalAddressRequest) (*stagingv1.GetPhysicalAddressResponse, error)
	link       func(context.Context, *stagingv1.LinkPhysicalAddressRequest) (*stagingv1.LinkPhysicalAddressResponse, error)
	discard    func(context.Context, *stagingv1.DiscardUploadRequest) (*stagingv1.DiscardUploadResponse, error)
}

// start serves until the test ends.
func (g *gateway) start(t testing.TB, opts ...grpc.ServerOption) *gateway {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.serve(t, listener, opts...)
	return g
}

func (g *gateway) serve(t testing.TB, listener net.Listener, opts ...grpc.ServerOption) {
	t.Cleanup(g.serveUntil(listener, opts...))
}

// serveUntil serves until the function that it returns is called.
func (g *gateway) serveUntil(listener net.Listener, opts ...grpc.ServerOption) (stop func()) {
	g.address = listener.Addr().String()
	server := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(5*mib))...)
	server.RegisterService(g.description(), nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return func() {
		server.Stop()
		<-done
	}
}

func (g *gateway) description() *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: "lakefs.staging.v1.Staging"}
	if g.object != nil {
		desc.Methods = append(desc.Methods, unary("UploadObject", g.object))
	}
	if g.outcome != nil {
		desc.Methods = append(desc.Methods, unary("GetUploadOutcome", g.outcome))
	}
	if g.getAddress != nil {
		desc.Methods = append(desc.Methods, unary("GetPhysicalAddress", g.getAddress))
	}
	if g.link != nil {
		desc.Methods = append(desc.Methods, unary("LinkPhysicalAddress", g.link))
	}
	if g.discard != nil {
		desc.Methods = append(desc.Methods, unary("DiscardUpload", g.discard))
	}
	stream := func(name string, handler grpc.StreamHandler) {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: name, Handler: handler, ServerStreams: true, ClientStreams: true})
	}
	if g.upload != nil {
		stream("UploadAndLink", func(_ any, s grpc.ServerStream) error {
			return g.upload(&grpc.GenericServerStream[stagingv1.UploadAndLinkRequest, stagingv1.UploadAndLinkResponse]{ServerStream: s})
		})
	}
	if g.many != nil {
		stream("UploadMany", func(_ any, s grpc.ServerStream) error {
			return g.many(&grpc.GenericServerStream[stagingv1.UploadManyRequest, stagingv1.UploadManyResponse]{ServerStream: s})
		})
	}
	if g.file != nil {
		stream("UploadFile", func(_ any, s grpc.ServerStream) error {
			request := new(stagingv1.UploadFileRequest)
			if err := s.RecvMsg(request); err != nil {
				return err
			}
			return g.file(request, &grpc.GenericServerStream[stagingv1.UploadFileRequest, stagingv1.UploadAndLinkResponse]{ServerStream: s})
		})
	}
	return desc
}

func unary[Request, Response any](name string, f func(context.Context, *Request) (*Response, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context,
		decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		request := new(Request)
		if err := decode(request); err != nil {
			return nil, err
		}
		return f(ctx, request)
	}}
}

// client returns a client of the gateway, which is closed when the test ends.
func (g *gateway) client(t testing.TB, opts ...staging.Option) *staging.Client {
	t.Helper()
	client, err := staging.New(append([]staging.Option{staging.WithGateway(g.address)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// failer is told what is wrong: a test, or a program of examples.
type failer interface {
	Error(...any)
	Errorf(string, ...any)
}

// received is what came by one call of UploadAndLink.
type received struct {
	header *stagingv1.UploadHeader
	data   []byte
	chunks int
	finish *stagingv1.UploadFinish
}

// receive takes what comes until the finish. It checks what every stream has to
// keep to.
func receive(t failer, s uploadServer) (*received, error) {
	r := new(received)
	for {
		message, err := s.Recv()
		if err != nil {
			return r, err
		}
		switch {
		case message.GetHeader() != nil:
			r.header = message.GetHeader()
		case message.GetFinish() != nil:
			r.finish = message.GetFinish()
			return r, nil
		default:
			r.take(t, message.GetChunk())
		}
	}
}

func (r *received) take(t failer, chunk *stagingv1.UploadChunk) {
	if chunk.GetWriteOffset() != int64(len(r.data)) {
		t.Errorf("a chunk at %d, not %d", chunk.GetWriteOffset(), len(r.data))
	}
	if n := len(chunk.GetData()); n == 0 || n > 1<<20 {
		t.Errorf("a chunk of %d bytes", n)
	}
	if chunk.GetCrc32C() != checksum(chunk.GetData()) {
		t.Errorf("the checksum of the chunk at %d is wrong", chunk.GetWriteOffset())
	}
	r.data = append(r.data, chunk.GetData()...)
	r.chunks++
}

// committed is the answer to an upload.
func committed(header *stagingv1.UploadHeader, data []byte) *stagingv1.UploadResult {
	size, sum := int64(len(data)), checksum(data)
	return &stagingv1.UploadResult{
		Object: &stagingv1.ObjectStats{
			Path:         header.GetObject().GetPath(),
			SizeBytes:    &size,
			ContentType:  header.GetContentType(),
			UserMetadata: header.GetUserMetadata(),
		},
		Outcome: stagingv1.Outcome_OUTCOME_COMMITTED,
		Plan:    stagingv1.Plan_PLAN_SINGLE_PUT,
		Crc32C:  &sum,
	}
}

func resultOf(r *stagingv1.UploadResult) *stagingv1.UploadAndLinkResponse {
	return &stagingv1.UploadAndLinkResponse{
		Message: &stagingv1.UploadAndLinkResponse_Result{Result: r}}
}

func rewindTo(offset int64) *stagingv1.UploadAndLinkResponse {
	return &stagingv1.UploadAndLinkResponse{Message: &stagingv1.UploadAndLinkResponse_Rewind{
		Rewind: &stagingv1.UploadRewind{Offset: offset}}}
}

// store is a gateway that keeps what it gets.
type store struct {
	gateway
	mu      sync.Mutex
	objects map[string][]byte
	headers []*stagingv1.UploadHeader
}

func newStore(t testing.TB) *store {
	s := emptyStore(t)
	s.start(t)
	return s
}

func emptyStore(t failer) *store {
	s := &store{objects: make(map[string][]byte)}
	s.object = func(_ context.Context, r *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
		if r.GetCrc32C() != checksum(r.GetData()) {
			t.Error("the checksum of the object is wrong")
		}
		s.keep(r.GetHeader(), r.GetData())
		return &stagingv1.UploadObjectResponse{Result: committed(r.GetHeader(), r.GetData())}, nil
	}
	s.upload = func(call uploadServer) error {
		r, err := receive(t, call)
		if err != nil {
			return err
		}
		if r.finish.GetSizeBytes() != int64(len(r.data)) || r.finish.GetCrc32C() != checksum(r.data) {
			t.Error("the finish is not that of the bytes")
		}
		s.keep(r.header, r.data)
		return call.Send(resultOf(committed(r.header, r.data)))
	}
	s.many = func(call manyServer) error {
		for {
			r, err := call.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			s.keep(r.GetHeader(), r.GetData())
			if err := call.Send(&stagingv1.UploadManyResponse{Id: r.GetId(),
				Answer: &stagingv1.UploadManyResponse_Result{Result: committed(r.GetHeader(), r.GetData())}}); err != nil {
				return err
			}
		}
	}
	return s
}

func (s *store) keep(header *stagingv1.UploadHeader, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[header.GetObject().GetPath()] = data
	s.headers = append(s.headers, header)
}

func (s *store) has(path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[path]
	return data, ok
}

// gatewayError is an error with the details of a gateway.
func gatewayError(t testing.TB, code codes.Code, reason string, details ...protoadapt.MessageV1) error {
	t.Helper()
	details = append([]protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: reason, Domain: "lakefs.staging",
			Metadata: map[string]string{"callId": "7"}}}, details...)
	st, err := status.New(code, "so it is").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func uploadFailure(outcome stagingv1.Outcome, advice stagingv1.UploadFailure_Advice) *stagingv1.UploadFailure {
	return &stagingv1.UploadFailure{Outcome: outcome, Advice: advice}
}

// busy is an error that asks for a repetition.
func busy(t testing.TB, after time.Duration) error {
	return gatewayError(t, codes.Unavailable, "DRAINING",
		uploadFailure(stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_RETRY_CALL),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
}

// lost is what a connection that breaks looks like.
func lost() error { return status.Error(codes.Unavailable, "error reading from server: EOF") }

func authorizationOf(ctx context.Context) []string {
	return metadata.ValueFromIncomingContext(ctx, "authorization")
}

// await fails the test if c is not closed in time.
func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-c:
		return value
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

// failureOf takes an error apart that has to be the package's.
func failureOf(t testing.TB, err error) *staging.Error {
	t.Helper()
	var failure *staging.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v (%T) is no *staging.Error", err, err)
	}
	return failure
}
