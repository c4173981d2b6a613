"""The calls of the service, by name: no generated stubs, which would ask for the
gRPC that they were made with."""

from __future__ import annotations

import re
from typing import Any

from lakefs_staging.v1 import staging_pb2 as pb

_SERVICE = "/lakefs.staging.v1.Staging/"

# What a connection that may yet be made fails with; anything else is an answer.
_NOBODY_YET = re.compile(
    r"refused|No such file|Failed to connect|failed to connect to all addresses$|"
    r"timed out|DNS resolution|Network is unreachable|No route|reset by peer",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"handshake|certificate|http1|SETTINGS|SSL", re.IGNORECASE)
WHY_NOT_SECONDS = 0.2  # for a call that fails at once


def unary(channel: Any, name: str) -> Any:
    """A call of one message each way, of messages."""
    return channel.unary_unary(
        _SERVICE + name,
        request_serializer=getattr(pb, name + "Request").SerializeToString,
        response_deserializer=getattr(pb, name + "Response").FromString,
    )


def upload_and_link(channel: Any) -> Any:
    """Of messages that are serialized already."""
    return channel.stream_stream(
        _SERVICE + "UploadAndLink",
        request_serializer=None,
        response_deserializer=pb.UploadAndLinkResponse.FromString,
    )


def upload_file(channel: Any) -> Any:
    return channel.unary_stream(
        _SERVICE + "UploadFile",
        request_serializer=pb.UploadFileRequest.SerializeToString,
        response_deserializer=pb.UploadAndLinkResponse.FromString,
    )


def upload_many(channel: Any) -> Any:
    return channel.stream_stream(
        _SERVICE + "UploadMany",
        request_serializer=pb.UploadManyRequest.SerializeToString,
        response_deserializer=pb.UploadManyResponse.FromString,
    )


def is_answered(why: str) -> bool:
    """Whether somebody has answered the connection who is no gateway."""
    return bool(_ANSWERED.search(why)) or not _NOBODY_YET.search(why)


def short_reason(why: str) -> str:
    """Why there is no connection, without gRPC's frame around it."""
    return re.sub(
        r"^failed to connect to all addresses(; last error: (\w+: )?)?", "", why
    ).strip()
