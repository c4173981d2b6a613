package staging

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/stagingv1"
)

const (
	// MaxSmallObjectBytes is the most that an object of UploadMany may have.
	MaxSmallObjectBytes = 4 << 20

	// The gateway takes no more of a stream that are not answered.
	maxUnanswered = 64
)

// SmallObject is an object of UploadMany.
type SmallObject struct {
	Target  string // as of Upload
	Data    []byte // at most MaxSmallObjectBytes; not to be changed before the answer
	Options []UploadOption
}

// Answer is what became of an object of UploadMany.
type Answer struct {
	Object SmallObject
	Result *Result // nil if Err is not
	Err    error
}

// UploadMany uploads any number of small objects, at the least cost for each,
// and yields the answer to each as it is ready, in any order:
//
//	for answer := range client.UploadMany(ctx, objects) {
//		if answer.Err != nil {
//			log.Print(answer.Object.Target, ": ", answer.Err)
//		}
//	}
//
// Each object is an upload of its own: it is repeated as Upload does, and an
// error of one ends nothing else. Two to the same path may come to stand in
// either order: give the second when the first is answered.
//
// The next object is taken only while fewer than 64 are unanswered, so that a
// slow reader of the answers holds the objects up. objects runs on a goroutine of
// its own. When ctx ends no more objects are taken, and those under way are
// answered with errors; leaving the loop cancels what is under way.
func (c *Client) UploadMany(ctx context.Context, objects iter.Seq[SmallObject]) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		ctx, end := c.begin(ctx)
		defer end()
		m := &many{
			client:  c,
			ctx:     ctx,
			slots:   make(chan struct{}, maxUnanswered),
			answers: make(chan Answer),
			taken:   make(chan struct{}),
		}
		go m.take(objects)
		go m.finish()
		for answer := range m.answers {
			if !yield(answer) {
				end()
				for range m.answers { // of what was cancelled
				}
				m.close()
				return
			}
		}
		m.close()
	}
}

// many is one UploadMany. Each object has a goroutine, which makes its attempts
// on the stream that all share.
type many struct {
	client  *Client
	ctx     context.Context
	slots   chan struct{} // holds one for each unanswered object
	answers chan Answer   // closed after the last one
	taken   chan struct{} // closed when objects gives no more

	mu       sync.Mutex
	stopped  bool // no more objects are begun
	workers  sync.WaitGroup
	stream   *manyStream
	panicked any // what objects panicked with
}

// take takes the objects, each when there is a place for it.
func (m *many) take(objects iter.Seq[SmallObject]) {
	defer close(m.taken)
	defer func() {
		if p := recover(); p != nil && !m.passOn(p) {
			panic(p)
		}
	}()
	if !m.awaitSlot() {
		return
	}
	objects(func(object SmallObject) bool {
		return m.begin(object) && m.awaitSlot()
	})
}

// passOn has the one who reads the answers panic instead, if he still does.
func (m *many) passOn(p any) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.panicked = p
	return !m.stopped
}

func (m *many) awaitSlot() bool {
	select {
	case m.slots <- struct{}{}:
		return true
	case <-m.ctx.Done():
		return false
	}
}

func (m *many) begin(object SmallObject) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return false
	}
	m.workers.Add(1)
	go func() {
		defer m.workers.Done()
		result, err := m.upload(object)
		m.answers <- Answer{Object: object, Result: result, Err: err}
		<-m.slots
	}()
	return true
}

// finish closes answers when all objects that were begun have theirs. It does not
// wait for objects to give another one, which may be never.
func (m *many) finish() {
	select {
	case <-m.taken:
	case <-m.ctx.Done():
	}
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.workers.Wait()
	close(m.answers)
}

func (m *many) close() {
	if m.stream != nil {
		m.stream.close()
	}
	if m.panicked != nil {
		panic(m.panicked)
	}
}

func (m *many) upload(object SmallObject) (*Result, error) {
	u, invalid := m.client.newUpload(object.Target, object.Options)
	if invalid == nil {
		invalid = u.checkSmall(object.Data)
	}
	if invalid != nil {
		return nil, invalid
	}
	size, sum := int64(len(object.Data)), crc32c(object.Data)
	u.header.SizeBytes = &size
	return u.run(m.ctx, true, func(ctx context.Context) (*stagingv1.UploadResult, error) {
		stream, err := m.openStream()
		if err != nil {
			return nil, err
		}
		return stream.upload(&stagingv1.UploadManyRequest{
			Header: u.header, Data: object.Data, Crc32C: &sum})
	})
}

