// Command upload uploads one file:
//
//	upload GATEWAY FILE REPOSITORY BRANCH PATH
//
// GATEWAY is 127.0.0.1:8765 or unix:/path.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "lakefs-staging.example/go/stagingv1"
)

func upload(ctx context.Context, client pb.StagingClient, source io.Reader,
	object *pb.ObjectPath) (*pb.UploadResult, error) {
	call, err := client.UploadAndLink(ctx)
	if err != nil {
		return nil, err
	}
	// After an error of Send the gateway's own stands in Recv.
	send := func(message *pb.UploadAndLinkRequest) bool {
		return call.Send(message) == nil
	}
	going := send(&pb.UploadAndLinkRequest{
		Message: &pb.UploadAndLinkRequest_Header{
			Header: &pb.UploadHeader{Object: object}}})
	size := int64(0)
	buffer := make([]byte, 1<<20)
	for going {
		n, err := io.ReadFull(source, buffer)
		if n > 0 {
			going = send(&pb.UploadAndLinkRequest{
				Message: &pb.UploadAndLinkRequest_Chunk{
					Chunk: &pb.UploadChunk{
						WriteOffset: size, Data: buffer[:n]}}})
			size += int64(n)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		} else if err != nil {
			return nil, err // Ends without finish: nothing is linked.
		}
	}
	if going {
		send(&pb.UploadAndLinkRequest{
			Message: &pb.UploadAndLinkRequest_Finish{
				Finish: &pb.UploadFinish{SizeBytes: size}}})
	}
	if err := call.CloseSend(); err != nil {
		return nil, err
	}
	for {
		reply, err := call.Recv()
		if err != nil {
			return nil, err
		}
		if result := reply.GetResult(); result != nil {
			return result, nil
		}
	}
}

func run(arguments []string) error {
	if len(arguments) != 5 {
		return fmt.Errorf("usage: upload GATEWAY FILE REPOSITORY BRANCH PATH")
	}
	source, err := os.Open(arguments[1])
	if err != nil {
		return err
	}
	defer source.Close()
	connection, err := grpc.NewClient(arguments[0],
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // Also ends a call that was left half-way.
	result, err := upload(ctx, pb.NewStagingClient(connection), source,
		&pb.ObjectPath{Repository: arguments[2], Branch: arguments[3],
			Path: arguments[4]})
	if err != nil {
		return err
	}
	fmt.Println(result)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
