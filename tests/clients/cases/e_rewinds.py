"""Cases 34 and 35: bytes that are needed again."""

from common import *

SIZE = 5 * MIB + 17
REWINDS = {
    "to_border": [{"read_until": 3 * MIB}, {"rewind": MIB}],
    "into_chunk": [{"read_until": 3 * MIB}, {"rewind": MIB + 12345}],
    "to_zero": [{"read_until": 3 * MIB}, {"rewind": 0}],
    "after_finish": ["read_finish", {"rewind": 2 * MIB}],
    "after_finish_to_zero": ["read_finish", {"rewind": 0}],
    "to_the_end": ["read_finish", {"rewind": SIZE}],
    "last_byte": ["read_finish", {"rewind": SIZE - 1}],
    "two_at_once": [{"read_until": 4 * MIB}, {"rewind": 3 * MIB + 1},
                    {"rewind": MIB + 1}],
    "again_and_again": ["read_finish", {"rewind": 7}, "read_finish",
                        {"rewind": 4 * MIB + 3}, {"read_until": 5 * MIB},
                        {"rewind": 3 * MIB}],
}


@case(34, "rewind", {f"{kind}_{name}": {"kind": kind, "name": name}
                     for kind in REPEATABLE for name in REWINDS})
def rewind(t, kind, name):
    what = source(kind, SIZE)
    t.script(what, UploadAndLink=[REWINDS[name] + TAKE_ALL])
    t.ok(t.s(what), attempts=1, crc32c=t.scripted.crc32c(SIZE, 1))
    (call,) = t.count("UploadAndLink", 1)
    t.whole(call, SIZE, can_rewind=True)
    t.open_until_result(call)


@case(34, "progress_goes_on", kinds(("seekable",)))
def progress_goes_on(t, kind):
    """A rewind does not take told progress back."""
    what = source(kind, SIZE)
    t.script(what, UploadAndLink=[REWINDS["again_and_again"] + TAKE_ALL])
    answer = t.s(what, options={"progress": True})
    t.ok(answer)
    told = [event["progress"][1] for event in answer["events"]
            if "progress" in event]
    t.check(told, "no progress")
    t.equal(told, sorted(told), "progress")
    t.equal(told[-1], SIZE, "the last progress")


# The gateway takes what comes, but not so fast that finish could have left
# before the client has seen what was sent to it.
READ_ON = [{"slow": 2 * MIB}, "await_half_close", "await_cancel"]
STALL = ["await_cancel"]


@case(35, "wrong_rewind", {
    f"{kind}_{place}": {"kind": kind, "place": place}
    for kind in ("seekable", "opener", "file") for place in ("middle", "end")})
def wrong_rewind(t, kind, place, then=READ_ON):
    """An offset beyond what was sent is no offset."""
    read = {"read_until": MIB} if place == "middle" else "read_finish"
    what = source(kind, 12 * MIB)
    t.script(what, UploadAndLink=[[read, {"rewind": 1 << 40}, *then]])
    answer = t.s(what, options={"request_id": ""})
    t.error(answer, reason="BAD_REPLY", advice="GIVE_UP", attempts=1,
            domain="lakefs.staging.client")
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call, finish=place == "end")


@case(35, "rewind_not_offered", kinds(STREAMS))
def rewind_not_offered(t, kind, then=READ_ON):
    what = source(kind, 12 * MIB)
    t.script(what, UploadAndLink=[[{"read_until": 2 * MIB}, {"rewind": MIB},
                                   *then]])
    t.not_committed(t.s(what), reason="BAD_REPLY", advice="GIVE_UP",
                    attempts=1, domain="lakefs.staging.client")
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.check(not call.header.get("can_rewind"), "can_rewind is offered")
    t.cancelled(call)


@case(35, "wrong_rewind_unread", kinds(("seekable",) + STREAMS))
def wrong_rewind_unread(t, kind):
    """The same where the gateway reads no more, so that sending blocks."""
    if kind == "seekable":
        wrong_rewind(t, kind, "middle", STALL)
    else:
        rewind_not_offered(t, kind, STALL)
