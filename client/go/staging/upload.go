package staging

import (
	"context"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/stagingv1"
)

// Upload uploads what source gives, from where it stands to its end, and links
// it to target.
//
// At most 1 MiB goes in one message, more as a stream of chunks, of which at most
// four are held; checksums go with them. A source that is an [io.Seeker], such as
// a file, or [Reopenable] can be read again, and so can one that ended within its
// first 1 MiB: with these an attempt that failed is repeated. The size is found
// out by Seek, or by a method Len() int; else it is not told. A regular file that
// is written to while it is read is an error.
//
// Errors: an *Error, or what source returned, as it was. See the package.
//
// Blocking: until the outcome is known or ctx ends. Upload returns then even if
// source blocks, and source must not be used before its Read has returned.
func (c *Client) Upload(ctx context.Context, source io.Reader, target string, opts ...UploadOption) (*Result, error) {
	u, invalid := c.newUpload(target, opts)
	if invalid != nil {
		return nil, invalid
	}
	if source == nil {
		return nil, invalidRequest("there is no source")
	}
	ctx, end := c.begin(ctx)
	defer end()
	from, err := newSource(source, u.settings.size)
	if err != nil {
		return nil, err
	}
	defer from.close()
	return u.fromSource(ctx, from)
}

func (u *upload) fromSource(ctx context.Context, from *source) (*Result, error) {
	rewinds := from.rewinds()
	if !u.resumes() {
		data, small, err := from.small(ctx)
		if err != nil {
			return nil, u.failed(ctx, err)
		}
		if small {
			from.close()
			if u.settings.sha256 == nil && u.settings.md5 == nil {
				return u.inOneMessage(ctx, data)
			}
			from = memorySource(data)
		}
	}
	if from.size >= 0 {
		u.header.SizeBytes = &from.size
	}
	fresh := true // the source stands at its beginning
	return u.run(ctx, from.rewinds(), func(ctx context.Context) (*stagingv1.UploadResult, error) {
		if !fresh || from.reader == nil {
			if err := from.rewind(ctx.Done(), 0); err != nil {
				return nil, err
			}
		}
		fresh = false
		stream, err := u.openStream(ctx, rewinds)
		if err != nil {
			return nil, err
		}
		return stream.end(stream.sendAll(from))
	})
}

// resumes reports whether the upload goes on with an earlier one.
func (u *upload) resumes() bool { return len(u.header.GetResumeToken()) > 0 }

// failed is the error of an upload whose source failed, or that did not get to a
// call. The caller's own error is returned as it was, unless it only says that
// ctx has ended.
func (u *upload) failed(ctx context.Context, err error) error {
	if own, ok := err.(callersError); ok && (ctx.Err() == nil || !errors.Is(own.error, ctx.Err())) {
		return own.error
	}
	failure, ok := err.(*Error)
	if !ok {
		failure = ended(ctx, OutcomeNotCommitted)
	}
	u.judge(failure)
	return failure
}

// inOneMessage uploads an object of at most 1 MiB.
func (u *upload) inOneMessage(ctx context.Context, data []byte) (*Result, error) {
	size, sum := int64(len(data)), crc32c(data)
	if u.header.SizeBytes != nil && *u.header.SizeBytes != size {
		return nil, u.failed(ctx, sizeMismatch(*u.header.SizeBytes, size))
	}
	u.header.SizeBytes = &size
	request := &stagingv1.UploadObjectRequest{Header: u.header, Data: data, Crc32C: &sum}
	return u.run(ctx, true, func(ctx context.Context) (*stagingv1.UploadResult, error) {
		response, err := call[stagingv1.UploadObjectResponse](ctx, u.client, methodUploadObject, request)
		if err != nil {
			return nil, u.client.failure(ctx, err, OutcomeUnknown)
		}
		if response.Result == nil {
			return nil, u.client.failure(ctx, io.EOF, OutcomeUnknown)
		}
		return response.Result, nil
	})
}

// sendAll sends what the source gives, again from where the gateway wants it
// again, and returns when the call has ended.
func (s *uploadStream) sendAll(from *source) error {
	for {
		var err error
		select {
		case <-s.ended:
			return nil
		case offset := <-s.rewinds:
			err = s.rewindTo(from, offset)
		default:
			err = s.sendNext(from)
		}
		if err != nil {
			return err
		}
	}
}

