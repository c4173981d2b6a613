package staging

import (
	"context"

	"google.golang.org/grpc"

	"lakefs-staging.example/go/stagingv1"
)

// method is a call of the service by its name.
type method string

const (
	methodGetPhysicalAddress  method = "GetPhysicalAddress"
	methodLinkPhysicalAddress method = "LinkPhysicalAddress"
	methodUploadAndLink       method = "UploadAndLink"
	methodUploadFile          method = "UploadFile"
	methodUploadObject        method = "UploadObject"
	methodUploadMany          method = "UploadMany"
	methodGetUploadOutcome    method = "GetUploadOutcome"
	methodDiscardUpload       method = "DiscardUpload"
)

func (m method) path() string { return "/lakefs.staging.v1.Staging/" + string(m) }

// call makes a call of one request and one response.
func call[Response any](ctx context.Context, c *Client, m method, request any) (*Response, error) {
	response := new(Response)
	if err := c.conn.Invoke(c.outgoing(ctx), m.path(), request, response); err != nil {
		return nil, err
	}
	return response, nil
}

type (
	uploadCall = grpc.BidiStreamingClient[stagingv1.UploadAndLinkRequest, stagingv1.UploadAndLinkResponse]
	manyCall   = grpc.BidiStreamingClient[stagingv1.UploadManyRequest, stagingv1.UploadManyResponse]
	fileCall   = grpc.ServerStreamingClient[stagingv1.UploadAndLinkResponse]
)

// open begins a call of streams, which is over when Recv has returned an error
// or ctx has ended.
func open[Request, Response any](ctx context.Context, c *Client, m method, sends bool, opts ...grpc.CallOption) (
	*grpc.GenericClientStream[Request, Response], error) {
	desc := &grpc.StreamDesc{StreamName: string(m), ClientStreams: sends, ServerStreams: true}
	stream, err := c.conn.NewStream(c.outgoing(ctx), desc, m.path(), opts...)
	if err != nil {
		return nil, err
	}
	return &grpc.GenericClientStream[Request, Response]{ClientStream: stream}, nil
}
