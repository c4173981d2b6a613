"""Cases 16 to 20: what a gateway refuses, and how it is told."""

import http.server
import threading

import proxies
from common import *


@case(16, "early_refusal", kinds(KINDS + ("writer",)))
def early_refusal(t, kind):
    """The rest of the source is not read: far on, it would fail."""
    size = 20 * MIB
    if kind not in ("bytes", "file"):
        size = 400 * MIB
    what = source(kind, size)
    if size > 20 * MIB:
        what["fail_at"] = 300 * MIB
    answer = t.send(what, target="lakefs://missing/main/object",
                    client=t.real_client())
    t.not_committed(answer, code="NOT_FOUND", reason="NOT_FOUND",
                    advice="FIX_REQUEST", resource=["repository", "missing"],
                    attempts=1, domain="lakefs.staging")


# The rows of client/ERRORS.md: code, reasons.
REASONS = """
INVALID_ARGUMENT INVALID_REQUEST BAD_FRAME_ORDER INCOMPLETE_UPLOAD
INVALID_ARGUMENT CHECKSUM_MISMATCH SIZE_MISMATCH UPSTREAM_REJECTED
DATA_LOSS CHECKSUM_MISMATCH SIZE_MISMATCH
FAILED_PRECONDITION LINK_ADDRESS_EXPIRED REPOSITORY_IN_DELETION
FAILED_PRECONDITION OBJECT_TOO_LARGE RESUME_EXPIRED UPSTREAM_INTERCEPTED
FAILED_PRECONDITION STORE_REJECTED
PERMISSION_DENIED RESUME_REFUSED PERMISSION_DENIED STORE_REJECTED
UNAUTHENTICATED CREDENTIALS_REJECTED
ABORTED STORE_REJECTED OBJECT_CHANGED LINK_CONFLICT SOURCE_CHANGED
INVALID_ARGUMENT STORE_REJECTED
INTERNAL STORE_REJECTED UPSTREAM_INTERNAL INTERNAL
RESOURCE_EXHAUSTED STORE_REJECTED UPSTREAM_THROTTLED TOO_MANY_UPLOADS SPOOL_FULL
NOT_FOUND NOT_FOUND SOURCE_REFUSED
ALREADY_EXISTS OBJECT_EXISTS
UNIMPLEMENTED SOURCE_REFUSED UPSTREAM_UNIMPLEMENTED
UNAVAILABLE BRANCH_LOCKED UPSTREAM_UNAVAILABLE UPSTREAM_UNREACHABLE
UNAVAILABLE UPSTREAM_CONNECTION_LOST DRAINING
UNKNOWN OUTCOME_UNKNOWN
DEADLINE_EXCEEDED DEADLINE_EXCEEDED
CANCELLED CANCELLED
UNKNOWN A_REASON_OF_TOMORROW
"""
ROWS = [(words[0], reason)
        for words in map(str.split, REASONS.strip().split("\n"))
        for reason in words[1:]]

STANDS = {"path": "in/the/way", "physical_address": "s3://bucket/data/x",
          "checksum": "d41d8cd9", "size_bytes": "7",
          "content_type": "text/plain", "user_metadata": {"a": "ü"},
          "mtime": "2024-05-01T12:00:00Z"}
STANDS_TOLD = {"path": "in/the/way", "physical_address": "s3://bucket/data/x",
               "checksum": "d41d8cd9", "size_bytes": 7,
               "content_type": "text/plain", "user_metadata": {"a": "ü"},
               "mtime": 1714564800}
ADVICE = ("RETRY_CALL", "RESTART", "FIX_REQUEST", "GIVE_UP")


def full_status(number, code, reason):
    advice = ADVICE[number % 4]
    message = f"word {number} of the gateway: “{reason}”"
    return advice, message, {
        "code": code, "message": message, "details": [
            {"type_url": "type.example/of.Tomorrow", "text": "\u0008\u0001"},
            error_info(reason, callId=f"c-{number}", more="ü"),
            failure("NOT_COMMITTED", advice, object=STANDS, rounds=2),
            {"BadRequest": {"field_violations": [
                {"field": "header.object.path", "description": "too long"},
                {"field": "header.mtime", "description": "too early"}]}},
            {"RetryInfo": {"retry_delay": "1.250s"}},
            {"ResourceInfo": {"resource_type": "branch",
                              "resource_name": "main"}}]}


@case(17, "every_reason", {"one_message": {"size": 10}, "stream": {"size": BIG}})
def every_reason(t, size):
    rows = [(code, reason, *full_status(number, code, reason))
            for number, (code, reason) in enumerate(ROWS)]
    t.script(UploadObject=[[{"end": row[4]}] for row in rows],
             UploadAndLink=[[{"read_until": MIB}, {"end": row[4]}]
                            for row in rows])
    classes = {}
    for number, (code, reason, advice, message, _) in enumerate(rows):
        answer = t.s(source("bytes", size), options={"attempts": 1})
        error = t.not_committed(
            answer, code=code, reason=reason, domain="lakefs.staging",
            message=message, advice=advice, retry_after=1.25,
            violations=[["header.object.path", "too long"],
                        ["header.mtime", "too early"]],
            resource=["branch", "main"], object=STANDS_TOLD,
            metadata={"callId": f"c-{number}", "more": "ü"}, attempts=1,
            retryable=advice in ("RETRY_CALL", "RESTART"))
        for word in reason, f"word {number}":
            t.check(word in error["printed"],
                    f"{word} is not in what is printed: {error['printed']}")
        t.check(error["request_id"], "no request_id")
        classes.setdefault(error["class"], set()).add(reason)
    groups = ({"OBJECT_EXISTS"}, {"OBJECT_CHANGED"}, {"NOT_FOUND"},
              {"PERMISSION_DENIED", "CREDENTIALS_REJECTED"},
              {"INVALID_REQUEST"}, {"CHECKSUM_MISMATCH", "SIZE_MISMATCH"})
    if len(classes) > 1:
        for group in groups:
            t.check(any(group == found & set().union(*groups)
                        for found in classes.values()),
                    f"{group} is no class of its own: {classes}")


