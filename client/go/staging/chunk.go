package staging

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// A stream holds so many chunks, those in the transport's hands included.
const maxChunks = 4

// chunkBuffers are what the bytes of a stream are read into. gRPC's own way
// copies each message into its pool, which keeps ever more of them when their
// sizes differ by a byte; here the transport gives back what it has written.
type chunkBuffers chan *[]byte

func newChunkBuffers() chunkBuffers {
	buffers := make(chunkBuffers, maxChunks)
	for range maxChunks {
		buffers <- nil // made when it is needed
	}
	return buffers
}

// take waits for a buffer of chunkBytes, and returns nil if done was closed.
func (b chunkBuffers) take(done <-chan struct{}) *[]byte {
	select {
	case buffer := <-b:
		if buffer == nil {
			buffer = new([]byte)
			*buffer = make([]byte, chunkBytes)
		}
		return buffer
	case <-done:
		return nil
	}
}

// Get is of mem.BufferPool, and is not called.
func (b chunkBuffers) Get(length int) *[]byte {
	buffer := make([]byte, length)
	return &buffer
}

// Put takes back what the transport has written.
func (b chunkBuffers) Put(buffer *[]byte) {
	*buffer = (*buffer)[:chunkBytes]
	b <- buffer
}

// outgoingChunk is an UploadAndLinkRequest with a chunk, whose bytes are not
// copied.
type outgoingChunk struct {
	offset  int64
	crc     uint32
	data    *[]byte
	buffers chunkBuffers // where data goes back to
}

// Numbers of the fields of UploadAndLinkRequest and UploadChunk.
const (
	fieldChunk       = 2
	fieldWriteOffset = 1
	fieldData        = 2
	fieldCRC32C      = 3
)

// head returns the message but for the bytes of data, with which it ends.
func (c *outgoingChunk) head() []byte {
	var chunk []byte
	chunk = protowire.AppendTag(chunk, fieldWriteOffset, protowire.VarintType)
	chunk = protowire.AppendVarint(chunk, uint64(c.offset))
	chunk = protowire.AppendTag(chunk, fieldCRC32C, protowire.Fixed32Type)
	chunk = protowire.AppendFixed32(chunk, c.crc)
	chunk = protowire.AppendTag(chunk, fieldData, protowire.BytesType)
	chunk = protowire.AppendVarint(chunk, uint64(len(*c.data)))

	head := protowire.AppendTag(nil, fieldChunk, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(chunk)+len(*c.data)))
	return append(head, chunk...)
}

// chunkCodec is gRPC's codec of protobuf, which takes an outgoingChunk too.
type chunkCodec struct{ encoding.CodecV2 }

func withChunks() grpc.CallOption {
	return grpc.ForceCodecV2(chunkCodec{encoding.GetCodecV2(proto.Name)})
}

// Marshal is of encoding.CodecV2.
func (c chunkCodec) Marshal(v any) (mem.BufferSlice, error) {
	chunk, ok := v.(*outgoingChunk)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	return mem.BufferSlice{mem.SliceBuffer(chunk.head()), mem.NewBuffer(chunk.data, chunk.buffers)}, nil
}
