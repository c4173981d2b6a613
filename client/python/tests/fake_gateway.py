"""A gateway in this process that keeps objects in memory."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2

from lakefs_staging import details_pb2 as details
from lakefs_staging._crc32c import crc32c
from lakefs_staging.v1 import staging_pb2 as pb

DETAILS = "grpc-status-details-bin"


@dataclasses.dataclass
class Fault:
    """What the next call ends with."""

    code: str
    reason: str
    outcome: str = "NOT_COMMITTED"
    advice: str = "RETRY_CALL"
    message: str = "as told"
    retry_after: int = 0  # seconds
    after: int = 0  # bytes that a stream takes before

    def status(self, object: pb.ObjectStats | None = None) -> details.Status:
        failure = pb.UploadFailure(
            outcome=f"OUTCOME_{self.outcome}",
            advice=f"ADVICE_{self.advice}",
            object=object,
        )
        info = details.ErrorInfo(
            reason=self.reason, domain="lakefs.staging", metadata={"callId": "c1"}
        )
        told: list[tuple[str, Any]] = [
            ("google.rpc.ErrorInfo", info),
            ("lakefs.staging.v1.UploadFailure", failure),
        ]
        if self.retry_after:
            retry = details.RetryInfo()
            retry.retry_delay.seconds = self.retry_after
            told.append(("google.rpc.RetryInfo", retry))
        return details.Status(
            code=grpc.StatusCode[self.code].value[0],
            message=self.message,
            details=[
                any_pb2.Any(
                    type_url=f"type.googleapis.com/{name}",
                    value=message.SerializeToString(),
                )
                for name, message in told
            ],
        )


EXISTS = Fault("ALREADY_EXISTS", "OBJECT_EXISTS", advice="FIX_REQUEST")


class FakeGateway:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        """By repository/branch/path."""
        self._stats: dict[str, pb.ObjectStats] = {}
        self.headers: list[pb.UploadHeader] = []
        """Of each upload that was begun, in order."""
        self.calls: list[str] = []
        self.authorizations: list[str | None] = []
        self.faults: list[Fault] = []
        """Of the next calls that upload."""
        self.outcomes: list[pb.GetUploadOutcomeResponse] = []
        self.discarded: list[bytes] = []
        self.cancelled = threading.Event()
        """A stream ended before its finish."""
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers([self._handlers()])
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait(10)

    def _handlers(self) -> Any:
        kinds = {
            "GetPhysicalAddress": grpc.unary_unary_rpc_method_handler,
            "LinkPhysicalAddress": grpc.unary_unary_rpc_method_handler,
            "UploadObject": grpc.unary_unary_rpc_method_handler,
            "GetUploadOutcome": grpc.unary_unary_rpc_method_handler,
            "DiscardUpload": grpc.unary_unary_rpc_method_handler,
            "UploadFile": grpc.unary_stream_rpc_method_handler,
            "UploadAndLink": grpc.stream_stream_rpc_method_handler,
            "UploadMany": grpc.stream_stream_rpc_method_handler,
        }
        return grpc.method_handlers_generic_handler(
            "lakefs.staging.v1.Staging",
            {
                name: kind(
                    self._noted(name),
                    request_deserializer=getattr(pb, f"{name}Request").FromString,
                    response_serializer=lambda m: m.SerializeToString(),
                )
                for name, kind in kinds.items()
            },
        )

    def _noted(self, name: str) -> Any:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls.append(name)
            metadata = dict(context.invocation_metadata())
            self.authorizations.append(metadata.get("authorization"))
            return getattr(self, name)(request, context)

        return call

    # The calls.

    def UploadObject(self, request: Any, context: Any) -> Any:
        assert request.crc32c == crc32c(request.data)
        answer = self._take(request.header, request.data)
        if isinstance(answer, details.Status):
            _abort(context, answer)
        return pb.UploadObjectResponse(result=answer)

    def UploadMany(self, requests: Any, context: Any) -> Iterator[Any]:
        for request in requests:
            assert request.crc32c == crc32c(request.data)
            answer = self._take(request.header, request.data)
            if isinstance(answer, details.Status):
                yield pb.UploadManyResponse(
                    id=request.id, status=answer.SerializeToString()
                )
            else:
                yield pb.UploadManyResponse(id=request.id, result=answer)

    def UploadAndLink(self, requests: Any, context: Any) -> Iterator[Any]:
        data = bytearray()
        finish = None
        try:
            header = next(requests).header
            for request in requests:
                if request.HasField("finish"):
                    finish = request.finish
                    break
                chunk = request.chunk
                assert 0 < len(chunk.data) <= 1 << 20
                assert chunk.write_offset == len(data)
                assert chunk.crc32c == crc32c(chunk.data)
                data += chunk.data
                if self.faults and 0 < self.faults[0].after <= len(data):
                    self.headers.append(header)
                    _abort(context, self.faults.pop(0).status())
        finally:
            if finish is None:
                self.cancelled.set()
        assert finish is not None
        assert finish.size_bytes == len(data)
        assert finish.crc32c == crc32c(bytes(data))
        answer = self._take(header, bytes(data))
        if isinstance(answer, details.Status):
            _abort(context, answer)
        yield pb.UploadAndLinkResponse(
            progress=pb.UploadProgress(
                phase="PHASE_LINKING",
                received_bytes=len(data),
                stored_bytes=len(data),
            )
        )
        yield pb.UploadAndLinkResponse(result=answer)

    def UploadFile(self, request: Any, context: Any) -> Iterator[Any]:
        data = pathlib.Path(request.file).read_bytes()
        answer = self._take(request.header, data)
        if isinstance(answer, details.Status):
            _abort(context, answer)
        yield pb.UploadAndLinkResponse(result=answer)

    def GetPhysicalAddress(self, request: Any, context: Any) -> Any:
        location = pb.StagingLocation(physical_address="s3://bucket/data/1")
        if request.presign:
            location.presigned_url = "https://bucket.example/data/1?secret"
        return pb.GetPhysicalAddressResponse(location=location)

    def LinkPhysicalAddress(self, request: Any, context: Any) -> Any:
        stats = pb.ObjectStats(
            path=request.object.path,
            physical_address=request.metadata.staging.physical_address,
            checksum=request.metadata.checksum,
            size_bytes=request.metadata.size_bytes,
        )
        return pb.LinkPhysicalAddressResponse(
            object=stats, outcome=pb.OUTCOME_COMMITTED
        )

    def GetUploadOutcome(self, request: Any, context: Any) -> Any:
        if not self.outcomes:
            _abort(context, Fault("NOT_FOUND", "NOT_FOUND").status())
        return self.outcomes.pop(0)

    def DiscardUpload(self, request: Any, context: Any) -> Any:
        self.discarded.append(request.resume_token)
        return pb.DiscardUploadResponse()

    def _take(self, header: Any, data: bytes) -> Any:
        """The result of an upload, or the status that it ends with."""
        self.headers.append(header)
        if self.faults:
            return self.faults.pop(0).status()
        name = "/".join(
            (header.object.repository, header.object.branch, header.object.path)
        )
        stats = pb.ObjectStats(
            path=header.object.path,
            physical_address="s3://bucket/data/1",
            checksum=f"{crc32c(data):08x}",
            size_bytes=len(data),
            content_type=header.content_type,
            user_metadata=header.user_metadata,
        )
        if header.if_absent and name in self.objects:
            return EXISTS.status(self._stats[name])
        self.objects[name], self._stats[name] = data, stats
        return pb.UploadResult(
            object=stats,
            outcome=pb.OUTCOME_COMMITTED,
            plan=pb.PLAN_SINGLE_PUT,
            crc32c=crc32c(data),
        )


def _abort(context: Any, status: details.Status) -> None:
    context.set_trailing_metadata([(DETAILS, status.SerializeToString())])
    code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
    context.abort(code, status.message)
