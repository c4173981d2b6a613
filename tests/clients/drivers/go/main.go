// Command driver does as the conformance suite tells it, by the public API of
// package staging alone. The protocol is in tests/clients/DRIVERS.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"sync"
	"time"
)

// command is one line of the input.
type command struct {
	ID      int64           `json:"id"`
	Op      string          `json:"op"`
	Client  json.RawMessage `json:"client"`
	Target  string          `json:"target"`
	Options options         `json:"options"`
	Source  sourceSpec      `json:"source"`
	Of      int64           `json:"of"`

	Wrapper string   `json:"wrapper"` // write
	Pieces  int      `json:"pieces"`
	End     []string `json:"end"`

	Objects []objectSpec `json:"objects"` // upload_many
	Count   int          `json:"count"`
	Size    int64        `json:"size"`
	Seed    uint32       `json:"seed"`

	File        string    `json:"file"`
	RequestID   string    `json:"request_id"`
	ResumeToken []byte    `json:"resume_token"`
	Presign     bool      `json:"presign"`
	Location    *location `json:"location"`
	Checksum    string    `json:"checksum"`
	SizeBytes   int64     `json:"size_bytes"`
}

// answer is one line of the output, or a part of it.
type answer = map[string]any

// driver runs commands.
type driver struct {
	mu      sync.Mutex
	cancels map[int64]context.CancelFunc
	clients map[string]*connection
	output  *json.Encoder
}

// run is a command under way.
type run struct {
	command
	driver *driver
	ctx    context.Context
	over   chan struct{} // closed when the command is over

	mu     sync.Mutex
	events []answer
}

func (r *run) event(e answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func main() {
	log.SetFlags(0)
	d := &driver{
		cancels: make(map[int64]context.CancelFunc),
		clients: make(map[string]*connection),
		output:  json.NewEncoder(os.Stdout),
	}
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		r := &run{driver: d}
		if err := json.Unmarshal(line, &r.command); err != nil {
			d.write(answer{"id": r.ID, "unsupported": err.Error()})
			continue
		}
		d.begin(r)
	}
}

// begin runs a command on a goroutine of its own.
func (d *driver) begin(r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	d.mu.Lock()
	d.cancels[r.ID] = cancel
	d.mu.Unlock()
	if seconds := r.Options.Timeout; seconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, duration(seconds))
	}
	r.ctx = ctx
	go func() {
		started := time.Now()
		told := r.do()
		cancel()
		d.mu.Lock()
		d.cancels[r.ID]()
		delete(d.cancels, r.ID)
		d.mu.Unlock()
		told["id"] = r.ID
		r.mu.Lock()
		told["events"] = append([]answer{}, r.events...)
		r.mu.Unlock()
		told["elapsed"] = time.Since(started).Seconds()
		d.write(told)
	}()
}

func (d *driver) cancel(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel := d.cancels[id]; cancel != nil {
		cancel()
	}
}

func (d *driver) write(a answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.output.Encode(a); err != nil {
		log.Fatal(err)
	}
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
