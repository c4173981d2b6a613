"""Cases 36 to 41 and 44: sources that lie, time, cancellation, memory."""

import os
import tempfile
import time

import proxies
from common import *

# A busy machine is slow; what hangs is found by ANSWER_SECONDS.
SOON_SECONDS = 20

# Four chunks, and 2 MiB for all else of a stream.
HELD_KIB = 6 * 1024


@case(36, "file_cut")
def file_cut(t):
    """The file is cut while it is read."""
    size = 64 * MIB
    with tempfile.NamedTemporaryFile() as file:
        file.write(content(size, 1))
        file.flush()
        what = source("file", size, file=file.name)
        t.script(what, UploadAndLink=[
            [{"read_until": 2 * MIB}, "stall", "read_finish", RESULT]])
        pending = t.s(what, options={"attempts": 1}, wait=False)
        t.wait_event("stalled")
        os.truncate(file.name, 20 * MIB)
        t.scripted.release(t.key)
        error = t.not_committed(t.answer(pending), attempts=1)
    t.check(error["reason"] in ("SOURCE_CHANGED", "SIZE_MISMATCH"),
            error["reason"])
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)


@case(36, "changed_before_rewind", kinds(("seekable", "opener")))
def changed_before_rewind(t, kind):
    """Other bytes the second time are never linked."""
    what = source(kind, 5 * MIB, second=2)
    t.script(UploadAndLink=[["read_finish", {"rewind": MIB}, "read_finish",
                             end("INVALID_ARGUMENT", "CHECKSUM_MISMATCH",
                                 "NOT_COMMITTED", "FIX_REQUEST")]])
    t.not_committed(t.s(what), attempts=1)
    (call,) = t.count("UploadAndLink", 1)
    t.check(call.has("cancel") or call.finishes[-1]["crc32c"] == "wrong",
            "the checksum of the whole hides that the source has changed")


@case(37, "size_mismatch", {
    f"{kind}_{name}": {"kind": kind, "size": size}
    for kind in ("seekable", "opener", "stream")
    for name, size in (("less", 4 * MIB + 1), ("more", 6 * MIB + 1))},
    may_lack=lambda *_, **__: True)
def size_mismatch(t, kind, size):
    what = source(kind, size, told_size=5 * MIB)
    t.script(what, UploadAndLink=[TAKE_ALL])
    t.not_committed(t.s(what), reason="SIZE_MISMATCH", attempts=1,
                    advice="FIX_REQUEST")
    if t.calls():
        t.wait_event("ended")
        (call,) = t.count("UploadAndLink", 1)
        t.cancelled(call)


def in_time(t, answer, seconds):
    t.check(seconds * 0.9 <= answer["elapsed"] <= seconds + SOON_SECONDS,
            f"back after {answer['elapsed']} s")


@case(38, "deadline", {
    f"{kind}_{place}": {"kind": kind, "place": place}
    for kind in ("seekable", "generator", "writer")
    for place in ("before_finish", "after_finish")})
def deadline(t, kind, place):
    """A gateway that stalls; the server is told the time, too."""
    before = place == "before_finish"
    what = source(kind, 12 * MIB if before else BIG)
    read = {"read_until": MIB} if before else "read_finish"
    t.script(what, UploadAndLink=[[read, "await_cancel"]], again=True,
             GetUploadOutcome=[["await_cancel"]])
    answer = t.s(what, options={"timeout": 2})
    in_time(t, answer, 2)
    error = t.error(answer, reason="DEADLINE_EXCEEDED")
    t.check(error["request_id"], "no request_id")
    t.wait_event("cancel")
    upload = t.calls("UploadAndLink")[0]
    if before:
        t.equal(error["outcome"], "NOT_COMMITTED", "outcome")
    elif upload.finishes:  # A busy machine may not have come so far.
        t.equal(error["outcome"], "UNKNOWN", "outcome")
    t.check(upload.deadline_ms is not None, "no deadline was sent")
    t.check(upload.deadline_ms <= 2200, f"deadline {upload.deadline_ms} ms")


@case(38, "deadline_of_one_message", kinds(("bytes",)))
def deadline_of_one_message(t, kind):
    t.script(UploadObject=[["await_cancel"]], again=True)
    answer = t.s(source(kind, SMALL), options={"timeout": 2})
    in_time(t, answer, 2)
    t.error(answer, outcome="UNKNOWN", reason="DEADLINE_EXCEEDED")


@case(38, "deadline_in_blocked_source", kinds(("generator", "seekable",
                                               "opener")))
