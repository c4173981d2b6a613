package staging

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/stagingv1"
)

// A gateway ends the call right after its result.
const endTimeout = time.Second

// uploadStream is one call of UploadAndLink. One goroutine sends, by send and
// finish, and takes the rewinds; another one receives the replies.
type uploadStream struct {
	upload *upload
	caller context.Context // of the upload; the call's own ends with the call
	cancel context.CancelFunc
	call   uploadCall

	rewinds chan int64    // the offset that is asked for
	ended   chan struct{} // closed when result or err is there
	over    chan struct{} // closed when nothing more is received
	result  *stagingv1.UploadResult
	err     error // of the call, a callback's, or wrongRewind
	awaits  bool  // the next rewind is the offset at which to go on

	canRewind  bool
	reached    atomic.Int64 // bytes before it were sent, or need not be
	buffers    chunkBuffers
	started    bool   // the offset at which to go on is known
	from       int64  // bytes before it are not sent
	offset     int64  // of the next byte
	hashed     int64  // bytes that crc is of
	crc        uint32 // of the whole
	finishSent bool
}

// openStream begins the call and sends the header.
func (u *upload) openStream(ctx context.Context, canRewind bool) (*uploadStream, error) {
	header := proto.CloneOf(u.header)
	header.Progress = u.settings.progress != nil
	header.CanRewind = canRewind
	header.Resumable = u.settings.checkpoint != nil
	header.Sha256Follows = u.settings.sha256 != nil
	header.Md5Follows = u.settings.md5 != nil

	streamContext, cancel := context.WithCancel(ctx)
	call, err := open[stagingv1.UploadAndLinkRequest, stagingv1.UploadAndLinkResponse](
		streamContext, u.client, methodUploadAndLink, true, withChunks())
	if err != nil {
		cancel()
		return nil, u.client.failure(ctx, err, OutcomeNotCommitted)
	}
	s := &uploadStream{
		upload:  u,
		caller:  ctx,
		cancel:  cancel,
		call:    call,
		rewinds: make(chan int64, 1),
		ended:   make(chan struct{}),
		over:    make(chan struct{}),

		canRewind: canRewind,
		buffers:   newChunkBuffers(),
		awaits:    len(header.ResumeToken) > 0,
		started:   len(header.ResumeToken) == 0,
	}
	go s.receive()
	// A failed Send means that the call has ended; Recv tells why.
	_ = call.Send(&stagingv1.UploadAndLinkRequest{
		Message: &stagingv1.UploadAndLinkRequest_Header{Header: header}})
	return s, nil
}

func (s *uploadStream) receive() {
	defer close(s.over)
	end := func(err error) {
		if s.result == nil {
			s.err = err
			close(s.ended)
		}
	}
	for {
		reply, err := s.call.Recv()
		if err != nil {
			end(err)
			return
		}
		if result := reply.GetResult(); result != nil && s.result == nil {
			s.result = result
			close(s.ended)
		}
		if err := s.take(reply); err != nil {
			end(err)
			s.cancel()
			return
		}
	}
}

// take hands on what is no result.
func (s *uploadStream) take(reply *stagingv1.UploadAndLinkResponse) error {
	switch message := reply.GetMessage().(type) {
	case *stagingv1.UploadAndLinkResponse_Progress:
		return own(s.upload.progress.heard(message.Progress))
	case *stagingv1.UploadAndLinkResponse_Checkpoint:
		token := message.Checkpoint.GetToken()
		s.upload.resumeToken = token
		if tell := s.upload.settings.checkpoint; tell != nil {
			return own(tell(token, message.Checkpoint.GetOffset()))
		}
	case *stagingv1.UploadAndLinkResponse_Rewind:
		return s.takeRewind(message.Rewind.GetOffset())
	}
	return nil
}

// takeRewind is here and not with the sender, which a gateway that reads no more
// has blocked.
func (s *uploadStream) takeRewind(offset int64) error {
	starts := s.awaits
	s.awaits = false
	if offset < 0 || !starts && (!s.canRewind || offset > s.reached.Load()) {
		return wrongRewind(offset)
	}
	select {
	case <-s.rewinds: // a newer one takes its place
	default:
	}
	s.rewinds <- offset
	return nil
}

// wrongRewind is the error of a gateway that asks for bytes from an offset from
// which it cannot have them.
type wrongRewind int64