@case(17, "unknown_numbers", kinds(("bytes",)))
def unknown_numbers(t, kind):
    """Enum values of tomorrow change nothing else."""
    told = {"code": "ABORTED", "message": "m", "details": [
        error_info("LINK_CONFLICT"),
        {"UploadFailure": {"outcome": 77, "advice": 78}}]}
    t.script(UploadObject=[[{"end": told}],
                           [{"result": {"plan": 79, "outcome": 1}}]])
    error = t.error(t.s(source(kind, 10)), code="ABORTED",
                    reason="LINK_CONFLICT", message="m", retryable=False,
                    nothing_linked=False, attempts=1)
    t.check(error["outcome"] not in ("COMMITTED", "SUPERSEDED",
                                     "NOT_COMMITTED"), error["outcome"])
    t.ok(t.s(source(kind, 10)))


@case(18, "exists", {f"{kind}_{name}": {"kind": kind, "size": size}
                     for kind in ("bytes", "stream", "writer")
                     for name, size in SIZED})
def exists(t, kind, size):
    first = source("bytes", size, seed=1)
    told = t.ok(t.r(first, options={"if_absent": True}))
    answer = t.r(source(kind, size, seed=2), options={"if_absent": True})
    error = t.error(answer, code="ALREADY_EXISTS", reason="OBJECT_EXISTS",
                    advice="FIX_REQUEST", attempts=1, retryable=False)
    t.has(error["object"], {
        name: told["object"][name]
        for name in ("path", "physical_address", "checksum", "size_bytes")})
    t.linked(first)


@case(19, "superseded", {f"{kind}_{name}": {"kind": kind, "size": size}
                         for kind in ("bytes", "writer")
                         for name, size in SIZED})
def superseded(t, kind, size):
    result = {"result": {"outcome": "OUTCOME_SUPERSEDED"}}
    t.script(UploadObject=[[result]],
             UploadAndLink=[["read_finish", result]])
    t.ok(t.s(source(kind, size)), outcome="SUPERSEDED", attempts=1)
    t.equal(len(t.calls()), 1, "calls")


# Code: reason, advice of an answer without details.
WITHOUT = {
    "UNAVAILABLE": ("GATEWAY_CONNECTION_LOST", "RETRY_CALL"),
    "DEADLINE_EXCEEDED": ("DEADLINE_EXCEEDED", "RETRY_CALL"),
    "CANCELLED": ("CANCELLED", "RETRY_CALL"),
    "UNIMPLEMENTED": ("NOT_A_GATEWAY", "FIX_REQUEST"),
    "OK": ("BAD_REPLY", "GIVE_UP"),
    "INTERNAL": ("BAD_REPLY", "RETRY_CALL"),
    "UNKNOWN": ("BAD_REPLY", "RETRY_CALL"),
    "RESOURCE_EXHAUSTED": ("BAD_REPLY", "RETRY_CALL"),
    "PERMISSION_DENIED": ("BAD_REPLY", "RETRY_CALL"),
}


@case(20, "no_details", {f"{code.lower()}_{place}": {"code": code,
                                                     "place": place}
                         for code in WITHOUT
                         for place in ("before_finish", "after_finish",
                                       "one_message")})
def no_details(t, code, place):
    reason, advice = WITHOUT[code]
    ending = {"end": {"code": code, "message": "bare"}}
    t.script(UploadObject=[[ending]], UploadAndLink=[
        [{"read_until": MIB} if place == "before_finish" else "read_finish",
         ending]])
    # So much cannot have left the client by then.
    size = SMALL if place == "one_message" else 12 * MIB
    answer = t.s(source("bytes", size),
                 options={"attempts": 1, "request_id": ""})
    outcome = "UNKNOWN"
    if place == "before_finish" or code == "UNIMPLEMENTED":
        outcome = "NOT_COMMITTED"
    t.error(answer, reason=reason, advice=advice, outcome=outcome, attempts=1,
            domain="lakefs.staging.client",
            nothing_linked=outcome == "NOT_COMMITTED")
    t.equal(len(t.calls()), 1, "calls")


@case(20, "not_a_gateway_at_all")
def not_a_gateway_at_all(t):
    """An HTTP server is told as an error, soon, and nothing is linked."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = proxies.QuietServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    t.cleanup(server.server_close)
    t.cleanup(server.shutdown)
    address = f"127.0.0.1:{server.server_port}"
    answer = t.s(source("bytes", SMALL),
                 client={"gateway": address, "connect_timeout": 1},
                 options={"attempts": 2, "timeout": 20})
    error = t.error(answer, domain="lakefs.staging.client")
    t.check(address in error["printed"], "the address is not named")