func (s *uploadStream) sendNext(from *source) error {
	if s.finishSent {
		offset, ok := s.await()
		if !ok {
			return nil
		}
		return s.rewindTo(from, offset)
	}
	if err := s.start(); err != nil {
		return err
	}
	buffer := s.buffers.take(s.ended)
	if buffer == nil {
		return nil
	}
	n, err := from.read(s.ended, *buffer)
	switch {
	case err != nil: // the Read may still use the buffer
		return err
	case n > 0 && from.size >= 0 && s.offset+int64(n) > from.size:
		return from.mismatch(s.offset + int64(n))
	case n > 0:
		*buffer = (*buffer)[:n]
		return s.send(buffer)
	}
	s.buffers.Put(buffer)
	if from.size >= 0 && s.offset != from.size {
		return from.mismatch(s.offset)
	}
	if err := from.changed(); err != nil {
		return err
	}
	return s.finish(!s.canRewind)
}

// rewindTo goes back to offset, and takes the finish back.
func (s *uploadStream) rewindTo(from *source, offset int64) error {
	if !s.started {
		s.startAt(offset)
		return nil
	}
	s.from, s.finishSent = offset, false
	if offset > s.hashed { // not read yet
		return nil
	}
	s.offset = offset
	return from.rewind(s.ended, offset)
}

// UploadFile uploads a file on a volume that the gateway sees too, and links it
// to target: its bytes are not sent. file is its absolute path, as the gateway's
// --source-root names it for callers. The file must not change until the call
// has returned.
//
// Errors: as of Upload; with the reason SOURCE_REFUSED or NOT_A_GATEWAY where the
// gateway takes no files, or not this one: Upload sends the bytes.
//
// Blocking: as Upload.
func (c *Client) UploadFile(ctx context.Context, file, target string, opts ...UploadOption) (*Result, error) {
	u, invalid := c.newUpload(target, opts)
	switch {
	case invalid != nil:
		return nil, invalid
	case !utf8.ValidString(file):
		return nil, invalidRequest("the name of the file %q is not UTF-8", file)
	case u.settings.checkpoint != nil || u.resumes():
		return nil, invalidRequest("UploadFile takes no OnCheckpoint and no ResumeToken")
	case u.settings.sha256 != nil || u.settings.md5 != nil:
		return nil, invalidRequest("UploadFile takes no SHA256 and no MD5")
	}
	ctx, end := c.begin(ctx)
	defer end()
	return u.run(ctx, true, func(ctx context.Context) (*stagingv1.UploadResult, error) {
		return u.sharedFile(ctx, file)
	})
}

func (u *upload) sharedFile(ctx context.Context, file string) (*stagingv1.UploadResult, error) {
	header := proto.CloneOf(u.header)
	header.Progress = u.settings.progress != nil
	streamContext, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := open[stagingv1.UploadFileRequest, stagingv1.UploadAndLinkResponse](
		streamContext, u.client, methodUploadFile, false)
	if err != nil {
		return nil, u.client.failure(ctx, err, OutcomeUnknown)
	}
	if err := stream.Send(&stagingv1.UploadFileRequest{Header: header, File: file}); err == nil {
		_ = stream.CloseSend()
	}
	return u.fileResult(ctx, stream, cancel)
}

// fileResult receives until the call is over. After an error of Send Recv tells
// why.
func (u *upload) fileResult(ctx context.Context, stream fileCall, cancel func()) (*stagingv1.UploadResult, error) {
	var result *stagingv1.UploadResult
	for {
		reply, err := stream.Recv()
		switch {
		case err != nil && result != nil: // the last word
			return result, nil
		case err != nil:
			return nil, u.client.failure(ctx, err, OutcomeUnknown)
		case reply.GetResult() != nil:
			result = reply.GetResult()
			defer time.AfterFunc(endTimeout, cancel).Stop()
		case reply.GetProgress() != nil:
			if err := u.progress.heard(reply.GetProgress()); err != nil {
				return nil, callersError{err}
			}
		}
	}
}
