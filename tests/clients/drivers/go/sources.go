package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

const blockBytes = 1 << 16

// sourceSpec tells of which bytes a source is, and how it gives them.
type sourceSpec struct {
	Kind     string  `json:"kind"`
	Size     int64   `json:"size"`
	Seed     uint32  `json:"seed"`
	File     string  `json:"file"`
	Piece    int     `json:"piece"`
	FailAt   *int64  `json:"fail_at"`
	BlockAt  *int64  `json:"block_at"`
	ToldSize *int64  `json:"told_size"`
	Delay    float64 `json:"delay"`
	Second   uint32  `json:"second"`
}

// content gives the bytes of a seed at any offset.
type content struct {
	size  int64
	block [blockBytes]byte
}

func newContent(size int64, seed uint32) *content {
	c := &content{size: size}
	x := max(seed, 1)
	for i := 0; i < blockBytes; i += 4 {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		binary.LittleEndian.PutUint32(c.block[i:], x)
	}
	return c
}

func (c *content) ReadAt(p []byte, offset int64) (int, error) {
	done := 0
	for done < len(p) && offset < c.size {
		number, within := offset/blockBytes, offset%blockBytes
		block := c.block
		binary.LittleEndian.PutUint64(block[:8], uint64(number))
		n := copy(p[done:], block[within:min(blockBytes, within+c.size-offset)])
		done += n
		offset += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// stream gives the bytes once, and does to its reader what the spec says.
type stream struct {
	run     *run
	spec    *sourceSpec
	content *content
	offset  int64
	closed  chan struct{}
	isOver  atomic.Bool
}

func (r *run) newStream(spec *sourceSpec, seed uint32) *stream {
	return &stream{run: r, spec: spec, content: newContent(spec.Size, seed), closed: make(chan struct{})}
}

func (s *stream) Read(p []byte) (int, error) {
	if s.spec.Delay > 0 {
		time.Sleep(duration(s.spec.Delay))
	}
	if s.spec.Piece > 0 {
		p = p[:min(len(p), s.spec.Piece)]
	}
	for _, at := range []*int64{s.spec.FailAt, s.spec.BlockAt} {
		if at == nil || s.offset+int64(len(p)) <= *at {
			continue
		}
		if left := *at - s.offset; left > 0 {
			p = p[:min(int64(len(p)), left)]
			continue
		}
		if at == s.spec.FailAt {
			return 0, errOwn
		}
		select {
		case <-s.closed:
		case <-s.run.over:
		}
		return 0, errors.New("the source was closed")
	}
	n, err := s.content.ReadAt(p, s.offset)
	s.offset += int64(n)
	return n, err
}

// closingStream is what an opener gives.
type closingStream struct{ *stream }

func (s closingStream) Close() error {
	if !s.isOver.Swap(true) {
		s.run.event(answer{"closed": true})
		close(s.closed)
	}
	return nil
}

// seekingStream can go back.
type seekingStream struct {
	*stream
	read bool
	back bool
}

func (s *seekingStream) Read(p []byte) (int, error) {
	s.read = true
	return s.stream.Read(p)
}

func (s *seekingStream) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.spec.Size
	}
	s.offset = offset
	if whence == io.SeekStart && s.read {
		s.run.event(answer{"sought": offset})
		if s.spec.Second > 0 && !s.back {
			s.back = true
			s.content = newContent(s.spec.Size, s.spec.Second)
		}
	}
	return offset, nil
}

// opener gives the stream anew each time.
func (r *run) opener(spec *sourceSpec) func() (io.ReadCloser, error) {
	opened := 0
	return func() (io.ReadCloser, error) {
		opened++
		r.event(answer{"opened": opened})
		seed := spec.Seed
		if opened > 1 && spec.Second > 0 {
			seed = spec.Second
		}
		return closingStream{r.newStream(spec, seed)}, nil
	}
}

// file makes the file of a source.
func (spec *sourceSpec) openFile() (*os.File, error) {
	if spec.File != "" {
		return os.Open(spec.File)
	}
	file, err := os.CreateTemp("", "source-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	if _, err := io.Copy(file, io.NewSectionReader(newContent(spec.Size, spec.Seed), 0, spec.Size)); err != nil {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}

// all returns the bytes.
func (spec *sourceSpec) all() *bytes.Reader {
	data := make([]byte, spec.Size)
	_, _ = newContent(spec.Size, spec.Seed).ReadAt(data, 0)
	return bytes.NewReader(data)
}
