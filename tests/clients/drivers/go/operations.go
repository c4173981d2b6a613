package main

import (
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"lakefs-staging.example/go/staging"
)

type location struct {
	PhysicalAddress    string     `json:"physical_address"`
	Token              *string    `json:"token"`
	PresignedURL       *string    `json:"presigned_url"`
	PresignedURLExpiry *time.Time `json:"presigned_url_expiry"`
}

type objectSpec struct {
	Target  string     `json:"target"`
	Source  sourceSpec `json:"source"`
	Options options    `json:"options"`
}

// do runs the command.
func (r *run) do() answer {
	r.over = make(chan struct{})
	defer close(r.over)
	switch r.Op {
	case "cancel":
		r.driver.cancel(r.Of)
		return answer{"result": nil}
	case "status":
		return answer{"result": status()}
	}
	client, err := r.driver.client(r.Client)
	if err != nil {
		return failed(err)
	}
	switch r.Op {
	case "upload":
		return r.upload(client)
	case "write":
		return r.write(client)
	case "upload_many":
		return r.uploadMany(client)
	case "upload_file":
		return told(client.UploadFile(r.ctx, r.File, r.Target, r.Options.upload(r)...))
	case "outcome":
		return r.outcome(client)
	case "discard":
		if err := client.Discard(r.ctx, r.ResumeToken); err != nil {
			return failed(err)
		}
		return answer{"result": answer{}}
	case "address":
		return r.address(client)
	case "link":
		return told(client.LinkPhysicalAddress(r.ctx, r.Target, staging.StagingMetadata{
			Staging:   r.Location.location(),
			Checksum:  r.Checksum,
			SizeBytes: r.SizeBytes,
		}, r.Options.upload(r)...))
	}
	return unsupported("the operation " + r.Op)
}

func (r *run) upload(client *staging.Client) answer {
	source, err := r.source()
	if err != nil {
		return unsupported(err.Error())
	}
	if source == nil {
		return unsupported("sources of kind " + r.Source.Kind)
	}
	if file, ok := source.(*os.File); ok {
		defer file.Close()
	}
	opts := r.Options.upload(r)
	if r.Source.ToldSize != nil {
		opts = append(opts, staging.Size(*r.Source.ToldSize))
	}
	return told(client.Upload(r.ctx, source, r.Target, opts...))
}

func (r *run) source() (io.Reader, error) {
	spec := &r.Source
	switch spec.Kind {
	case "bytes":
		return spec.all(), nil
	case "file":
		return spec.openFile()
	case "seekable":
		return &seekingStream{stream: r.newStream(spec, spec.Seed)}, nil
	case "opener":
		return staging.Reopenable(r.opener(spec)), nil
	case "stream", "generator":
		return r.newStream(spec, spec.Seed), nil
	}
	return nil, nil
}

func (r *run) uploadMany(client *staging.Client) answer {
	answers := []answer{}
	for a := range client.UploadMany(r.ctx, r.objects()) {
		one := told(a.Result, a.Err)
		one["target"] = a.Object.Target
		answers = append(answers, one)
	}
	return answer{"result": answers}
}

func (r *run) objects() iter.Seq[staging.SmallObject] {
	return func(yield func(staging.SmallObject) bool) {
		for _, o := range r.Objects {
			if !yield(r.object(&o)) {
				return
			}
		}
		for i := range r.Count {
			o := objectSpec{
				Target:  r.Target + strconv.Itoa(i),
				Source:  sourceSpec{Size: r.Size, Seed: r.Seed},
				Options: r.Options,
			}
			if !yield(r.object(&o)) {
				return
			}
		}
	}
}

func (r *run) object(o *objectSpec) staging.SmallObject {
	data, _ := io.ReadAll(o.Source.all())
	return staging.SmallObject{Target: o.Target, Data: data, Options: o.Options.upload(r)}
}

func (r *run) outcome(client *staging.Client) answer {
	outcome, err := client.Outcome(r.ctx, r.RequestID, r.Target)
	if err != nil {
		return failed(err)
	}
	told := answer{
		"outcome":        outcome.Outcome.String(),
		"in_progress":    outcome.InProgress,
		"result":         nil,
		"failure_reason": "",
	}
	if outcome.Result != nil {
		told["result"] = resultAnswer(outcome.Result)
	}
	if outcome.Failure != nil {
		told["failure_reason"] = outcome.Failure.Reason
	}
	return answer{"result": told}
}

func (r *run) address(client *staging.Client) answer {
	l, err := client.GetPhysicalAddress(r.ctx, r.Target, r.Presign)
	if err != nil {
		return failed(err)
	}
	told := location{PhysicalAddress: l.PhysicalAddress, Token: l.Token, PresignedURL: l.PresignedURL}
	if !l.PresignedURLExpiry.IsZero() {
		told.PresignedURLExpiry = &l.PresignedURLExpiry
	}
	return answer{"result": told}
}

func (l *location) location() staging.StagingLocation {
	if l == nil {
		return staging.StagingLocation{}
	}
	told := staging.StagingLocation{PhysicalAddress: l.PhysicalAddress, Token: l.Token, PresignedURL: l.PresignedURL}
	if l.PresignedURLExpiry != nil {
		told.PresignedURLExpiry = *l.PresignedURLExpiry
	}
	return told
}

// status tells what the process has, after collecting garbage.
func status() answer {
	runtime.GC()
	debug.FreeOSMemory()
	told := answer{"tasks": runtime.NumGoroutine()}
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(line, ":")
		number, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			told["rss_kib"] = number
		case "Threads":
			told["threads"] = number
		}
	}
	descriptors, _ := os.ReadDir("/proc/self/fd")
	told["descriptors"] = len(descriptors) - 1 // less the one that reads the folder
	return told
}