def deadline_in_blocked_source(t, kind):
    what = source(kind, 12 * MIB, block_at=2 * MIB)
    t.script(what, UploadAndLink=[["read_finish", RESULT]])
    answer = t.s(what, options={"timeout": 2})
    in_time(t, answer, 2)
    t.not_committed(answer, reason="DEADLINE_EXCEEDED")
    t.wait_event("cancel")


@case(38, "deadline_of_all_attempts")
def deadline_of_all_attempts(t):
    """The time is of all attempts together."""
    t.script(again=True, UploadObject=[[end(*DRAINING, retry=0.5)]])
    answer = t.s(source("bytes", SMALL),
                 options={"timeout": 1.5, "attempts": 1000})
    t.not_committed(answer, reason="DRAINING")
    t.check(answer["elapsed"] <= 1.5 + SOON_SECONDS, answer["elapsed"])
    left = [call.deadline_ms for call in t.calls("UploadObject")]
    t.check(len(left) <= 3, f"{len(left)} attempts")
    t.equal(left, sorted(left, reverse=True), "deadlines")


@case(39, "cancel", {
    place: {"place": place}
    for place in ("connecting", "middle", "after_finish", "backoff",
                  "one_message")})
def cancel(t, place):
    script = {"middle": [{"read_until": MIB}, "stall"],
              "after_finish": ["read_finish", "stall"],
              "backoff": [{"read_until": MIB}, end(*DRAINING, retry=100)],
              "one_message": ["stall"]}.get(place, [])
    what = source("seekable", SMALL if place == "one_message" else 12 * MIB)
    t.script(UploadObject=[script], UploadAndLink=[script],
             GetUploadOutcome=[], content=what)
    client = t.scripted_client()
    if place == "connecting":
        proxy = proxies.TcpProxy(None)
        t.cleanup(proxy.close)
        client = {"gateway": proxy.address, "connect_timeout": 50}
    pending = t.s(what, client=client, wait=False)
    if place == "connecting":
        until = time.monotonic() + 50
        while not proxy.connections and time.monotonic() < until:
            time.sleep(0.01)
    else:
        t.wait_event("ended" if place == "backoff" else "stalled")
    cancel_and_check(t, pending)
    if place in ("middle", "after_finish", "one_message"):
        t.wait_event("cancel")
    t.check(len(t.calls("UploadAndLink")) <= 1, "repeated when cancelled")


def cancel_and_check(t, pending):
    t.start("cancel", of=pending.id).answer()
    answer = t.answer(pending, SOON_SECONDS)
    t.check(answer.get("error", {}).get("cancelled"),
            f"not the language's own cancellation: {answer}")


@case(39, "cancel_blocked_source", kinds(("generator", "stream", "seekable",
                                          "opener")))
def cancel_blocked_source(t, kind):
    what = source(kind, 12 * MIB, block_at=2 * MIB)
    t.script(what, UploadAndLink=[["read_finish", RESULT]])
    pending = t.s(what, wait=False)
    t.wait_event("chunk")
    cancel_and_check(t, pending)
    t.wait_event("cancel")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)
    if kind == "opener":
        t.check(any("closed" in event for event in pending.answer()["events"]),
                "what the opener gave was not closed")


@case(40, "back_pressure", kinds(STREAMS + ("seekable",)))
def back_pressure(t, kind):
    """What is read is at most four chunks before what the gateway took.

    The source fails at 9 MiB; so it must not have been read so far while the
    gateway has taken two and pauses."""
    more = {}
    what = source(kind, 256 * MIB, fail_at=9 * MIB)
    if kind == "writer":  # It throws after its bytes.
        what = source(kind, 9 * MIB)
        more["end"] = ["scope_throws"]
    t.script(what, UploadAndLink=[
        [{"read_until": 2 * MIB}, {"pause": 700}, {"read_until": 4 * MIB},
         "read_finish", RESULT]])
    t.own(t.s(what, **more))
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)
    reached = max(chunk["offset"] + chunk["size"] for chunk in call.chunks)
    t.check(reached > 3 * MIB, "the source was read on while nothing was "
            f"taken: {reached} bytes came")


