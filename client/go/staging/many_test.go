package staging_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/staging"
	"lakefs-staging.example/go/stagingv1"
)

func objects(n int) iter.Seq[staging.SmallObject] {
	return func(yield func(staging.SmallObject) bool) {
		for i := range n {
			if !yield(staging.SmallObject{
				Target: fmt.Sprintf("lakefs://repo/main/%d", i), Data: content(i)}) {
				return
			}
		}
	}
}

func answered(r *stagingv1.UploadManyRequest) *stagingv1.UploadManyResponse {
	return &stagingv1.UploadManyResponse{Id: r.GetId(), Answer: &stagingv1.UploadManyResponse_Result{
		Result: committed(r.GetHeader(), r.GetData())}}
}

func refused(t testing.TB, r *stagingv1.UploadManyRequest, err error) *stagingv1.UploadManyResponse {
	t.Helper()
	bytes, marshal := proto.Marshal(status.Convert(err).Proto())
	if marshal != nil {
		t.Error(marshal)
	}
	return &stagingv1.UploadManyResponse{Id: r.GetId(), Answer: &stagingv1.UploadManyResponse_Status{Status: bytes}}
}

func TestUploadManyAnswersEachObjectOnce(t *testing.T) {
	s := newStore(t)
	const n = 300
	seen := make(map[string]bool)
	ids := make(map[string]bool)
	for answer := range s.client(t).UploadMany(t.Context(), objects(n)) {
		if answer.Err != nil {
			t.Fatal(answer.Err)
		}
		if *answer.Result.CRC32C != checksum(answer.Object.Data) {
			t.Errorf("%s has other bytes", answer.Object.Target)
		}
		seen[answer.Object.Target] = true
		ids[answer.Result.RequestID] = true
	}
	if len(seen) != n || len(ids) != n || len(s.objects) != n {
		t.Errorf("%d answers, %d ids, %d objects", len(seen), len(ids), len(s.objects))
	}
	for i := range n {
		if got, _ := s.has(fmt.Sprint(i)); !bytes.Equal(got, content(i)) {
			t.Errorf("%d has other bytes", i)
		}
	}
}

func TestUploadManyRepeatsEachObjectByItself(t *testing.T) {
	first := make(map[string]bool)
	g := &gateway{many: func(call manyServer) error {
		for {
			r, err := call.Recv()
			if err != nil {
				return nil
			}
			path := r.GetHeader().GetObject().GetPath()
			answer := answered(r)
			switch {
			case path == "3":
				answer = refused(t, r, gatewayError(t, codes.AlreadyExists, "OBJECT_EXISTS", uploadFailure(
					stagingv1.Outcome_OUTCOME_NOT_COMMITTED, stagingv1.UploadFailure_ADVICE_FIX_REQUEST)))
			case !first[path]:
				first[path] = true
				answer = refused(t, r, busy(t, 0))
			case r.GetHeader().GetAttempt() != 2:
				t.Errorf("%s is told as attempt %d", path, r.GetHeader().GetAttempt())
			}
			if err := call.Send(answer); err != nil {
				return err
			}
		}
	}}
	answers := 0
	for answer := range g.start(t).client(t).UploadMany(t.Context(), objects(10)) {
		answers++
		if answer.Object.Target == "lakefs://repo/main/3" {
			if failure := failureOf(t, answer.Err); !errors.Is(answer.Err, staging.ErrObjectExists) || failure.Attempts != 1 {
				t.Errorf("%+v", failure)
			}
		} else if answer.Err != nil || answer.Result.Attempts != 2 {
			t.Errorf("%s: %+v, %v", answer.Object.Target, answer.Result, answer.Err)
		}
	}
	if answers != 10 {
		t.Errorf("%d answers", answers)
	}
}

func TestUploadManyGoesOnAfterAStreamHasEnded(t *testing.T) {
	for name, end := range map[string]func() error{
		"drained": func() error { return gatewayError(t, codes.Unavailable, "DRAINING", &errdetails.RetryInfo{}) },
		"lost":    lost,
	} {
		var streams atomic.Int32
		g := &gateway{many: func(call manyServer) error {
			stream := streams.Add(1)
			for n := 0; ; n++ {
				r, err := call.Recv()
				if err != nil {
					return nil
				}
				if stream <= 2 && n == 20 {
					return end()
				}
				if err := call.Send(answered(r)); err != nil {
					return err
				}
			}
		}}
		answers := 0
		for answer := range g.start(t).client(t).UploadMany(t.Context(), objects(200)) {
			answers++
			if answer.Err != nil {
				t.Errorf("%s: %v", name, answer.Err)
			}
		}
		if answers != 200 || streams.Load() < 3 {
			t.Errorf("%s: %d answers by %d streams", name, answers, streams.Load())
		}
	}
}

func TestWhatIsKnownOfObjectsWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		end     error
		outcome staging.Outcome
		reason  string
	}{
		"drained":   {gatewayError(t, codes.Unavailable, "DRAINING"), staging.OutcomeNotCommitted, "DRAINING"},
		"forbidden": {gatewayError(t, codes.PermissionDenied, "PERMISSION_DENIED"), staging.OutcomeNotCommitted, "PERMISSION_DENIED"},
		"lost":      {lost(), staging.OutcomeUnknown, "GATEWAY_CONNECTION_LOST"},
		"ended":     {nil, staging.OutcomeUnknown, "BAD_REPLY"},
	} {
		g := &gateway{many: func(call manyServer) error {
			_, _ = call.Recv()
			return c.end
		}}
		once := slices.Values([]staging.SmallObject{{Target: target, Options: []staging.UploadOption{staging.MaxAttempts(1)}}})
		for answer := range g.start(t).client(t).UploadMany(t.Context(), once) {
			failure := failureOf(t, answer.Err)
			if failure.Outcome != c.outcome || failure.Reason != c.reason {
				t.Errorf("%s: %+v", name, failure)
			}
			if failure.Retryable() != (name == "drained" || name == "lost") {
				t.Errorf("%s: advice %v", name, failure.Advice)
			}
		}
	}
}

func TestUploadManyRefusesWhatItCannotSend(t *testing.T) {
	bad := []staging.SmallObject{
		{Target: "nonsense"},
		{Target: target, Data: make([]byte, staging.MaxSmallObjectBytes+1)},
		{Target: target, Options: []staging.UploadOption{staging.SHA256([32]byte{})}},
		{Target: target, Options: []staging.UploadOption{staging.OnProgress(func(staging.Progress) error { return nil })}},
	}
	for answer := range (&gateway{}).start(t).client(t).UploadMany(t.Context(), slices.Values(bad)) {
		if !errors.Is(answer.Err, staging.ErrInvalidRequest) {
			t.Errorf("%+v", answer)
		}
	}
}

func TestUploadManyTakesNoMoreThan64Ahead(t *testing.T) {
	const most = 64
	var taken, seen atomic.Int32
	held := make(chan struct{})
	var once sync.Once
	g := &gateway{many: func(call manyServer) error {
		for {
			r, err := call.Recv()
			if err != nil {
				return nil
			}
			if seen.Add(1) == most {
				once.Do(func() { close(held) })
			}
			<-held
			if err := call.Send(answered(r)); err != nil {
				return err
			}
		}
	}}
	// With none answered the gateway sees just one, for it answers before it
	// reads on; so the others are counted where they are taken.
	counted := func(yield func(staging.SmallObject) bool) {
		for object := range objects(1000) {
			if n := taken.Add(1); n == most {
				once.Do(func() { close(held) })
			}
			if !yield(object) {
				return
			}
		}
	}
	answers := int32(0)
	for answer := range g.start(t).client(t).UploadMany(t.Context(), counted) {
		if answer.Err != nil {
			t.Fatal(answer.Err)
		}
		if n := taken.Load() - answers; n > most+1 {
			t.Fatalf("%d are unanswered", n)
		}
		answers++
	}
	if answers != 1000 {
		t.Errorf("%d answers", answers)
	}
}

func TestLeavingTheLoopEndsUploadMany(t *testing.T) {
	over := make(chan struct{})
	store := newStore(t)
	g := &gateway{many: func(call manyServer) error {
		defer close(over)
		_ = store.many(call)
		<-call.Context().Done()
		return nil
	}}
	release := make(chan struct{})
	endless := func(yield func(staging.SmallObject) bool) {
		for object := range objects(100) {
			if !yield(object) {
				return
			}
		}
		<-release // blocks, as a channel does that nobody closes
	}
	for range g.start(t).client(t).UploadMany(t.Context(), endless) {
		break
	}
	await(t, over, "the end of the call")
	close(release)
}

func TestAContextEndsUploadMany(t *testing.T) {
	g := &gateway{many: func(call manyServer) error {
		<-call.Context().Done()
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	blocking := func(yield func(staging.SmallObject) bool) {
		for object := range objects(10) {
			if !yield(object) {
				return
			}
		}
		cancel()
		<-release
	}
	answers := 0
	for answer := range g.start(t).client(t).UploadMany(ctx, blocking) {
		answers++
		if !errors.Is(answer.Err, context.Canceled) {
			t.Errorf("%v", answer.Err)
		}
	}
	if answers != 10 {
		t.Errorf("%d answers", answers)
	}
	close(release)
}

func TestAPanicOfTheObjectsIsTheCallers(t *testing.T) {
	s := newStore(t)
	defer func() {
		if p := recover(); p != "own" {
			t.Errorf("%v", p)
		}
	}()
	for answer := range s.client(t).UploadMany(t.Context(), func(yield func(staging.SmallObject) bool) {
		yield(staging.SmallObject{Target: target})
		panic("own")
	}) {
		if answer.Err != nil {
			t.Error(answer.Err)
		}
	}
	t.Error("it did not panic")
}
