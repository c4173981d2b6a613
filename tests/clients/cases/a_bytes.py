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


@case(6, "checksum_refused", {
    f"{kind}_{digest}": {"kind": kind, "digest": digest}
    for kind in ("file", "stream", "writer") for digest in ("sha256", "md5")})
def checksum_refused(t, kind, digest):
    """The caller's own digest is not that of the bytes."""
    wrong = "0" * (64 if digest == "sha256" else 32)
    t.not_committed(t.r(source(kind, BIG), options={digest: wrong}),
                    reason="CHECKSUM_MISMATCH", code="INVALID_ARGUMENT")
    t.absent()


@case(6, "checksum_refused_once", {name: {"size": size}
                                   for name, size in SIZED})
def checksum_refused_once(t, size):
    told = end("INVALID_ARGUMENT", "CHECKSUM_MISMATCH", "NOT_COMMITTED",
               "FIX_REQUEST")
    t.script(UploadObject=[[told], [RESULT]],
             UploadAndLink=[["read_finish", told], TAKE_ALL])
    t.not_committed(t.s(source("seekable", size)), attempts=1,
                    reason="CHECKSUM_MISMATCH", retryable=False)
    t.only(1)


PATHS = {
    "umlauts": "{key}/ä/Ö/ß.csv", "emoji": "{key}/🦆/👩‍👩‍👧.bin",
    "empty_names": "{key}//a///b", "slash_first": "/{key}/a",
    "slash_last": "{key}/a/", "query": "{key}/a?b=c#d",
    "percent": "{key}/100%/%2F%zz+", "blanks": "{key}/ a  b /\t",
    "quotes": "{key}/\"'\\`<>|", "dots": "{key}/../.././x",
    "longest": "{key}/" + "ü" * 400 + "x" * 150, "decomposed": "{key}/u\u0308",
}


@case(7, "paths", {name: {"path": path} for name, path in PATHS.items()})
def paths(t, path):
    what = source("bytes", 100)
    told = t.ok(t.r(what, path))
    t.equal(told["object"]["path"], t.r_path(path), "path of the result")
    t.linked(what, path)


@case(7, "longest_path")
def longest_path(t):
    what = source("bytes", 100)
    fill = 1024 - len(t.key) - 1
    t.ok(t.r(what, "{key}/" + "x" * fill))
    t.linked(what, "{key}/" + "x" * fill)
    t.not_committed(t.r(what, "{key}/" + "x" * (fill + 1)),
                    reason="INVALID_REQUEST", code="INVALID_ARGUMENT")
    t._said.pop(t.r_path("{key}/" + "x" * (fill + 1)))


@case(7, "no_utf8", {"path": {"where": "path"}, "metadata": {
    "where": "metadata"}}, lacks=("cpp", "go", "rust"))
def no_utf8(t, where):
    """Text that is not UTF-8 is refused without a call."""
    bad = "a\ud800b"
    options = {"user_metadata": {"k": bad}} if where == "metadata" else {}
    t.script(again=True, UploadObject=[[RESULT]])
    t.not_committed(t.s(source("bytes", 10), bad if where == "path" else "p",
                        options=options),
                    reason="INVALID_REQUEST", code="INVALID_ARGUMENT",
                    domain="lakefs.staging.client", advice="FIX_REQUEST")
    t.only(0)


@case(7, "no_target", {
    name: {"target": target} for name, target in {
        "scheme": "s3://a/b/c", "nothing": "", "no_branch": "lakefs://a",
        "no_path": "lakefs://a/b", "empty_path": "lakefs://a/b/",
        "no_repository": "lakefs:///b/c"}.items()})
def no_target(t, target):
    answer = t.send(source("bytes", 10), target=target,
                    client=t.scripted_client())
    t.not_committed(answer, reason="INVALID_REQUEST",
                    code="INVALID_ARGUMENT")


@case(8, "big_metadata", {name: {"size": size} for name, size in SIZED})
def big_metadata(t, size):
    what = source("bytes", size)
    most = {f"k{i:02}": "v" * 125 for i in range(63)}
    told = t.ok(t.r(what, options={"user_metadata": most}))
    t.has(told["object"]["user_metadata"], most)
    t.linked(what)
    more = {f"k{i:02}": "v" for i in range(65)}
    error = t.not_committed(
        t.r(what, "more", options={"user_metadata": more}),
        code="INVALID_ARGUMENT", reason="INVALID_REQUEST", attempts=1,
        advice="FIX_REQUEST")
    t.check(error["violations"], "no violations are told")
    t.absent("more")
