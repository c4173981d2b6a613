package staging

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
)

// Up to here one message is faster than a stream, and costs little memory.
const oneMessageBytes = 1 << 20

// Chunks of 64 KiB cost a third more CPU; those of 4 MiB are no faster.
const chunkBytes = 1 << 20

// Of small objects no more memory is taken than they need.
const smallReadBytes = 32 << 10

// Reopenable returns a source that Upload can read again, from the beginning: at
// each attempt it calls open, and closes what it got. Used as an io.Reader it
// reads what open gives once, and closes that at its end.
func Reopenable(open func() (io.ReadCloser, error)) io.Reader {
	return &reopenable{open: open}
}

type reopenable struct {
	open   func() (io.ReadCloser, error)
	opened io.ReadCloser
}

func (r *reopenable) Read(p []byte) (int, error) {
	if r.opened == nil {
		opened, err := r.open()
		if err != nil {
			return 0, err
		}
		r.opened = opened
	}
	n, err := r.opened.Read(p)
	if err != nil {
		err = errors.Join(err, r.opened.Close())
	}
	return n, err
}

// source is what the bytes of an upload come from.
//
// The caller's Read may block for ever. So it is called on a goroutine, which is
// left to itself when the call has ended; the source is not touched again before
// that Read has returned.
type source struct {
	reader  io.Reader                     // gives the next bytes; nil: not open
	seeker  io.Seeker                     // nil: cannot go back
	begin   int64                         // where the seeker stood
	open    func() (io.ReadCloser, error) // nil: cannot be opened again
	opened  io.Closer                     // what open gave
	size    int64                         // -1: not known
	file    interface{ Stat() (fs.FileInfo, error) }
	was     fs.FileInfo    // what file was at the beginning; nil: no regular file
	reading chan readBytes // has the end of the Read that is under way
}

type readBytes struct {
	n     int
	err   error
	panic any
}

// errReadExited is of a Read that ended its goroutine.
var errReadExited = errors.New("staging: the source's Read did not return")

// newSource looks at what r can do. size is what the caller told, or -1.
func newSource(r io.Reader, size int64) (*source, error) {
	s := &source{reader: r, size: size}
	switch r := r.(type) {
	case *reopenable:
		s.reader, s.open = nil, r.open
		return s, nil
	case *bytes.Buffer: // its bytes are at hand, and are taken out of it
		kept := memorySource(r.Next(r.Len()))
		if size >= 0 {
			kept.size = size
		}
		return kept, nil
	}
	if seeker, ok := r.(io.Seeker); ok {
		if err := s.lookAt(seeker); err != nil {
			return nil, err
		}
	}
	if sized, ok := r.(interface{ Len() int }); ok && s.seeker == nil {
		s.tell(int64(sized.Len()))
	}
	return s, nil
}

// memorySource is of bytes that are at hand.
func memorySource(data []byte) *source {
	reader := bytes.NewReader(data)
	return &source{reader: reader, seeker: reader, size: reader.Size()}
}

// tell takes note of a size that was found out, unless the caller told one.
func (s *source) tell(size int64) {
	if s.size < 0 {
		s.size = size
	}
}

// lookAt finds out whether seeker, as a pipe does not, can go back, and how much
// is to come.
func (s *source) lookAt(seeker io.Seeker) error {
	begin, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	if _, err := seeker.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	s.seeker, s.begin = seeker, begin
	if end > begin { // the files of /proc say that they are empty, and are not
		s.tell(end - begin)
	}
	if s.file, _ = seeker.(interface{ Stat() (fs.FileInfo, error) }); s.file != nil {
		if was, err := s.file.Stat(); err == nil && was.Mode().IsRegular() {
			s.was = was
		}
	}
	return nil
}

// rewinds reports whether the source can go back.
func (s *source) rewinds() bool { return s.seeker != nil || s.open != nil }