func (r wrongRewind) Error() string {
	return fmt.Sprintf("asked for bytes from offset %d, which it cannot have again", int64(r))
}

// outcome is what holds if the call ends now without a word.
func (s *uploadStream) outcome() Outcome {
	if s.finishSent {
		return OutcomeUnknown
	}
	return OutcomeNotCommitted
}

// await waits for a rewind, and returns false if the call has ended instead.
func (s *uploadStream) await() (offset int64, ok bool) {
	select {
	case <-s.ended:
		return 0, false
	case offset := <-s.rewinds:
		return offset, true
	}
}

// start waits for the offset at which to go on, if there is to be one.
func (s *uploadStream) start() error {
	if s.started {
		return nil
	}
	offset, ok := s.await()
	if !ok {
		return errInterrupted
	}
	s.startAt(offset)
	return nil
}

// startAt has bytes before offset, which an earlier call has sent, not sent.
func (s *uploadStream) startAt(offset int64) {
	s.started, s.from = true, offset
	s.reached.Store(offset)
}

// send sends the next bytes, a chunk of them, from one of the buffers.
// errInterrupted means that the call has ended.
func (s *uploadStream) send(data *[]byte) error {
	begin, sum := s.offset, crc32c(*data)
	s.hash(*data, sum)
	if s.offset <= s.from { // sent by an earlier call
		s.buffers.Put(data)
		return nil
	}
	if begin < s.from {
		*data = append((*data)[:0], (*data)[s.from-begin:]...)
		begin, sum = s.from, crc32c(*data)
	}
	chunk := &outgoingChunk{offset: begin, crc: sum, data: data, buffers: s.buffers}
	if err := s.call.SendMsg(chunk); err != nil {
		return errInterrupted
	}
	return own(s.upload.progress.sent(s.hashed))
}

// hash goes on behind data. Bytes that go a second time are not hashed again:
// should they differ from the first time, the checksum of the whole shows it.
func (s *uploadStream) hash(data []byte, sum uint32) {
	end := s.offset + int64(len(data))
	if again := s.hashed - s.offset; again > 0 && end > s.hashed {
		sum = crc32c(data[again:])
	}
	if end > s.hashed {
		s.crc = concatCRC32C(s.crc, sum, end-s.hashed)
		s.hashed = end
	}
	s.offset = end
	s.reached.Store(max(s.reached.Load(), end))
}

// finish says that all bytes were sent.
func (s *uploadStream) finish(halfClose bool) error {
	if s.offset < s.from {
		return sourceChanged("the source ends after %d bytes, and %d of it have been sent "+
			"by an earlier call", s.offset, s.from)
	}
	s.finishSent = true
	err := s.call.Send(&stagingv1.UploadAndLinkRequest{
		Message: &stagingv1.UploadAndLinkRequest_Finish{Finish: &stagingv1.UploadFinish{
			SizeBytes: s.offset,
			Crc32C:    &s.crc,
			Sha256:    s.upload.settings.sha256,
			Md5:       s.upload.settings.md5,
		}}})
	if err != nil {
		return errInterrupted
	}
	if halfClose {
		_ = s.call.CloseSend()
	}
	return nil
}

// end waits for the result, unless sending failed with an error of its own, and
// leaves nothing of the call behind.
func (s *uploadStream) end(sent error) (*stagingv1.UploadResult, error) {
	if sent == errInterrupted || s.hasEnded() {
		sent = nil // what was interrupted because the call ended did not fail
	}
	if sent != nil {
		s.cancel() // links nothing: the finish is missing
	}
	<-s.ended
	if s.result != nil { // the last word, whatever becomes of the connection
		s.close()
		return s.result, nil
	}
	s.cancel()
	<-s.over
	if sent != nil {
		return nil, sent
	}
	switch err := s.err.(type) {
	case callersError:
		return nil, err
	case wrongRewind:
		return nil, s.upload.client.badReply(s.outcome(), err.Error())
	}
	return nil, s.upload.client.failure(s.caller, s.err, s.outcome())
}

func (s *uploadStream) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// close lets the gateway end the call, which has its result.
func (s *uploadStream) close() {
	_ = s.call.CloseSend()
	timer := time.AfterFunc(endTimeout, s.cancel)
	<-s.over
	timer.Stop()
	s.cancel()
}
