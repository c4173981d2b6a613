package staging

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/protobuf/proto"

	"lakefs-staging.example/go/stagingv1"
)

func TestAChunkIsMarshalledAsItsMessage(t *testing.T) {
	codec := chunkCodec{encoding.GetCodecV2(protocodec.Name)}
	for _, offset := range []int64{0, 1, 1 << 20, 1 << 41} {
		buffers := newChunkBuffers()
		data := buffers.take(nil)
		*data = append((*data)[:0], "some bytes"...)
		marshalled, err := codec.Marshal(&outgoingChunk{offset: offset, crc: 7, data: data, buffers: buffers})
		if err != nil {
			t.Fatal(err)
		}
		got := new(stagingv1.UploadAndLinkRequest)
		if err := proto.Unmarshal(marshalled.Materialize(), got); err != nil {
			t.Fatal(err)
		}
		want := &stagingv1.UploadAndLinkRequest{Message: &stagingv1.UploadAndLinkRequest_Chunk{
			Chunk: &stagingv1.UploadChunk{WriteOffset: offset, Data: []byte("some bytes"), Crc32C: proto.Uint32(7)}}}
		if !proto.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
		marshalled.Free()
		for range maxChunks { // the buffer has come back
			if buffer := buffers.take(nil); len(*buffer) != chunkBytes {
				t.Errorf("a buffer of %d bytes", len(*buffer))
			}
		}
	}
}

func TestOtherMessagesAreMarshalledAsEver(t *testing.T) {
	codec := chunkCodec{encoding.GetCodecV2(protocodec.Name)}
	message := &stagingv1.UploadAndLinkRequest{Message: &stagingv1.UploadAndLinkRequest_Finish{
		Finish: &stagingv1.UploadFinish{SizeBytes: 7}}}
	marshalled, err := codec.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := proto.Marshal(message)
	if !bytes.Equal(marshalled.Materialize(), want) {
		t.Error("other bytes")
	}
}

func TestBytesThatGoAgainAreHashedOnce(t *testing.T) {
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(i * i)
	}
	s := new(uploadStream)
	send := func(from, to int) {
		s.offset = int64(from)
		s.hash(data[from:to], crc32c(data[from:to]))
	}
	send(0, 2000)
	send(1007, 1500) // all of it again
	send(1500, 3000) // and a part of it
	send(3000, 5000)
	if s.crc != crc32c(data) || s.hashed != 5000 || s.offset != 5000 {
		t.Errorf("%08x of %d bytes, not %08x", s.crc, s.hashed, crc32c(data))
	}
}
