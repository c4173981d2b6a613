"""Cases 21 to 33: what is repeated, what is not, and what is asked."""

import threading
import time

import proxies
from common import *

BUSY = end(*DRAINING, retry=0.3)
CONFLICT = ("ABORTED", "LINK_CONFLICT", "NOT_COMMITTED", "RESTART")


def not_before(t, calls, seconds):
    """The second call came so long after the first one's end, or later."""
    waited = (calls[1].first("begin")["ms"] - calls[0].first("ended")["ms"])
    t.check(waited >= seconds * 1000, f"repeated after {waited} ms")


@case(21, "retry_repeatable", kinds(REPEATABLE))
def retry_repeatable(t, kind):
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[[{"read_until": MIB}, BUSY], TAKE_ALL])
    t.ok(t.s(what), attempts=2)
    calls = t.count("UploadAndLink", 2)
    t.same_header(calls)
    t.whole(calls[1], BIG)
    not_before(t, calls, 0.3)


@case(22, "retry_not_repeatable", kinds(STREAMS))
def retry_not_repeatable(t, kind):
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[[{"read_until": MIB}, BUSY], TAKE_ALL])
    t.not_committed(t.s(what), reason="DRAINING", advice="RETRY_CALL",
                    retry_after=0.3, attempts=1, retryable=True)
    t.count("UploadAndLink", 1)


@case(23, "small_stream", kinds(STREAMS))
def small_stream(t, kind):
    what = source(kind, SMALL)
    t.script(what, UploadObject=[[BUSY], [RESULT]])
    t.ok(t.s(what), attempts=2)
    calls = t.count("UploadObject", 2)
    t.same_header(calls)
    t.whole(calls[1], SMALL)
    not_before(t, calls, 0.3)


@case(24, "restart", kinds(KINDS + ("writer",)))
def restart(t, kind):
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[["read_finish", end(*CONFLICT)], TAKE_ALL])
    answer = t.s(what)
    if kind in STREAMS:
        t.not_committed(answer, reason="LINK_CONFLICT", advice="RESTART",
                        attempts=1, retryable=True)
        t.count("UploadAndLink", 1)
        return
    t.ok(answer, attempts=2)
    calls = t.count("UploadAndLink", 2)
    t.same_header(calls)
    t.whole(calls[1], BIG)


@case(25, "no_retry", {
    f"{advice.lower()}_{name}": {"advice": advice, "size": size}
    for advice in ("FIX_REQUEST", "GIVE_UP") for name, size in SIZED})
def no_retry(t, advice, size):
    told = end("UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "NOT_COMMITTED", advice,
               retry=0.1)
    t.script(UploadObject=[[told], [RESULT]],
             UploadAndLink=[["read_finish", told], TAKE_ALL])
    t.not_committed(t.s(source("seekable", size)), advice=advice, attempts=1,
                    reason="UPSTREAM_UNAVAILABLE", retryable=False)
    t.equal(len(t.calls()), 1, "calls")


@case(26, "budget", {"default": {"options": {}, "number": 5},
                     "two": {"options": {"attempts": 2}, "number": 2},
                     "one": {"options": {"attempts": 1}, "number": 1}})
def budget(t, options, number):
    t.script(UploadObject=[[end(*DRAINING, message=f"no {n}")]
                           for n in range(1, 9)])
    error = t.not_committed(t.s(source("bytes", SMALL), options=options),
                            reason="DRAINING", attempts=number)
    t.equal(error["message"], f"no {number}", "the last one's message")
    t.same_header(t.count("UploadObject", number))


@case(26, "no_time_left")
def no_time_left(t):
    """A wait that does not fit into the time is not begun."""
    t.script(UploadObject=[[end(*DRAINING, retry=300)], [RESULT]])
    t.not_committed(
        t.s(source("bytes", SMALL), options={"timeout": 100}, seconds=50),
        reason="DRAINING", attempts=1, retry_after=300)
    t.count("UploadObject", 1)


