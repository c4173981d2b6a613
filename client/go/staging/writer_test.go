package staging_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"lakefs-staging.example/go/staging"
	"lakefs-staging.example/go/stagingv1"
)

// refusing is a gateway that fails the test if something would be linked, and
// tells when a call has ended.
func refusing(t *testing.T) (*gateway, <-chan struct{}) {
	over := make(chan struct{}, 8)
	g := &gateway{
		upload: func(call uploadServer) error {
			defer func() { over <- struct{}{} }()
			if _, err := receive(t, call); err == nil {
				t.Error("a finish has come")
			}
			return call.Context().Err()
		},
		object: func(context.Context, *stagingv1.UploadObjectRequest) (*stagingv1.UploadObjectResponse, error) {
			t.Error("an object has come")
			return nil, lost()
		},
	}
	return g.start(t), over
}

func TestAWriterBringsEveryByte(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for _, size := range []int{0, 1, mib, mib + 1, 3*mib + 17} {
		for _, piece := range []int{7777, 3 * mib} {
			data := content(size)
			w := client.NewWriter(t.Context(), target, staging.ContentType("text/x"))
			for rest := data; len(rest) > 0; {
				n, err := w.Write(rest[:min(piece, len(rest))])
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if len(s.headers) > 0 && size == 0 && piece == 7777 {
				t.Error("something came before the commit")
			}
			result, err := w.Commit()
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := s.has("object"); !bytes.Equal(got, data) || *result.CRC32C != checksum(data) {
				t.Errorf("%d bytes by %d: other bytes have come", size, piece)
			}
			if result.Object.ContentType != "text/x" {
				t.Error(result.Object)
			}
		}
	}
}

func TestASmallObjectOfAWriterIsRepeated(t *testing.T) {
	g, attempts, _ := flaky(t, 1, func() error { return busy(t, 0) })
	result, err := g.client(t).Write(t.Context(), target, func(w io.Writer) error {
		_, err := w.Write(content(1000))
		return err
	})
	if err != nil || result.Attempts != 2 || len(*attempts) != 2 {
		t.Error(result, err)
	}
}

func TestCloseNeverLinks(t *testing.T) {
	g, over := refusing(t)
	client := g.client(t)
	for _, size := range []int{0, 1000, 3 * mib} {
		w := client.NewWriter(t.Context(), target)
		if _, err := w.Write(content(size)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Close(); !errors.Is(err, staging.ErrNotCommitted) {
				t.Errorf("%d bytes: Close returned %v", size, err)
			}
		}
		if result, err := w.Commit(); !errors.Is(err, staging.ErrNotCommitted) || result != nil {
			t.Errorf("%d bytes: Commit after Close returned %v, %v", size, result, err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, staging.ErrClosed) {
			t.Errorf("%d bytes: Write after Close returned %v", size, err)
		}
		if size > mib {
			await(t, over, "the end of the call")
		}
	}
}

func TestACommitStands(t *testing.T) {
	s := newStore(t)
	client := s.client(t)
	for _, size := range []int{1000, 3 * mib} {
		w := client.NewWriter(t.Context(), target)
		_, _ = w.Write(content(size))
		first, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close after Commit: %v", err)
		}
		if second, err := w.Commit(); second != first || err != nil {
			t.Errorf("another Commit: %v, %v", second, err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, staging.ErrClosed) {
			t.Errorf("Write after Commit: %v", err)
		}
	}
	if len(s.headers) != 2 {
		t.Errorf("%d uploads", len(s.headers))
	}
}

func TestAForgottenWriterEndsItsCall(t *testing.T) {
	g, over := refusing(t)
	client := g.client(t)
	func() {
		w := client.NewWriter(t.Context(), target)
		if _, err := w.Write(content(3 * mib)); err != nil {
			t.Fatal(err)
		}
		gzip.NewWriter(w) // what stands around it does not matter
	}()
	deadline := time.After(patience)
	for {
		runtime.GC()
		select {
		case <-over:
			return
		case <-deadline:
			t.Fatal("the call goes on")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAProducersFailureLinksNothing(t *testing.T) {
	g, over := refusing(t)
	client := g.client(t)
	for _, size := range []int{0, 1000, 3 * mib} {
		_, err := client.Write(t.Context(), target, func(w io.Writer) error {
			if _, err := w.Write(content(size)); err != nil {
				t.Error(err)
			}
			return errOwn
		})
		if err != errOwn {
			t.Errorf("%d bytes: %v", size, err)
		}
		func() {
			defer func() {
				if p := recover(); p != "own" {
					t.Errorf("%v", p)
				}
			}()
			_, _ = client.Write(t.Context(), target, func(w io.Writer) error {
				_, _ = w.Write(content(size))
				panic("own")
			})
		}()
		if size > mib {
			await(t, over, "the end of the call")
			await(t, over, "the end of the call")
		}
	}
}

func TestAWrapperMayClose(t *testing.T) {
	s := newStore(t)
	data := content(3 * mib)
	_, err := s.client(t).Write(t.Context(), target, func(w io.Writer) error {
		zip := gzip.NewWriter(w)
		if _, err := zip.Write(data); err != nil {
			return err
		}
		if err := zip.Close(); err != nil {
			return err
		}
		for range 2 { // as writers of Parquet do
			if err := w.(io.Closer).Close(); err != nil {
				return err
			}
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, staging.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := s.has("object")
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unzip); err != nil || !bytes.Equal(got, data) {
		t.Errorf("other bytes have come, %v", err)
	}
}

func TestAnErrorOfTheCallReachesTheWriteThatMeetsIt(t *testing.T) {
	g := &gateway{upload: func(call uploadServer) error {
		for range 2 {
			if _, err := call.Recv(); err != nil {
				return err
			}
		}
		return busy(t, 0)
	}}
	w := g.start(t).client(t).NewWriter(t.Context(), target)
	piece := content(mib)
	var met error
	for range 1000 {
		if _, met = w.Write(piece); met != nil {
			break
		}
	}
	if failure := failureOf(t, met); failure.Reason != "DRAINING" || !failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
	if _, err := w.Commit(); err != met {
		t.Errorf("Commit returned %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close returned %v", err)
	}
}

func TestCloseEndsAWriteThatBlocks(t *testing.T) {
	g := &gateway{upload: func(call uploadServer) error {
		<-call.Context().Done() // and reads nothing
		return call.Context().Err()
	}}
	w := g.start(t).client(t).NewWriter(t.Context(), target)
	ended := make(chan error)
	go func() {
		_, err := w.Write(content(64 * mib))
		ended <- err
	}()
	if err := w.Close(); !errors.Is(err, staging.ErrNotCommitted) {
		t.Error(err)
	}
	if err := await(t, ended, "the write to end"); !errors.Is(err, staging.ErrClosed) {
		t.Error(err)
	}
}

func TestAContextEndsAWriter(t *testing.T) {
	g, over := refusing(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := g.client(t).NewWriter(ctx, target)
	if _, err := w.Write(content(3 * mib)); err != nil {
		t.Fatal(err)
	}
	cancel()
	await(t, over, "the end of the call")
	_, err := w.Commit()
	if failure := failureOf(t, err); !errors.Is(err, context.Canceled) || !failure.NothingLinked() {
		t.Errorf("%+v", failure)
	}
}

func TestAWriterTellsABadTarget(t *testing.T) {
	g, _ := refusing(t)
	w := g.client(t).NewWriter(t.Context(), "nonsense")
	if _, err := w.Commit(); !errors.Is(err, staging.ErrInvalidRequest) {
		t.Error(err)
	}
}

func TestAProducerIsHeldUp(t *testing.T) {
	// What a writer has taken is at most four chunks, and what lies in the buffers
	// of the connection.
	g := &gateway{upload: func(call uploadServer) error {
		<-call.Context().Done()
		return call.Context().Err()
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	w := g.start(t).client(t).NewWriter(ctx, target)
	taken := 0
	for piece := content(mib); ; taken++ {
		if _, err := w.Write(piece); err != nil {
			break
		}
	}
	if taken > 6 {
		t.Errorf("%d MiB were taken", taken)
	}
	_ = w.Close()
}
