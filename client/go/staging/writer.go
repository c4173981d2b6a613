package staging

import (
	"bufio"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
)

// What is written in small pieces is put together up to here, before another
// goroutine is woken for it.
const writeBufferBytes = 32 << 10

// Write calls produce, and links what it has written to target when it returns
// nil. When it returns an error or panics, nothing is linked, and the error is
// returned as it was.
//
// The writer is an [io.Closer] too, for the sake of wrappers that close what they
// write to: that ends the writing and links nothing. It must not be used after
// produce has returned.
//
// Errors, blocking: as of a Writer.
func (c *Client) Write(ctx context.Context, target string, produce func(io.Writer) error, opts ...UploadOption) (*Result, error) {
	w := c.NewWriter(ctx, target, opts...)
	defer w.Close() // does nothing after a commit
	if err := produce(&scopedWriter{w: w}); err != nil {
		return nil, err
	}
	return w.Commit()
}

// scopedWriter is what Write gives.
type scopedWriter struct {
	w      *Writer
	closed bool
}

func (s *scopedWriter) Write(p []byte) (int, error) {
	if s.closed {
		return 0, ErrClosed
	}
	return s.w.Write(p)
}

func (s *scopedWriter) Close() error {
	s.closed = true
	return nil
}

// Writer uploads what is written to it. Only Commit links the object: a Writer
// that is closed or forgotten before, a context that ends and a process that
// dies leave the path as it was.
//
//	w := client.NewWriter(ctx, "lakefs://repo/main/big.csv")
//	defer w.Close()
//	if err := write(w); err != nil {
//		return err
//	}
//	result, err := w.Commit()
//
// The first 1 MiB is held: an object that ends there is one message, and its
// upload is repeated as Upload does. Beyond that it goes as it is written, and
// cannot be repeated; where its outcome is unknown, the gateway is asked for it,
// for at most 30 s.
//
// A Writer is for one goroutine at a time, but for Close, which may be called
// from any and ends a Write that blocks.
type Writer struct {
	buffer  *bufio.Writer
	writing *writing
}

// NewWriter returns a writer of the object at target. ctx is for all that it
// does, and cancels it. An error, such as of target, comes with a later Write, or
// with Commit.
func (c *Client) NewWriter(ctx context.Context, target string, opts ...UploadOption) *Writer {
	ctx, cancel := context.WithCancel(ctx)
	reader, pipe := io.Pipe()
	inner := &writing{pipe: pipe, cancel: cancel, done: make(chan struct{})}
	go inner.upload(func() (*Result, error) { return c.Upload(ctx, reader, target, opts...) }, reader)
	w := &Writer{buffer: bufio.NewWriterSize(pipe, writeBufferBytes), writing: inner}
	// One that is forgotten links nothing.
	runtime.AddCleanup(w, func(inner *writing) { go inner.abort() }, inner)
	return w
}

// Write takes p, and blocks while the gateway is held up by what was written
// before.
//
// Errors: that of the call, which Commit returns too; ErrClosed after Commit or
// Close.
func (w *Writer) Write(p []byte) (int, error) {
	if !w.writing.is(writingOpen) {
		return 0, ErrClosed
	}
	n, err := w.buffer.Write(p)
	if errors.Is(err, io.ErrClosedPipe) { // by a Close meanwhile
		err = ErrClosed
	}
	return n, err
}

// Commit sends what is left, links the object, and returns what came of it. A
// second Commit returns the same again.
//
// Errors: as of Upload; ErrNotCommitted after Close.
//
// Blocking: until the outcome is known, or the Writer's context ends.
func (w *Writer) Commit() (*Result, error) {
	if !w.writing.end(writingCommitted) {
		return nil, ErrNotCommitted
	}
	_ = w.buffer.Flush() // its error is the call's
	_ = w.writing.pipe.Close()
	<-w.writing.done
	w.writing.cancel()
	return w.writing.result, w.writing.err
}

// Close ends the upload if it was not committed, and returns ErrNotCommitted
// then: nothing is linked. After Commit it does nothing.
func (w *Writer) Close() error { return w.writing.abort() }

// writing is what a Writer does: an Upload of what comes out of a pipe. It knows
// nothing of the Writer, so that this can be collected while the call goes on.
type writing struct {
	pipe   *io.PipeWriter
	cancel context.CancelFunc

	done   chan struct{} // closed when result and err are there
	result *Result
	err    error

	mu    sync.Mutex
	state writingState
}

type writingState int

const (
	writingOpen writingState = iota
	writingCommitted
	writingAborted
)

func (w *writing) upload(upload func() (*Result, error), reader *io.PipeReader) {
	defer close(w.done)
	w.result, w.err = upload()
	if w.err == nil { // perhaps before all was written, where it had been linked before
		_, _ = io.Copy(io.Discard, reader)
	}
	_ = reader.CloseWithError(w.err)
}

func (w *writing) is(state writingState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state == state
}

// end ends the writing in this state, and returns false if it had ended in
// another one.
func (w *writing) end(state writingState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == writingOpen {
		w.state = state
	}
	return w.state == state
}

func (w *writing) abort() error {
	if !w.end(writingAborted) {
		return nil
	}
	_ = w.pipe.CloseWithError(ErrNotCommitted)
	w.cancel()
	<-w.done
	return ErrNotCommitted
}
