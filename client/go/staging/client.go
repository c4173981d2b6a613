package staging

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const (
	defaultGateway        = "127.0.0.1:8765"
	defaultConnectTimeout = 10 * time.Second

	// A chunk or an object of 4 MiB and its framing; replies are far smaller.
	maxMessageBytes = 4<<20 + 16<<10
)

// Option is a setting of a Client.
type Option func(*settings)

type settings struct {
	gateway        string
	authorization  string
	plaintext      bool // authorization goes without TLS
	tls            *tls.Config
	connectTimeout time.Duration
}

// WithGateway names the gateway: "HOST:PORT" or "unix:/path". The default is the
// environment's LAKEFS_STAGING_GATEWAY, else "127.0.0.1:8765".
func WithGateway(address string) Option {
	return func(s *settings) { s.gateway = address }
}

// WithAuthorization sets what a gateway that passes credentials through hands
// on to lakeFS: "Basic …" or "Bearer …". The default is the environment's
// LAKEFS_STAGING_AUTHORIZATION, else none. It goes with every call; without TLS
// only to a unix socket or a loopback address.
func WithAuthorization(value string) Option {
	return func(s *settings) { s.authorization = value }
}

// AllowPlaintextAuthorization sends the authorization without TLS to any
// address, such as within a mesh that encrypts.
func AllowPlaintextAuthorization() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithTLS speaks TLS with the gateway. A nil config trusts the system's
// authorities and shows no certificate.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) {
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		s.tls = config
	}
}

// WithConnectTimeout limits how long a call waits for a connection; 10 s by
// default.
func WithConnectTimeout(d time.Duration) Option {
	return func(s *settings) { s.connectTimeout = d }
}

// Client makes the calls of one gateway. Any number of goroutines may use it.
type Client struct {
	address        string
	connectTimeout time.Duration
	conn           *grpc.ClientConn

	// outgoing adds the authorization to a call. A function, so that no printed
	// form of a Client has it.
	outgoing func(context.Context) context.Context

	closing context.Context // over when the client is closed
	close   context.CancelFunc
}

// New returns a client. The connection is made by the first call, and again
// when it was lost; no proxy is asked. Close the client when it is no longer
// needed.
//
// Errors: ErrInvalidRequest where the address is neither "HOST:PORT" nor
// "unix:/path", or the authorization cannot be sent to it.
func New(opts ...Option) (*Client, error) {
	s := settings{
		gateway:        os.Getenv("LAKEFS_STAGING_GATEWAY"),
		authorization:  os.Getenv("LAKEFS_STAGING_AUTHORIZATION"),
		connectTimeout: defaultConnectTimeout,
	}
	if s.gateway == "" {
		s.gateway = defaultGateway
	}
	for _, opt := range opts {
		opt(&s)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	conn, err := s.dial()
	if err != nil {
		return nil, invalidRequest("no connection can be made to %q: %v", s.gateway, err)
	}
	c := &Client{address: s.gateway, connectTimeout: s.connectTimeout, conn: conn}
	c.closing, c.close = context.WithCancel(context.Background())
	c.outgoing = func(ctx context.Context) context.Context { return ctx }
	if s.authorization != "" {
		c.outgoing = func(ctx context.Context) context.Context {
			return metadata.AppendToOutgoingContext(ctx, "authorization", s.authorization)
		}
	}
	return c, nil
}

// Close ends the calls that are under way, which then fail with ErrClosed, and
// drops the connection. It does not wait for them. A second Close does nothing.
func (c *Client) Close() error {
	if c.closing.Err() != nil {
		return nil
	}
	c.close()
	return c.conn.Close()
}

// begin returns the context of a call, which also ends when the client is
// closed. The function ends it, and has to be called.
func (c *Client) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closing, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (s *settings) check() error {
	host, unix := "", strings.HasPrefix(s.gateway, "unix:") && s.gateway != "unix:"
	if !unix {
		var port string
		var err error
		host, port, err = net.SplitHostPort(s.gateway)
		number, wrong := strconv.Atoi(port)
		if err != nil || wrong != nil || host == "" || strings.Contains(host, "/") ||
			number < 1 || number > 65535 {
			return invalidRequest("%q is no gateway address; write HOST:PORT or unix:/path", s.gateway)
		}
	}
	for _, char := range []byte(s.authorization) {
		if char < ' ' || char > '~' {
			return invalidRequest("the authorization is no line of printable ASCII")
		}
	}
	if s.authorization != "" && s.tls == nil && !s.plaintext && !unix && !isLoopback(host) {
		return invalidRequest("the authorization is not sent to %s without TLS, "+
			"unless AllowPlaintextAuthorization says so", s.gateway)
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (s *settings) dial() (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if s.tls != nil {
		security = credentials.NewTLS(s.tls)
	}
	target := s.gateway
	if !strings.HasPrefix(target, "unix:") {
		target = "passthrough:///" + target // looked up at each connection
	}
	return grpc.NewClient(target,
		grpc.WithTransportCredentials(security),
		grpc.WithNoProxy(), // a sidecar is never behind one
		// Each frame is written as it is: gathering them in a buffer costs a fifth
		// of the time of a large object, and gains a small one nothing.
		grpc.WithWriteBufferSize(0),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallSendMsgSize(maxMessageBytes),
			grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  100 * time.Millisecond,
				Multiplier: 1.6,
				Jitter:     0.2,
				MaxDelay:   time.Second,
			},
			MinConnectTimeout: defaultConnectTimeout,
		}))
}
