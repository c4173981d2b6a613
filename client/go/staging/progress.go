package staging

import (
	"sync"
	"time"

	"lakefs-staging.example/go/stagingv1"
)

const progressInterval = 200 * time.Millisecond

// Progress is how far an upload is.
type Progress struct {
	// Phase is what the gateway is doing: "UPLOADING", "COMPLETING" or "LINKING".
	Phase string

	// ReceivedBytes have been sent, each counted once.
	ReceivedBytes int64

	// StoredBytes have been acknowledged by the store.
	StoredBytes int64
}

// progressMeter tells what the gateway says, and between that, a few times a
// second, what has been sent: a slow store must not look like a standstill.
type progressMeter struct {
	callback func(Progress) error // may be nil

	mu   sync.Mutex
	last Progress
	told time.Time
}

// sent takes note of bytes that have been sent.
func (m *progressMeter) sent(bytes int64) error {
	return m.note(Progress{ReceivedBytes: bytes}, false)
}

// heard takes note of what the gateway says.
func (m *progressMeter) heard(p *stagingv1.UploadProgress) error {
	return m.note(Progress{
		Phase:         enumName(p.GetPhase(), "PHASE_"),
		ReceivedBytes: p.GetReceivedBytes(),
		StoredBytes:   p.GetStoredBytes(),
	}, true)
}

// done tells the last word.
func (m *progressMeter) done(size int64) error {
	return m.note(Progress{Phase: "LINKING", ReceivedBytes: size, StoredBytes: size}, true)
}

func (m *progressMeter) note(p Progress, now bool) error {
	if m.callback == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case p.Phase != "":
		m.last.Phase = p.Phase
	case m.last.Phase == "":
		m.last.Phase = "UPLOADING"
	}
	m.last.ReceivedBytes = max(m.last.ReceivedBytes, p.ReceivedBytes)
	m.last.StoredBytes = max(m.last.StoredBytes, p.StoredBytes)
	if !now && time.Since(m.told) < progressInterval {
		return nil
	}
	m.told = time.Now()
	return m.callback(m.last)
}
