package staging

import (
	"math/rand/v2"
	"testing"
)

func TestTheChecksumOfTwoPieces(t *testing.T) {
	data := make([]byte, 3<<20+5)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	whole := crc32c(data)
	for _, cut := range []int{0, 1, 7, 4096, 1 << 20, len(data) - 1, len(data)} {
		if got := concatCRC32C(crc32c(data[:cut]), crc32c(data[cut:]), int64(len(data)-cut)); got != whole {
			t.Errorf("cut at %d: %08x, not %08x", cut, got, whole)
		}
	}
}

func TestTheChecksumOfMoreThanMemoryHolds(t *testing.T) {
	// 2^42 zeros, as twice as many again and again, and at once.
	zeros, size := crc32c(make([]byte, 1)), int64(1)
	for size < 1<<42 {
		zeros, size = concatCRC32C(zeros, zeros, size), 2*size
	}
	head := crc32c([]byte("head"))
	half := concatCRC32C(zeros, zeros, size)
	if concatCRC32C(concatCRC32C(head, zeros, size), zeros, size) != concatCRC32C(head, half, 2*size) {
		t.Error("the pieces of a large object do not make its checksum")
	}
}
