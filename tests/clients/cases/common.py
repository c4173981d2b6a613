"""Words that the cases share: sources, steps of scripts, statuses."""

from case import Failed, case, source
from source import KIB, MIB, content

__all__ = ["BIG", "DRAINING", "Failed", "KIB", "KINDS", "MIB", "ONCE", "REPEATABLE",
           "RESULT", "SIZED", "SMALL", "STREAMS", "TAKE_ALL", "case", "content", "end",
           "error_info", "failure", "kinds", "source", "status"]

KINDS = ("bytes", "file", "seekable", "opener", "stream", "generator")
REPEATABLE = ("bytes", "file", "seekable", "opener")
ONCE = ("stream", "generator")
STREAMS = ONCE + ("writer",)

SMALL = 100 * KIB
BIG = 3 * MIB + 17
SIZED = (("small", SMALL), ("big", BIG))  # one message, and a stream

RESULT = {"result": {}}
TAKE_ALL = ["read_finish", RESULT]


def kinds(names):
    """A variant for each kind of source."""
    return {name: {"kind": name} for name in names}


def error_info(reason, domain="lakefs.staging", **metadata):
    return {"ErrorInfo": {"reason": reason, "domain": domain,
                          "metadata": metadata}}


def failure(outcome, advice, **more):
    return {"UploadFailure": {"outcome": f"OUTCOME_{outcome}",
                              "advice": f"ADVICE_{advice}", **more}}


def status(code, reason, outcome, advice, message="as the script says",
           retry=None, details=()):
    """A status as the gateway sends it; `retry` in seconds."""
    told = [error_info(reason, callId="c-1"), failure(outcome, advice)]
    if retry is not None:
        told.append({"RetryInfo": {"retry_delay": f"{retry}s"}})
    return {"code": code, "message": message, "details": told + list(details)}


def end(*args, **kwargs):
    """The step that ends a call with such a status."""
    return {"end": status(*args, **kwargs)}


DRAINING = ("UNAVAILABLE", "DRAINING", "NOT_COMMITTED", "RETRY_CALL")
