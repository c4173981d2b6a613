"""Cases 1 to 8: what is sent, and how."""

from common import *

SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 4 * MIB, 8 * MIB + 1, 20 * MIB + 17)


@case(1, "round_trip", kinds(KINDS + ("writer",)))
def round_trip(t, kind):
    for size in SIZES:
        what = source(kind, size, seed=size % 1000 + 1)
        answer = t.r(what, f"{size}")
        t.ok(answer, crc32c=t.scripted.crc32c(size, what["seed"]), attempts=1,
             object={"size_bytes": size, "path": t.r_path(f"{size}")})
        t.linked(what, f"{size}")


@case(1, "round_trip_messages", kinds(KINDS + ("writer",)))
def round_trip_messages(t, kind):
    """What has at most 1 MiB goes in one message, anything else streams."""
    what = source(kind, 8 * MIB)
    t.script(what, again=True, UploadObject=[[RESULT]],
             UploadAndLink=[TAKE_ALL])
    sizes = (0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB)
    for size in sizes:
        t.ok(t.s({**what, "size": size}))
    calls = t.calls()
    t.equal([call.method for call in calls],
            ["UploadObject"] * 4 + ["UploadAndLink"] * 2, "calls")
    for call, size in zip(calls, sizes):
        t.whole(call, size)
        if kind in ("bytes", "file"):
            t.equal(call.header.get("size_bytes"), str(size), "size_bytes")


@case(2, "empty_object", kinds(KINDS + ("writer",)))
def empty_object(t, kind):
    t.ok(t.r(source(kind, 0)), object={"size_bytes": 0})
    t.linked(b"")


@case(3, "odd_pieces", {
    f"{kind}_{piece}": {"kind": kind, "piece": piece}
    for kind in STREAMS for piece in (1, 7, 65537, MIB + 1, 3 * MIB)})
def odd_pieces(t, kind, piece):
    size = MIB + 5 if piece < 65537 else 7 * MIB + 3
    what = source(kind, size)
    t.script(what, UploadAndLink=[TAKE_ALL])
    if kind == "writer":
        answer = t.s(what, pieces=piece)
    else:
        answer = t.s({**what, "piece": piece})
    t.ok(answer, crc32c=t.scripted.crc32c(size, 1))
    (call,) = t.count("UploadAndLink", 1)
    t.whole(call, size, can_rewind=False)
    t.check("size_bytes" not in call.header, "a size is told")
    sizes = [chunk["size"] for chunk in call.chunks]
    t.equal(sizes[:-1], [MIB] * (len(sizes) - 1), "sizes of the chunks")


METADATA = {"team": "données", "empty": "", "Case": "x=1; y"}
OPTIONS = {
    "content_type": "text/x-test; charset=utf-8", "user_metadata": METADATA,
    "force": True, "mtime": 1714564800.75, "request_id": "a-request/1"}
EXPECTED = {
    "content_type": OPTIONS["content_type"], "user_metadata": METADATA,
    "force": True, "mtime": "2024-05-01T12:00:00Z",
    "request_id": "a-request/1"}
CONDITIONS = {"if_absent": True, "if_match": "0123456789abcdef-7"}


@case(4, "header_arrives", {
    f"{kind}_{name}_{condition}":
        {"kind": kind, "size": size, "condition": condition}
    for kind in ("bytes", "stream", "writer") for name, size in SIZED
    for condition in CONDITIONS})
def header_arrives(t, kind, size, condition):
    told = {condition: CONDITIONS[condition]}
    t.script(UploadObject=[[RESULT]], UploadAndLink=[TAKE_ALL])
    path = "a//b c/ü?#%2F"
    answer = t.s(source(kind, size), path, options={**OPTIONS, **told})
    t.ok(answer, object={"path": path, "content_type": OPTIONS["content_type"],
                         "user_metadata": METADATA, "mtime": 1714564800})
    (call,) = t.only(1)
    t.has(call.header, {
        **EXPECTED, **told,
        "object": {"repository": "scripted", "branch": t.key, "path": path}})
    other = next(name for name in CONDITIONS if name not in told)
    for name in (other, "progress", "resumable", "resume_token",
                 "sha256_follows", "md5_follows"):
        t.check(name not in call.header, f"{name} is in the header")
    # The client cannot know what came before with the caller's id.
    t.check("attempt" not in call.header, "attempt with the caller's id")


@case(4, "header_by_default", {
    f"{kind}_{name}": {"kind": kind, "size": size}
    for kind in ("bytes", "generator", "writer") for name, size in SIZED})
def header_by_default(t, kind, size):
    t.script(UploadObject=[[RESULT]] * 3, UploadAndLink=[TAKE_ALL] * 3)
    t.ok(t.s(source(kind, size)))
    t.ok(t.s(source(kind, size)))
    t.ok(t.s(source(kind, size), options={"request_id": ""}))
    first, second, without = (call.header for call in t.only(3))
    t.equal(len(first["request_id"]), 36, "length of the request_id")
    t.check(first["request_id"] != second["request_id"], "one id for two")
    t.equal(first.get("attempt"), 1, "attempt")
    t.check("request_id" not in without, "an id although it is switched off")
    t.check("attempt" not in without, "attempt without a request_id")
    allowed = {"object", "request_id", "attempt", "size_bytes", "can_rewind"}
    t.check(set(first) <= allowed, f"more in the header: {first}")


@case(4, "attempt_is_told", {"small": {"size": SMALL}, "big": {"size": BIG}})
def attempt_is_told(t, size):
    """A caller who says which attempt the first is has it counted on."""
    t.script(UploadObject=[[end(*DRAINING)], [RESULT]],
             UploadAndLink=[["read_finish", end(*DRAINING)], TAKE_ALL])
    t.ok(t.s(source("seekable", size),
             options={"request_id": "mine", "attempt": 3}), attempts=2)
    t.equal([call.header.get("attempt") for call in t.calls()], [3, 4],
            "attempt")


@case(5, "checksums_sent", {
    f"{kind}_{name}": {"kind": kind, "size": size}
    for kind in KINDS + ("writer",) for name, size in (("empty", 0), *SIZED)})
def checksums_sent(t, kind, size):
    what = source(kind, size, seed=5)
    t.script(what, UploadObject=[[RESULT]], UploadAndLink=[TAKE_ALL])
    t.ok(t.s(what), crc32c=t.scripted.crc32c(size, 5))
    (call,) = t.only(1)
    t.whole(call, size)
    if call.finishes:
        for digest in "sha256", "md5":
            t.check(digest not in call.finishes[-1], f"{digest} is sent")


@case(5, "digest_sent", {
    f"{kind}_{digest}": {"kind": kind, "digest": digest}
    for kind in ("file", "stream", "writer") for digest in ("sha256", "md5")})
def digest_sent(t, kind, digest):
    """A digest that is told comes with finish, and was announced."""
    import hashlib

    what = source(kind, BIG)
    value = hashlib.new(digest, content(BIG, 1)).hexdigest()
    t.script(what, UploadAndLink=[TAKE_ALL])
    t.ok(t.s(what, options={digest: value}))
    (call,) = t.count("UploadAndLink", 1)
    t.whole(call, BIG)
    t.equal(call.finishes[-1].get(digest), value, digest)
    t.equal(call.header.get(f"{digest}_follows"), True, "announced")
