"""Results and errors as the suite reads them (DRIVERS.md, "Answers")."""

import base64
import traceback

from sources import Own

import lakefs_staging


def object_of(stats):
    return {
        "path": stats.path, "physical_address": stats.physical_address,
        "checksum": stats.checksum, "size_bytes": stats.size_bytes,
        "content_type": stats.content_type,
        "user_metadata": dict(stats.user_metadata),
        "mtime": stats.mtime and int(stats.mtime.timestamp())}


def result_of(result):
    told = {"outcome": str(result.outcome), "plan": result.plan,
            "object": object_of(result.object), "attempts": result.attempts,
            "request_id": result.request_id}
    if result.crc32c is not None:
        told["crc32c"] = result.crc32c
    return told


def outcome_of(found):
    told = {"outcome": str(found.outcome), "in_progress": found.in_progress}
    if found.result is not None:
        told["result"] = result_of(found.result)
    if found.failure is not None:
        told["failure_reason"] = found.failure.reason
    return told


def location_of(location):
    return {
        "physical_address": location.physical_address, "token": location.token,
        "presigned_url": location.presigned_url,
        "presigned_url_expiry": location.presigned_url_expiry and
        location.presigned_url_expiry.timestamp()}


def error_of(error):
    if isinstance(error, Own):
        return {"own": True, "message": str(error)}
    told = {"class": type(error).__name__, "message": str(error),
            "printed": f"{error} {error!r} " + "".join(
                traceback.format_exception(error))}
    if isinstance(error, TimeoutError):
        told["timeout"] = True
    if isinstance(error, lakefs_staging.StagingError):
        told.update(
            code=error.code, reason=error.reason, domain=error.domain,
            message=error.message, outcome=str(error.outcome),
            advice=str(error.advice), retry_after=error.retry_after,
            violations=[[v.field, v.description] for v in error.violations],
            resource=error.resource and [error.resource.type,
                                         error.resource.name],
            object=error.object and object_of(error.object),
            metadata=dict(error.metadata), request_id=error.request_id,
            attempts=error.attempts, retryable=error.retryable,
            nothing_linked=error.nothing_linked)
    return told


def checkpoint_event(token, offset):
    return {"checkpoint": [base64.b64encode(token).decode(), offset]}


def progress_event(told):
    return {"progress": [told.phase, told.received_bytes, told.stored_bytes]}