def cut(t):
    """A proxy before the scripted gateway; the step `cut` cuts it."""
    proxy = proxies.TcpProxy(t.scripted.address)
    t.cleanup(proxy.close)
    return proxy


@case(27, "lost_before_finish", kinds(REPEATABLE + STREAMS))
def lost_before_finish(t, kind):
    what = source(kind, 12 * MIB)
    proxy = cut(t)
    t.script(what, cuts=proxy,
             UploadAndLink=[[{"read_until": 2 * MIB}, "cut"], TAKE_ALL])
    answer = t.s(what, client=t.scripted_client(proxy))
    if kind in STREAMS:
        t.not_committed(answer, reason="GATEWAY_CONNECTION_LOST",
                        advice="RETRY_CALL", attempts=1, code="UNAVAILABLE")
        t.count("UploadAndLink", 1)
    else:
        t.ok(answer, attempts=2)
        calls = t.count("UploadAndLink", 2)
        t.same_header(calls)
        t.whole(calls[1], 12 * MIB)
    t.count("GetUploadOutcome", 0)


@case(28, "lost_after_finish", {
    f"{kind}_{name}": {"kind": kind, "size": size}
    for kind in REPEATABLE for name, size in SIZED})
def lost_after_finish(t, kind, size):
    """The link takes effect, its answer is lost; one object is linked."""
    proxy = proxies.TcpProxy(t.world.gateway.address)
    t.cleanup(proxy.close)
    what = source(kind, size)
    t.world.proxy.on_link[t.r_path()] = proxy.cut
    result = t.ok(t.r(what, client=t.real_client(proxy.address)))
    t.check(result["attempts"] >= 2, f"attempts: {result['attempts']}")
    t.linked(what)


@case(28, "lost_after_finish_same_id", kinds(REPEATABLE))
def lost_after_finish_same_id(t, kind):
    what = source(kind, BIG)
    proxy = cut(t)
    t.script(what, cuts=proxy, UploadAndLink=[["read_finish", "cut"], TAKE_ALL])
    t.ok(t.s(what, client=t.scripted_client(proxy)), attempts=2)
    calls = t.count("UploadAndLink", 2)
    t.same_header(calls)
    t.whole(calls[1], BIG)
    t.count("GetUploadOutcome", 0)


@case(28, "doubt_stays", {
    f"{name}_{size_name}": {"last": last, "size": size}
    for name, last in (
        ("draining", DRAINING),
        ("cut", None),
        ("throttled", ("RESOURCE_EXHAUSTED", "TOO_MANY_UPLOADS",
                       "NOT_COMMITTED", "RETRY_CALL")))
    for size_name, size in SIZED})
def doubt_stays(t, last, size):
    """What the first attempt may have linked, a second one that was refused
    before the gateway looked at the path does not know."""
    what = source("seekable", size)
    proxy = cut(t)
    second = [end(*last)] if last else ["cut"]
    t.script(what, cuts=proxy, UploadObject=[["cut"], second],
             UploadAndLink=[["read_finish", "cut"],
                            [{"read_until": MIB}, *second]])
    error = t.error(t.s(what, client=t.scripted_client(proxy),
                        options={"attempts": 2}),
                    outcome="UNKNOWN", nothing_linked=False, attempts=2)
    t.check(error["request_id"], "no request_id")
    t.equal(len(t.calls()), 2, "calls")


@case(28, "lost_small_same_id", kinds(KINDS + ("writer",)))
def lost_small_same_id(t, kind):
    what = source(kind, SMALL)
    proxy = cut(t)
    t.script(what, cuts=proxy, UploadObject=[["cut"], [RESULT]])
    t.ok(t.s(what, client=t.scripted_client(proxy)), attempts=2)
    t.same_header(t.count("UploadObject", 2))
    t.count("GetUploadOutcome", 0)


COMMITTED = {"outcome": "OUTCOME_COMMITTED", "result": {
    "outcome": "OUTCOME_COMMITTED", "crc32c": 7,
    "object": {"path": "object", "size_bytes": str(BIG), "checksum": "c"}}}