@case(40, "memory", kinds(STREAMS + ("seekable",)), alone=True)
def memory(t, kind):
    """A stream of 256 MiB holds less than 16 MiB while the gateway stalls."""
    most = {"java": 64, "node": 40}.get(t.language, 16) * 1024
    driver = t.own_driver()
    t.script(again=True, UploadAndLink=[TAKE_ALL])
    t.ok(t.s(source(kind, 24 * MIB), driver=driver))
    other = Sub(t)
    other.script(UploadAndLink=[[{"read_until": 32 * MIB}, "stall",
                                 "await_cancel"]])
    base = t.status(driver)
    t.send(source(kind, 256 * MIB), target=other.target, wait=False,
           client=t.scripted_client(), driver=driver)
    other.wait("stalled")
    now = t.status(driver)
    above = now["rss_kib"] - base["rss_kib"]
    t.check(above < most, f"{above} KiB above {base['rss_kib']} KiB")
    if "held_kib" in now:
        held = now["held_kib"] - base["held_kib"]
        t.check(held < HELD_KIB, f"{held} KiB are held")


class Sub:
    """A second key of a trial."""

    def __init__(self, trial):
        self._trial = trial
        self.key = f"{trial.key}-2"
        self.target = f"lakefs://scripted/{self.key}/object"

    def script(self, **calls):
        self._trial.scripted.script(self.key, calls)

    def wait(self, event):
        self._trial.scripted.wait(
            self.key, lambda calls: any(call.has(event) for call in calls),
            event)


@case(41, "parallel_and_leaks", alone=True)
def parallel_and_leaks(t):
    """64 at once are all right, and nothing of them stays."""
    driver = t.own_driver()
    client = t.real_client()
    every = KINDS + ("writer",)

    def round_of(name):
        sources = [source(every[i % len(every)],
                          (SMALL, BIG, 9 * MIB)[i % 3], seed=i + 1)
                   for i in range(64)]
        pending = [t.r(what, f"{name}{i}", client=client, driver=driver,
                       wait=False) for i, what in enumerate(sources)]
        for i, (what, one) in enumerate(zip(sources, pending)):
            t.ok(t.answer(one, 120))
            t.linked(what, f"{name}{i}")
        t.s(source("writer", BIG), driver=driver, end=["drop"],
            client=t.scripted_client())

    t.script(again=True, UploadAndLink=[TAKE_ALL])
    round_of("first")  # What is started once is there then.
    base = t.status(driver)
    round_of("second")
    until = time.monotonic() + 30
    while True:
        now = t.status(driver)
        more = {name: (now[name], base[name])
                for name in ("threads", "descriptors", "tasks")
                if now.get(name) is not None and base.get(name) is not None
                and now[name] > base[name] + 4}
        if not more or time.monotonic() > until:
            break
        time.sleep(0.2)
    t.check(not more, f"more than before: {more}")


@case(44, "progress", {
    f"{kind}_{place}_{name}": {"kind": kind, "place": place, "size": size}
    for kind in ("bytes", "seekable", "stream", "writer")
    for place in ("scripted", "real") for name, size in SIZED})
def progress(t, kind, place, size):
    what = source(kind, size)
    options = {"progress": True}
    if place == "real":
        answer = t.r(what, options=options)
        t.ok(answer)
        t.linked(what)
    else:
        told = [{"progress": {"phase": "PHASE_UPLOADING",
                              "received_bytes": str(n * MIB),
                              "stored_bytes": str(n * MIB // 2)}}
                for n in (1, 2)]
        t.script(what, UploadObject=[[RESULT]], UploadAndLink=[
            [{"read_until": MIB}, told[0], {"read_until": 2 * MIB}, told[1],
             "read_finish", {"progress": {"phase": "PHASE_LINKING",
                                          "received_bytes": str(size),
                                          "stored_bytes": str(size)}},
             RESULT]])
        answer = t.s(what, options=options)
        t.ok(answer)
        (call,) = t.only(1)
        if size == BIG:
            t.equal(call.header.get("progress"), True, "progress")
    received = [event["progress"][1] for event in answer["events"]
                if "progress" in event]
    t.check(received, "no progress was told")
    t.equal(received, sorted(received), "progress")
    t.equal(received[-1], size, "the last progress")


@case(44, "progress_throws", kinds(("seekable", "stream", "writer")))
def progress_throws(t, kind):
    """An exception of the callback ends the upload and is the caller's."""
    what = source(kind, 12 * MIB)
    options = {"progress": True, "throw_in_progress": True}
    t.script(what, UploadAndLink=[
        [{"read_until": 2 * MIB},
         {"progress": {"phase": "PHASE_UPLOADING", "received_bytes": "9"}},
         {"slow": 4 * MIB}, "read_finish", RESULT]])
    t.own(t.s(what, options=options))
    if t.calls():  # The callback may be told of the beginning, too.
        t.wait_event("ended")
        (call,) = t.count("UploadAndLink", 1)
        t.cancelled(call)
