import sys, grpc  # PYTHONPATH=build/release/generated/python
from lakefs_staging.v1 import staging_pb2 as pb, staging_pb2_grpc as rpc

def messages(source, repository, branch, path, size=0):
    target = pb.ObjectPath(repository=repository, branch=branch, path=path)
    yield pb.UploadAndLinkRequest(header=pb.UploadHeader(object=target))
    while data := source.read(1 << 20):
        yield pb.UploadAndLinkRequest(chunk=pb.UploadChunk(write_offset=size, data=data))
        size += len(data)
    yield pb.UploadAndLinkRequest(finish=pb.UploadFinish(size_bytes=size))

gateway, file, *target = sys.argv[1:]  # 127.0.0.1:8765 FILE REPOSITORY BRANCH PATH
here = [("grpc.enable_http_proxy", 0)]  # whatever http_proxy says
with grpc.insecure_channel(gateway, here) as channel, open(file, "rb") as source:
    print(*rpc.StagingStub(channel).UploadAndLink(messages(source, *target)))
