package main

import (
	"encoding/hex"
	"errors"
	"math"
	"time"

	"lakefs-staging.example/go/staging"
)

// errOwn is the driver's own error, which has to come back as it is.
var errOwn = errors.New("the driver's own error")

type options struct {
	ContentType     *string           `json:"content_type"`
	UserMetadata    map[string]string `json:"user_metadata"`
	IfAbsent        bool              `json:"if_absent"`
	IfMatch         *string           `json:"if_match"`
	Force           bool              `json:"force"`
	MTime           *float64          `json:"mtime"`
	RequestID       *string           `json:"request_id"`
	Attempt         int               `json:"attempt"`
	Attempts        int               `json:"attempts"`
	Timeout         float64           `json:"timeout"`
	SHA256          string            `json:"sha256"`
	MD5             string            `json:"md5"`
	Progress        bool              `json:"progress"`
	Checkpoint      bool              `json:"checkpoint"`
	ResumeToken     []byte            `json:"resume_token"`
	ThrowInProgress bool              `json:"throw_in_progress"`
}

func (o *options) upload(r *run) []staging.UploadOption {
	var opts []staging.UploadOption
	add := func(given bool, option func() staging.UploadOption) {
		if given {
			opts = append(opts, option())
		}
	}
	add(o.ContentType != nil, func() staging.UploadOption { return staging.ContentType(*o.ContentType) })
	add(o.UserMetadata != nil, func() staging.UploadOption { return staging.UserMetadata(o.UserMetadata) })
	add(o.IfAbsent, staging.IfAbsent)
	add(o.IfMatch != nil, func() staging.UploadOption { return staging.IfMatch(*o.IfMatch) })
	add(o.Force, staging.Force)
	add(o.MTime != nil, func() staging.UploadOption { return staging.MTime(unixTime(*o.MTime)) })
	add(o.RequestID != nil, func() staging.UploadOption { return staging.RequestID(*o.RequestID) })
	add(o.Attempt > 0, func() staging.UploadOption { return staging.FirstAttempt(o.Attempt) })
	add(o.Attempts > 0, func() staging.UploadOption { return staging.MaxAttempts(o.Attempts) })
	add(o.SHA256 != "", func() staging.UploadOption { return staging.SHA256([32]byte(unhex(o.SHA256))) })
	add(o.MD5 != "", func() staging.UploadOption { return staging.MD5([16]byte(unhex(o.MD5))) })
	add(o.ResumeToken != nil, func() staging.UploadOption { return staging.ResumeToken(o.ResumeToken) })
	add(o.Progress || o.ThrowInProgress, func() staging.UploadOption {
		return staging.OnProgress(func(p staging.Progress) error {
			r.event(answer{"progress": []any{p.Phase, p.ReceivedBytes, p.StoredBytes}})
			if o.ThrowInProgress {
				return errOwn
			}
			return nil
		})
	})
	add(o.Checkpoint, func() staging.UploadOption {
		return staging.OnCheckpoint(func(token []byte, offset int64) error {
			r.event(answer{"checkpoint": []any{token, offset}})
			return nil
		})
	})
	return opts
}

func unixTime(seconds float64) time.Time {
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}

func unhex(text string) []byte {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return bytes
}