RUNNING = {"outcome": "OUTCOME_UNKNOWN", "in_progress": True}
FAILED = {"outcome": "OUTCOME_NOT_COMMITTED",
          "failure_reason": "LINK_CONFLICT", "failure_message": "commits",
          "failure": {"outcome": "OUTCOME_NOT_COMMITTED",
                      "advice": "ADVICE_RESTART"}}
SUPERSEDED = {"outcome": "OUTCOME_SUPERSEDED", "result": {
    **COMMITTED["result"], "outcome": "OUTCOME_SUPERSEDED"}}
NOT_KNOWN = {"end": {"code": "NOT_FOUND", "message": "nothing is known",
                     "details": [error_info("NOT_FOUND")]}}
GONE = {"end": {"code": "UNAVAILABLE", "message": "bare"}}
OUTCOMES = {
    "committed": [[{"result": COMMITTED}]],
    "superseded": [[{"result": SUPERSEDED}]],
    "running": [[{"result": RUNNING}]] * 3 + [[{"result": COMMITTED}]],
    "nobody": [[GONE], [GONE], [{"result": COMMITTED}]],
    "failed": [[{"result": RUNNING}], [{"result": FAILED}]],
    "not_found": [[NOT_KNOWN]],
}


@case(29, "ask_outcome", {
    f"{kind}_{outcome}": {"kind": kind, "outcome": outcome}
    for kind in STREAMS for outcome in OUTCOMES})
def ask_outcome(t, kind, outcome):
    what = source(kind, BIG)
    proxy = cut(t)
    steps = OUTCOMES[outcome]
    t.script(what, cuts=proxy, UploadAndLink=[["read_finish", "cut"]],
             GetUploadOutcome=steps)
    answer = t.s(what, client=t.scripted_client(proxy))
    (upload,) = t.count("UploadAndLink", 1)
    asked = t.count("GetUploadOutcome", len(steps))
    request_id = upload.header["request_id"]
    for call in asked:
        t.has(call.request, {"request_id": request_id,
                             "object": upload.header["object"]})
        t.check(call.deadline_ms is not None, "asked without a limit")
    if outcome == "failed":
        t.not_committed(answer, reason="LINK_CONFLICT", advice="RESTART",
                        request_id=request_id)
    elif outcome == "not_found":
        error = t.error(answer, outcome="UNKNOWN", nothing_linked=False,
                        request_id=request_id, attempts=1)
        t.check(request_id in error["printed"],
                "the request_id is not in what is printed")
    else:
        t.ok(answer, outcome="SUPERSEDED" if outcome == "superseded"
             else "COMMITTED", crc32c=7,
             object={"size_bytes": BIG, "checksum": "c"})


@case(29, "told_unknown", kinds(STREAMS))
def told_unknown(t, kind):
    """An UNKNOWN that the gateway tells is asked for, too."""
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[["read_finish", end(
        "UNKNOWN", "OUTCOME_UNKNOWN", "UNKNOWN", "RETRY_CALL")]],
        GetUploadOutcome=[[{"result": COMMITTED}]])
    t.ok(t.s(what), crc32c=7)
    t.count("UploadAndLink", 1)
    t.count("GetUploadOutcome", 1)


@case(30, "unknown_without_id", {
    f"{kind}_{name}": {"kind": kind, "size": size}
    for kind in ("bytes", "seekable", "writer") for name, size in SIZED})
def unknown_without_id(t, kind, size):
    what = source(kind, size)
    proxy = cut(t)
    t.script(what, cuts=proxy, UploadObject=[["cut"], [RESULT]],
             UploadAndLink=[["read_finish", "cut"], TAKE_ALL])
    error = t.error(
        t.s(what, "the/path", client=t.scripted_client(proxy),
            options={"request_id": ""}),
        reason="GATEWAY_CONNECTION_LOST", outcome="UNKNOWN",
        nothing_linked=False, attempts=1)
    t.check("path" in error["printed"].lower(),
            f"not told to look at the path: {error['printed']}")
    t.equal(len(t.calls()), 1, "calls")