// small reads the whole if it has at most 1 MiB, and returns whether it has.
func (s *source) small(ctx context.Context) (data []byte, ok bool, err error) {
	if s.size > oneMessageBytes {
		return nil, false, nil
	}
	if s.reader == nil {
		if err := s.reopen(); err != nil {
			return nil, false, err
		}
	}
	most := oneMessageBytes
	if s.size >= 0 {
		most = int(s.size)
	}
	var head []byte
	for len(head) <= most { // one byte more shows that there are more
		more := min(max(smallReadBytes, len(head)), most+1-len(head))
		head = slices.Grow(head, more)
		n, err := s.read(ctx.Done(), head[len(head):len(head)+more])
		if err != nil {
			return nil, false, err
		}
		head = head[:len(head)+n]
		if n < more {
			break
		}
	}
	switch n := len(head); {
	case s.size >= 0 && n != most:
		return nil, false, s.mismatch(int64(n))
	case n > most:
		s.reader = io.MultiReader(bytes.NewReader(head), s.reader)
		return nil, false, nil
	}
	return head, true, s.changed()
}

// errInterrupted is of a read that the end of the call cut short.
var errInterrupted = errors.New("interrupted")

// read fills buffer, but for the end of the source. Errors are the caller's own,
// or errInterrupted when done was closed before the bytes had come.
func (s *source) read(done <-chan struct{}, buffer []byte) (int, error) {
	if err := s.settle(done); err != nil {
		return 0, err
	}
	reader, reading := s.reader, make(chan readBytes, 1)
	s.reading = reading
	go func() {
		result := readBytes{err: errReadExited}
		defer func() {
			if result.err == errReadExited {
				result.panic = recover()
			}
			reading <- result
		}()
		result.n, result.err = fill(reader, buffer)
	}()
	select {
	case result := <-reading:
		s.reading = nil
		if result.panic != nil {
			panic(result.panic)
		}
		if result.err != nil {
			return 0, callersError{result.err}
		}
		return result.n, nil
	case <-done:
		return 0, errInterrupted
	}
}

// settle waits for a Read that was left to itself.
func (s *source) settle(done <-chan struct{}) error {
	if s.reading == nil {
		return nil
	}
	select {
	case <-s.reading:
		s.reading = nil
		return nil
	case <-done:
		return errInterrupted
	}
}

// fill reads until buffer is full or the reader is at its end. Unlike with
// io.ReadFull an io.ErrUnexpectedEOF is always the reader's own, and an error: so
// tells a body of HTTP that it was cut short.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for empty := 0; n < len(buffer); {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return n, io.ErrNoProgress
			}
		}
	}
	return n, nil
}

// rewind makes the next bytes those from offset on.
func (s *source) rewind(done <-chan struct{}, offset int64) error {
	if s.seeker != nil {
		if err := s.settle(done); err != nil {
			return err
		}
		if _, err := s.seeker.Seek(s.begin+offset, io.SeekStart); err != nil {
			return callersError{err}
		}
		s.reader = s.seeker.(io.Reader)
		return nil
	}
	if err := s.reopen(); err != nil {
		return err
	}
	return s.skip(done, offset)
}

// skip reads bytes that are not needed.
func (s *source) skip(done <-chan struct{}, bytes int64) error {
	buffer := make([]byte, min(bytes, chunkBytes))
	for left := bytes; left > 0; {
		n, err := s.read(done, buffer[:min(left, chunkBytes)])
		if err != nil {
			return err
		}
		if n == 0 {
			return sourceChanged("the source was opened again and ends after %d bytes, of which "+
				"%d had been read before", bytes-left, bytes)
		}
		left -= int64(n)
	}
	return nil
}

func (s *source) reopen() error {
	s.close()
	opened, err := s.open()
	if err != nil {
		return callersError{err}
	}
	s.reader, s.opened, s.reading = opened, opened, nil
	return nil
}

// close closes what the source opened, also while it is read.
func (s *source) close() {
	if s.opened != nil {
		_ = s.opened.Close() // all that was needed has been read
		s.opened = nil
	}
}

// mismatch is the error of a source that has not the bytes that it was said to
// have, but those that were found.
func (s *source) mismatch(found int64) error {
	if err := s.changed(); err != nil {
		return err
	}
	return sizeMismatch(s.size, found)
}

// changed is the error of a file that was written to since the beginning.
func (s *source) changed() error {
	if s.was == nil {
		return nil
	}
	is, err := s.file.Stat()
	if err != nil {
		return callersError{err}
	}
	if is.Size() != s.was.Size() || !is.ModTime().Equal(s.was.ModTime()) {
		return sourceChanged("%q was changed while it was read", s.was.Name())
	}
	return nil
}