func (u *upload) checkSmall(data []byte) *Error {
	s := u.settings
	switch {
	case len(data) > MaxSmallObjectBytes:
		return invalidRequest("the object has %d bytes; UploadMany takes at most %d",
			len(data), MaxSmallObjectBytes)
	case s.size >= 0 && s.size != int64(len(data)):
		return sizeMismatch(s.size, int64(len(data)))
	case s.progress != nil || s.checkpoint != nil || u.resumes() || s.sha256 != nil || s.md5 != nil:
		return invalidRequest("UploadMany takes no OnProgress, OnCheckpoint, ResumeToken, SHA256 and MD5")
	}
	return nil
}

// openStream returns the stream that the objects share, a new one where the last
// has ended.
func (m *many) openStream() (*manyStream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stream != nil && !m.stream.isOver() {
		return m.stream, nil
	}
	ctx, cancel := context.WithCancel(m.ctx)
	call, err := open[stagingv1.UploadManyRequest, stagingv1.UploadManyResponse](
		ctx, m.client, methodUploadMany, true)
	if err != nil {
		cancel()
		return nil, m.client.failure(m.ctx, err, OutcomeNotCommitted)
	}
	m.stream = &manyStream{
		client:  m.client,
		caller:  m.ctx,
		cancel:  cancel,
		call:    call,
		over:    make(chan struct{}),
		waiting: make(map[uint64]chan<- *stagingv1.UploadManyResponse),
	}
	go m.stream.receive()
	return m.stream, nil
}

// manyStream is one call of UploadMany.
type manyStream struct {
	client *Client
	caller context.Context
	cancel context.CancelFunc
	call   manyCall
	over   chan struct{} // closed when nothing more is received
	err    error         // why

	sending sync.Mutex

	mu      sync.Mutex
	last    uint64 // id
	waiting map[uint64]chan<- *stagingv1.UploadManyResponse
}

func (s *manyStream) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

func (s *manyStream) receive() {
	for {
		answer, err := s.call.Recv()
		if err != nil {
			s.err = err
			close(s.over)
			s.cancel()
			return
		}
		s.mu.Lock()
		waiting := s.waiting[answer.GetId()]
		delete(s.waiting, answer.GetId())
		s.mu.Unlock()
		if waiting != nil {
			waiting <- answer
		}
	}
}

// upload sends an object and waits for its answer.
func (s *manyStream) upload(request *stagingv1.UploadManyRequest) (*stagingv1.UploadResult, error) {
	waiting := make(chan *stagingv1.UploadManyResponse, 1)
	s.mu.Lock()
	s.last++
	request.Id = s.last
	s.waiting[request.Id] = waiting
	s.mu.Unlock()

	s.sending.Lock()
	_ = s.call.Send(request) // an error means that the call is over
	s.sending.Unlock()

	select {
	case answer := <-waiting:
		return s.take(answer)
	case <-s.over:
	}
	select {
	case answer := <-waiting: // just before the end
		return s.take(answer)
	default:
		return nil, s.unanswered()
	}
}

func (s *manyStream) take(answer *stagingv1.UploadManyResponse) (*stagingv1.UploadResult, error) {
	if result := answer.GetResult(); result != nil {
		return result, nil
	}
	told := new(statuspb.Status)
	if err := proto.Unmarshal(answer.GetStatus(), told); err != nil || told.Code == 0 {
		return nil, s.client.failure(s.caller, io.EOF, OutcomeUnknown)
	}
	return nil, s.client.failure(s.caller, status.ErrorProto(told), OutcomeUnknown)
}

// unanswered is the error of an object that has no answer now that the call is
// over. A gateway that ends it with an error of its own has answered all that it
// had begun.
func (s *manyStream) unanswered() *Error {
	e := s.client.failure(s.caller, s.err, OutcomeUnknown)
	if e.Domain != gatewayDomain {
		return e
	}
	e.Outcome = OutcomeNotCommitted
	if e.Advice == AdviceUnspecified {
		e.Advice = AdviceFixRequest
		if e.Code == codes.Unavailable || e.RetryAfter > 0 {
			e.Advice = AdviceRetryCall
		}
	}
	return e
}

// close lets the gateway end the call, all of whose objects are answered.
func (s *manyStream) close() {
	s.sending.Lock()
	_ = s.call.CloseSend()
	s.sending.Unlock()
	timer := time.AfterFunc(endTimeout, s.cancel)
	<-s.over
	timer.Stop()
	s.cancel()
}