@case(30, "certain_without_id", kinds(("bytes", "seekable")))
def certain_without_id(t, kind):
    """What is certain not to be linked is repeated without an id, too."""
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[[{"read_until": MIB}, BUSY], TAKE_ALL])
    t.ok(t.s(what, options={"request_id": ""}), attempts=2)
    first, second = t.count("UploadAndLink", 2)
    t.check("request_id" not in second.header, "an id of its own")


@case(31, "gateway_restart", kinds(("file", "seekable", "opener")))
def gateway_restart(t, kind):
    """The gateway is killed in the middle; another one takes its place."""
    what = source(kind, 20 * MIB)
    doomed = t.world.another_gateway()
    proxy = proxies.TcpProxy(doomed.address)
    t.cleanup(proxy.close)
    pending = t.r(what, client=t.real_client(proxy.address), wait=False)
    proxy.await_sent(6 * MIB)
    proxy.target = None  # Callers wait for the next one.
    doomed._process.kill()
    doomed._process.wait(30)
    heir = t.world.another_gateway()
    t.cleanup(heir.stop)
    proxy.target = heir.address
    result = t.ok(t.answer(pending))
    t.check(result["attempts"] >= 2, f"attempts: {result['attempts']}")
    t.linked(what)


@case(32, "draining", kinds(("seekable", "writer")))
def draining(t, kind):
    """A gateway that is asked to end lets an upload finish; the next call
    waits for its successor."""
    what = source(kind, 20 * MIB, piece=MIB, delay=0.03)
    old = t.world.another_gateway()
    proxy = proxies.TcpProxy(old.address)
    t.cleanup(proxy.close)
    client = t.real_client(proxy.address)
    pending = t.r(what, client=client, wait=False)
    proxy.await_sent(4 * MIB)
    proxy.target = None  # New connections wait.
    stopping = threading.Thread(target=old.stop)
    stopping.start()
    t.ok(t.answer(pending), attempts=1)
    t.linked(what)
    next_one = t.r(source("bytes", SMALL), "next", client=client, wait=False)
    stopping.join(60)
    heir = t.world.another_gateway()
    t.cleanup(heir.stop)
    proxy.target = heir.address
    t.ok(t.answer(next_one))
    t.linked(source("bytes", SMALL), "next")


@case(33, "gateway_absent", {name: {"size": size} for name, size in SIZED})
def gateway_absent(t, size):
    proxy = proxies.TcpProxy(None, listen=False)
    t.cleanup(proxy.close)
    answer = t.s(source("seekable", size),
                 client={"gateway": proxy.address, "connect_timeout": 0.5},
                 options={"attempts": 2})
    error = t.not_committed(
        answer, reason="GATEWAY_UNREACHABLE", code="UNAVAILABLE",
        domain="lakefs.staging.client", advice="RETRY_CALL", retryable=True)
    t.check(proxy.address in error["message"], "the address is not named")


@case(33, "gateway_appears", {name: {"size": size} for name, size in SIZED})
def gateway_appears(t, size):
    """Nobody is there at first; within the time that is waited, somebody is."""
    what = source("seekable", size)
    t.script(what, UploadObject=[[RESULT]], UploadAndLink=[TAKE_ALL])
    proxy = proxies.TcpProxy(t.scripted.address, listen=False)
    t.cleanup(proxy.close)
    client = {"gateway": proxy.address, "connect_timeout": 50}
    pending = t.s(what, client=client, wait=False)
    time.sleep(1)
    t.check(not pending.answered(), "it has not waited")
    proxy.listen()
    t.ok(t.answer(pending), attempts=1)


@case(33, "gateway_silent")
def gateway_silent(t):
    """Somebody takes the connection and says nothing."""
    proxy = proxies.TcpProxy(None)
    t.cleanup(proxy.close)
    answer = t.s(source("bytes", SMALL),
                 client={"gateway": proxy.address, "connect_timeout": 0.5},
                 options={"attempts": 1})
    t.not_committed(answer, reason="GATEWAY_UNREACHABLE", attempts=1)
