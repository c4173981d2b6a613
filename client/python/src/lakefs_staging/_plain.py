"""Requests and answers of the calls that are made once."""

from __future__ import annotations

import datetime
from typing import Any

from lakefs_staging import _failure
from lakefs_staging._options import Upload
from lakefs_staging._target import parse_target, require_utf8
from lakefs_staging.model import (
    Result,
    StagingLocation,
    UploadOutcome,
    object_stats,
    outcome_of,
    result_of,
    time_of,
)
from lakefs_staging.v1 import staging_pb2 as pb


def outcome_request(request_id: str, target: str | None) -> pb.GetUploadOutcomeRequest:
    require_utf8("request_id", request_id)
    request = pb.GetUploadOutcomeRequest(request_id=request_id)
    if target is not None:
        request.object.CopyFrom(parse_target(target))
    return request


def outcome_of_answer(
    answer: pb.GetUploadOutcomeResponse, request_id: str
) -> UploadOutcome:
    failure = None
    if answer.HasField("failure"):
        failure = _failure.told_later(answer)
        failure.request_id = request_id
    return UploadOutcome(
        outcome=outcome_of(answer.outcome),
        in_progress=answer.in_progress,
        result=(
            result_of(answer.result, request_id, 1)
            if answer.HasField("result")
            else None
        ),
        failure=failure,
    )


def address_request(target: str, presign: bool) -> pb.GetPhysicalAddressRequest:
    return pb.GetPhysicalAddressRequest(object=parse_target(target), presign=presign)


def location_of(told: pb.StagingLocation) -> StagingLocation:
    def optional(name: str) -> Any:
        return getattr(told, name) if told.HasField(name) else None

    expiry = optional("presigned_url_expiry")
    return StagingLocation(
        physical_address=told.physical_address,
        token=optional("token"),
        presigned_url=optional("presigned_url"),
        presigned_url_expiry=expiry and time_of(expiry),
    )


def link_request(
    upload: Upload, location: StagingLocation, checksum: str, size_bytes: int
) -> pb.LinkPhysicalAddressRequest:
    require_utf8("the checksum", checksum)
    require_utf8("the physical address", location.physical_address)
    header = upload.header
    request = pb.LinkPhysicalAddressRequest(
        object=header.object,
        metadata=pb.StagingMetadata(
            staging=pb.StagingLocation(
                physical_address=location.physical_address,
                token=location.token,
                presigned_url=location.presigned_url,
            ),
            checksum=checksum,
            size_bytes=size_bytes,
            user_metadata=header.user_metadata,
            content_type=header.content_type,
            force=header.force,
        ),
        if_absent=header.if_absent,
    )
    if header.HasField("mtime"):
        request.metadata.mtime.CopyFrom(header.mtime)
    if header.HasField("if_match"):
        request.if_match = header.if_match
    expiry = location.presigned_url_expiry
    if expiry is not None:
        request.metadata.staging.presigned_url_expiry.FromDatetime(
            expiry.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        )
    return request


def result_of_link(answer: pb.LinkPhysicalAddressResponse) -> Result:
    return Result(
        object=object_stats(answer.object), outcome=outcome_of(answer.outcome)
    )
