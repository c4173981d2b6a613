package main

import (
	"archive/zip"
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"io"
	"runtime"

	"lakefs-staging.example/go/staging"
)

func (r *run) write(client *staging.Client) answer {
	opts := r.Options.upload(r)
	if len(r.End) == 1 && (r.End[0] == "scope" || r.End[0] == "scope_throws") {
		return told(client.Write(r.ctx, r.Target, func(w io.Writer) error {
			if err := r.produce(w); err != nil {
				return err
			}
			if r.End[0] == "scope_throws" {
				return errOwn
			}
			return nil
		}, opts...))
	}
	w := client.NewWriter(r.ctx, r.Target, opts...)
	if err := r.produce(w); err == errOwn {
		_ = w.Close()
		return failed(err)
	} // an error of the call comes again at the end
	end := answer{"nothing": true}
	for _, step := range r.End {
		end = r.endBy(&w, step)
		event := answer{"end": step}
		for key, value := range end {
			event[key] = value
		}
		r.event(event)
	}
	return end
}

// endBy does one step.
func (r *run) endBy(w **staging.Writer, step string) answer {
	nothing := answer{"nothing": true}
	switch step {
	case "commit":
		return told((*w).Commit())
	case "close", "abort":
		if err := (*w).Close(); err != nil {
			return failed(err)
		}
		return nothing
	case "write":
		if _, err := (*w).Write([]byte{'x'}); err != nil {
			return failed(err)
		}
		return nothing
	case "drop":
		*w = nil
		for range 3 {
			runtime.GC()
		}
		return nothing
	}
	return unsupported("the end " + step)
}

// produce writes the source's bytes by the wrapper, which it closes.
func (r *run) produce(w io.Writer) error {
	source, err := r.source()
	if err != nil {
		return err
	}
	if source == nil { // of a kind that is read, which is all one here
		source = r.newStream(&r.Source, r.Source.Seed)
	}
	closeWrapper := func() error { return nil }
	switch r.Wrapper {
	case "gzip":
		wrapper := gzip.NewWriter(w)
		w, closeWrapper = wrapper, wrapper.Close
	case "buffered":
		wrapper := bufio.NewWriter(w)
		w, closeWrapper = wrapper, wrapper.Flush
	case "text":
		wrapper := bufio.NewWriter(w)
		w, closeWrapper = hex.NewEncoder(wrapper), wrapper.Flush
	case "zip":
		wrapper := zip.NewWriter(w)
		entry, err := wrapper.Create("content")
		if err != nil {
			return err
		}
		w, closeWrapper = entry, wrapper.Close
	}
	if err := r.copy(w, source); err != nil {
		return err
	}
	return closeWrapper()
}

func (r *run) copy(w io.Writer, source io.Reader) error {
	piece := r.Pieces
	if piece == 0 {
		piece = 64 << 10
	}
	buffer := make([]byte, piece)
	for {
		n, err := source.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
