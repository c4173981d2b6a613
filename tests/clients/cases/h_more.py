"""Cases from 49 on: what the other calls and options are held to."""

import base64
import os
import tempfile
import time

import proxies
from common import *

BUSY = end(*DRAINING, retry=0.1)["end"]


def many(t, objects, client=None, seconds=60, **more):
    """Uploads the objects at once; what came of each, by target."""
    answer = t.do("upload_many", seconds, objects=objects,
                  client=client or t.scripted_client(), **more)
    answers = t.ok(answer)
    t.equal(sorted(one["target"] for one in answers),
            sorted(one["target"] for one in objects), "targets of the answers")
    return {one["target"]: one for one in answers}


def objects_of(t, number, size=SMALL, target=None):
    return [{"target": (target or t.s_target)(f"o{i}"),
             "source": source("bytes", size, seed=i + 1)}
            for i in range(number)]


def objects_sent(t):
    return [event for call in t.calls("UploadMany")
            for event in call.of("object")]


@case(49, "many_round_trip")
def many_round_trip(t):
    sizes = (0, 1, 4096, SMALL, MIB, MIB + 1, 4 * MIB)
    objects = [{"target": t.r_target(f"o{i}"),
                "source": source("bytes", sizes[i % len(sizes)], seed=i + 1)}
               for i in range(100)]
    answers = many(t, objects, t.real_client())
    for i, one in enumerate(objects):
        t.ok(answers[one["target"]], attempts=1,
             crc32c=t.scripted.crc32c(one["source"]["size"], i + 1))
        t.linked(one["source"], f"o{i}")


@case(49, "many_counted")
def many_counted(t):
    t.script(UploadMany=[["serve"]])
    answer = t.do("upload_many", count=300, size=100, seed=7,
                  target=t.s_target("n"), client=t.scripted_client())
    answers = t.ok(answer)
    t.equal(len({one["target"] for one in answers}), 300, "answers")
    for one in answers:
        t.ok(one)
    t.equal(len(objects_sent(t)), 300, "objects")


@case(49, "many_headers")
def many_headers(t):
    objects = objects_of(t, 20)
    objects[7]["options"] = {"content_type": "text/x", "if_absent": True,
                             "user_metadata": {"k": "ü"}, "request_id": "mine",
                             "mtime": 1714564800.5}
    t.script(UploadMany=[["serve"]])
    for one in many(t, objects).values():
        t.ok(one, attempts=1)
    sent = {event["header"]["object"]["path"]: event
            for event in objects_sent(t)}
    t.equal(len({event["id"] for event in sent.values()}), 20, "ids")
    t.equal(len({event["header"]["request_id"] for event in sent.values()}),
            20, "request_ids")
    for path, event in sent.items():
        t.equal(event["crc32c"], "right", f"crc32c of {path}")
        if path != "o7":
            t.equal(event["header"].get("attempt"), 1, "attempt")
            t.check(set(event["header"]) <= {
                "object", "request_id", "attempt", "size_bytes"},
                f"more in the header: {event['header']}")
    t.has(sent["o7"]["header"], {
        "content_type": "text/x", "if_absent": True, "request_id": "mine",
        "user_metadata": {"k": "ü"}, "mtime": "2024-05-01T12:00:00Z"})
    t.check("attempt" not in sent["o7"]["header"], "attempt of a caller's id")


@case(49, "many_one_fails")
def many_one_fails(t):
    """One that fails ends nothing else, and is told in full."""
    told = {"status": {"code": "ALREADY_EXISTS", "message": "there",
                       "details": [error_info("OBJECT_EXISTS", callId="c-1"),
                                   failure("NOT_COMMITTED", "FIX_REQUEST",
                                           object={"checksum": "c"})]}}
    t.script(UploadMany=[[{"serve": {"o3": [told, {}]}}]])
    answers = many(t, objects_of(t, 10))
    for target, one in answers.items():
        if not target.endswith("o3"):
            t.ok(one)
    error = t.not_committed(
        answers[t.s_target("o3")], code="ALREADY_EXISTS", message="there",
        reason="OBJECT_EXISTS", attempts=1, metadata={"callId": "c-1"})
    t.equal(error["object"]["checksum"], "c", "what stands there")
    t.equal(len(objects_sent(t)), 10, "objects")


@case(49, "many_repeated")
def many_repeated(t):
    """Each object is repeated by the rules of an upload."""
    busy = {"status": BUSY}
    t.script(again=True, UploadMany=[[{"serve": {
        "o1": [busy], "o2": [busy, busy], "o4": [busy] * 9}}]])
    answers = many(t, objects_of(t, 6))
    for i, attempts in ((0, 1), (1, 2), (2, 3), (3, 1), (5, 1)):
        t.ok(answers[t.s_target(f"o{i}")], attempts=attempts)
    t.not_committed(answers[t.s_target("o4")], reason="DRAINING", attempts=5,
                    retry_after=0.1)
    sent = {}
    for event in objects_sent(t):
        sent.setdefault(event["header"]["object"]["path"],
                        []).append(event["header"])
    for path, headers in sent.items():
        t.equal([header.get("attempt") for header in headers],
                list(range(1, len(headers) + 1)), f"attempts of {path}")
        t.equal(len({header["request_id"] for header in headers}), 1,
                f"request_ids of {path}")
    t.equal(len(sent["o4"]), 5, "attempts of o4")


@case(49, "many_draining")
def many_draining(t):
    """What had no answer when the stream ended by an ErrorInfo goes again."""
    t.script(UploadMany=[
        [{"read_objects": 5}, {"answer": {"object": 0}},
         {"answer": {"object": 1}}, {"end": BUSY}], ["serve"]])
    for target, one in many(t, objects_of(t, 5)).items():
        t.ok(one, attempts=1 if target[-1] in "01" else 2)
    first, second = t.count("UploadMany", 2)
    t.equal(sorted(event["header"]["object"]["path"]
                   for event in second.of("object")), ["o2", "o3", "o4"],
            "what went again")


@case(49, "many_cut")
def many_cut(t):
    proxy = proxies.TcpProxy(t.scripted.address)
    t.cleanup(proxy.close)
    t.script(cuts=proxy, UploadMany=[
        [{"read_objects": 5}, "cut"], ["serve"]])
    answers = many(t, objects_of(t, 5), t.scripted_client(proxy))
    for one in answers.values():
        t.ok(one)
    t.count("UploadMany", 2)
    sent = objects_sent(t)
    t.equal({event["header"]["attempt"] for event in sent}, {1, 2}, "attempts")


@case(49, "many_without_id")
def many_without_id(t):
    """Without a request_id what is unknown stays so, and is told of each."""
    proxy = proxies.TcpProxy(t.scripted.address)
    t.cleanup(proxy.close)
    t.script(cuts=proxy, UploadMany=[
        [{"read_objects": 3}, "cut"], ["serve"]])
    objects = objects_of(t, 3)
    for one in objects:
        one["options"] = {"request_id": ""}
    answers = many(t, objects, t.scripted_client(proxy))
    for one in answers.values():
        t.error(one, outcome="UNKNOWN", attempts=1,
                reason="GATEWAY_CONNECTION_LOST")
    t.count("UploadMany", 1)


@case(49, "many_back_pressure")
def many_back_pressure(t):
    """No 65th object is sent while 64 have no answer."""
    t.script(UploadMany=[[{"read_objects": 64}, {"nothing_for": 500},
                          {"answer": {}}, "serve"]])
    for one in many(t, objects_of(t, 200, size=100)).values():
        t.ok(one)
    (call,) = t.count("UploadMany", 1)
    t.check(not call.has("early"), "a 65th object came")
    most = max(event["unanswered"] for event in call.of("object"))
    t.check(most <= 64, f"{most} without an answer")


@case(49, "many_too_big")
def many_too_big(t):
    t.script(UploadMany=[["serve"]])
    objects = objects_of(t, 3)
    objects[1]["source"]["size"] = 4 * MIB + 1
    answers = many(t, objects)
    t.not_committed(answers[t.s_target("o1")], reason="INVALID_REQUEST",
                    code="INVALID_ARGUMENT")
    t.ok(answers[t.s_target("o0")])
    t.ok(answers[t.s_target("o2")])


@case(49, "many_of_none")
def many_of_none(t):
    t.script(UploadMany=[["serve"]])
    t.equal(t.ok(t.do("upload_many", objects=[],
                      client=t.scripted_client())), [], "answers")


TOKEN = b"token \x00\xff of a checkpoint"
TOKEN_TEXT = base64.b64encode(TOKEN).decode()
NEWER = base64.b64encode(b"a newer token").decode()
ID = {"request_id": "of-the-caller"}


def checkpoint(token, offset):
    return {"checkpoint": {"token": token, "offset": str(offset)}}


@case(50, "checkpoint", kinds(REPEATABLE + STREAMS))
def checkpoint_is_told(t, kind):
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[
        [{"read_until": MIB}, checkpoint(TOKEN_TEXT, MIB),
         {"read_until": 2 * MIB}, checkpoint(NEWER, 2 * MIB), *TAKE_ALL]])
    answer = t.s(what, options={"checkpoint": True, **ID})
    t.ok(answer)
    t.equal([event["checkpoint"] for event in answer["events"]
             if "checkpoint" in event],
            [[TOKEN_TEXT, MIB], [NEWER, 2 * MIB]], "checkpoints")
    (call,) = t.count("UploadAndLink", 1)
    t.whole(call, BIG)
    t.equal(call.header.get("resumable"), True, "resumable")


@case(50, "resume", {
    f"{kind}_{name}": {"kind": kind, "size": size, "offset": offset}
    for kind in REPEATABLE + STREAMS
    for name, size, offset in (("middle", BIG, 2 * MIB + 3),
                               ("small", SMALL, 1000), ("all", BIG, BIG),
                               ("nothing", BIG, 0))})
def resume(t, kind, size, offset):
    """Nothing goes before the gateway says from where."""
    what = source(kind, size)
    t.script(what, UploadAndLink=[
        [{"nothing_for": 300}, {"rewind": offset}, *TAKE_ALL]])
    t.ok(t.s(what, options={"resume_token": TOKEN_TEXT, **ID}), attempts=1)
    (call,) = t.count("UploadAndLink", 1)
    t.equal(call.header.get("resume_token"), TOKEN_TEXT, "resume_token")
    t.check(not call.has("early"), "it did not wait")
    t.whole(call, size)
    if call.chunks:
        t.equal(call.chunks[0]["offset"], offset, "the first offset")
    else:
        t.equal(offset, size, "no chunks; offset")


@case(50, "resume_of_what_is_done", kinds(("bytes", "stream", "writer")))
def resume_of_what_is_done(t, kind):
    t.script(UploadAndLink=[[RESULT]])
    t.ok(t.s(source(kind, BIG), options={"resume_token": TOKEN_TEXT, **ID}))
    (call,) = t.count("UploadAndLink", 1)
    t.equal(call.chunks, [], "chunks")


@case(50, "resume_source_is_short", kinds(("bytes", "stream")))
def resume_source_is_short(t, kind):
    what = source(kind, MIB)
    t.script(what, UploadAndLink=[[{"rewind": 2 * MIB}, *TAKE_ALL]])
    t.not_committed(t.s(what, options={"resume_token": TOKEN_TEXT, **ID,
                                       "attempts": 1}),
                    reason="SOURCE_CHANGED", domain="lakefs.staging.client")
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)


@case(50, "repeat_by_token", kinds(REPEATABLE))
def repeat_by_token(t, kind):
    """The next attempt goes on from the newest checkpoint."""
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[
        [{"read_until": 3 * MIB}, checkpoint(TOKEN_TEXT, MIB),
         checkpoint(NEWER, 2 * MIB), {"end": BUSY}],
        [{"nothing_for": 200}, {"rewind": 2 * MIB}, *TAKE_ALL]])
    t.ok(t.s(what, options={"checkpoint": True, **ID}), attempts=2)
    first, second = t.count("UploadAndLink", 2)
    t.equal(second.header.get("resume_token"), NEWER, "resume_token")
    t.check(not second.has("early"), "it did not wait")
    t.whole(second, BIG)
    t.equal(second.chunks[0]["offset"], 2 * MIB, "the first offset")


@case(50, "token_is_dropped", {
    f"{reason}_{kind}": {"reason": reason, "kind": kind}
    for reason in ("RESUME_EXPIRED", "RESUME_REFUSED")
    for kind in ("bytes", "seekable", "opener")})
def token_is_dropped(t, reason, kind):
    """A token that is no good: all bytes again, without it."""
    code = ("FAILED_PRECONDITION" if reason == "RESUME_EXPIRED"
            else "PERMISSION_DENIED")
    advice = "RESTART" if reason == "RESUME_EXPIRED" else "FIX_REQUEST"
    what = source(kind, BIG)
    t.script(what, UploadAndLink=[
        [end(code, reason, "NOT_COMMITTED", advice)], TAKE_ALL])
    t.ok(t.s(what, options={"resume_token": TOKEN_TEXT, **ID}), attempts=2)
    first, second = t.count("UploadAndLink", 2)
    t.check("resume_token" not in second.header, "the token again")
    t.whole(second, BIG)
    t.equal(second.chunks[0]["offset"], 0, "the first offset")


@case(50, "resume_really", kinds(("seekable", "stream")))
def resume_really(t, kind):
    """An upload outlives its gateway: the next call goes on, not anew."""
    folder = tempfile.TemporaryDirectory()
    t.cleanup(folder.cleanup)
    keys = os.path.join(folder.name, "keys")
    with open(os.open(keys, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
    flags = [f"--resume-key-file={keys}", "--drain-timeout=1s"]
    what = source(kind, 30 * MIB)
    options = {"checkpoint": True, "request_id": f"resume-{t.key}"}
    old = t.world.another_gateway(flags=flags)
    blocked = {**what, "block_at": 21 * MIB}
    pending = t.r(blocked, client={"gateway": old.address}, wait=False,
                  options={**options, "attempts": 1})
    time.sleep(1)  # Whatever is stored by then is in the checkpoint.
    old.stop()
    answer = t.answer(pending)
    t.error(answer)
    told = [event["checkpoint"] for event in answer["events"]
            if "checkpoint" in event]
    t.check(told, f"no checkpoint: {answer}")
    token, offset = told[-1]
    t.check(offset > 0, "a checkpoint of nothing")
    heir = t.world.another_gateway(flags=flags)
    t.cleanup(heir.stop)
    proxy = proxies.TcpProxy(heir.address)
    t.cleanup(proxy.close)
    t.ok(t.r(what, client={"gateway": proxy.address},
             options={**options, "resume_token": token}))
    t.check(proxy.sent < 30 * MIB - offset + MIB,
            f"{proxy.sent} bytes were sent, from {offset} on")
    t.linked(what)


@case(51, "discard")
def discard(t):
    token = base64.b64encode(t.key.encode()).decode()
    t.script(DiscardUpload=[
        [{"result": None}],
        [{"end": {"code": "PERMISSION_DENIED", "message": "m", "details": [
            error_info("RESUME_REFUSED")]}}]])
    answer = t.do("discard", resume_token=token, client=t.scripted_client())
    t.check("error" not in answer, f"an error: {answer}")
    answer = t.do("discard", resume_token=token, client=t.scripted_client())
    error = t.error(answer, reason="RESUME_REFUSED", code="PERMISSION_DENIED")
    t.check(token not in error["printed"], "the token is told")
    calls = t.only(2)
    t.equal(calls[0].request, {"resume_token": token}, "request")


@case(52, "shared_file")
def shared_file(t):
    folder = shared_folder(t)
    world = t.suite.world_of(
        "files", gateway_flags=[f"--source-root={folder}"])
    what = source("file", 9 * MIB)
    name = os.path.join(folder, t.key)
    with open(name, "wb") as file:
        file.write(content(9 * MIB, 1))
    client = {"gateway": world.gateway.socket}
    answer = t.do("upload_file", file=name, target=t.r_target(),
                  client=client, options={"content_type": "text/x"})
    t.ok(answer, crc32c=t.scripted.crc32c(9 * MIB, 1),
         object={"content_type": "text/x", "size_bytes": 9 * MIB})
    t.linked(what, world=world)
    answer = t.do("upload_file", file="/etc/hostname", client=client,
                  target=t.r_target("other"))
    t.not_committed(answer, reason="SOURCE_REFUSED", attempts=1)
    t.absent("other", world=world)


def shared_folder(t):
    with t.suite._lock:
        if not hasattr(t.suite, "shared"):
            t.suite.shared = tempfile.TemporaryDirectory()
            os.chmod(t.suite.shared.name, 0o755)
    return t.suite.shared.name


@case(52, "shared_file_not_taken")
def shared_file_not_taken(t):
    answer = t.do("upload_file", file="/etc/hostname", target=t.r_target(),
                  client=t.real_client())
    t.not_committed(answer, reason="SOURCE_REFUSED", code="UNIMPLEMENTED",
                    attempts=1)
    t.absent()


@case(52, "shared_file_header")
def shared_file_header(t):
    t.script(UploadFile=[[{"end": BUSY}], [
        {"progress": {"phase": "PHASE_LINKING", "received_bytes": "7"}},
        RESULT]])
    answer = t.do("upload_file", file="/shared/ü", target=t.s_target(),
                  client=t.scripted_client(),
                  options={"if_absent": True, "user_metadata": {"a": "b"}})
    t.ok(answer, attempts=2)
    calls = t.count("UploadFile", 2)
    t.same_header(calls)
    t.equal(calls[0].request["file"], "/shared/ü", "file")
    t.has(calls[0].header, {"if_absent": True, "user_metadata": {"a": "b"}})


@case(53, "if_match", {f"{kind}_{name}": {"kind": kind, "size": size}
                       for kind in ("bytes", "writer")
                       for name, size in SIZED})
def if_match(t, kind, size):
    """Compare and swap, by the checksum that a result shows."""
    world = t.suite.world_of("if_match", lakefs_flags=["--if-match"])
    client = {"gateway": world.gateway.address}
    first = t.ok(t.r(source(kind, size, seed=1), client=client))
    checksum = first["object"]["checksum"]
    t.ok(t.r(source(kind, size, seed=2), client=client,
             options={"if_match": checksum}))
    t.linked(source(kind, size, seed=2), times=2, world=world)
    error = t.not_committed(
        t.r(source(kind, size, seed=3), client=client,
            options={"if_match": checksum}),
        code="ABORTED", reason="OBJECT_CHANGED", attempts=1)
    t.equal(error["object"]["size_bytes"], size, "what stands there")
    t.linked(source(kind, size, seed=2), times=2, world=world)


@case(53, "if_match_not_there")
def if_match_not_there(t):
    """lakeFS's own server has no If-Match."""
    what = source("bytes", SMALL)
    checksum = t.ok(t.r(what))["object"]["checksum"]
    t.not_committed(t.r(source("bytes", SMALL, seed=2),
                        options={"if_match": checksum}),
                    code="UNIMPLEMENTED", attempts=1)
    t.linked(what)


@case(54, "outcome", {name: {"target": target} for name, target in (
    ("with_target", True), ("without", False))})
def outcome(t, target):
    what = source("bytes", SMALL)
    request_id = f"outcome-{t.key}"
    told = t.ok(t.r(what, options={"request_id": request_id}))
    command = {"target": t.r_target()} if target else {}
    answer = t.do("outcome", request_id=request_id, client=t.real_client(),
                  **command)
    found = t.ok(answer, in_progress=False)
    t.equal(found["result"]["object"], told["object"], "the object")
    t.linked(what)


@case(54, "outcome_told")
def outcome_told(t):
    t.script(GetUploadOutcome=[
        [{"result": {"outcome": "OUTCOME_UNKNOWN", "in_progress": True}}],
        [{"result": {"outcome": "OUTCOME_NOT_COMMITTED",
                     "failure_reason": "LINK_CONFLICT",
                     "failure_message": "m",
                     "failure": {"outcome": "OUTCOME_NOT_COMMITTED"}}}],
        [{"end": {"code": "NOT_FOUND", "message": "nothing is known",
                  "details": [error_info("NOT_FOUND")]}}]])
    command = {"request_id": "an-id", "target": t.s_target("a/b"),
               "client": t.scripted_client()}
    t.ok(t.do("outcome", **command), outcome="UNKNOWN", in_progress=True)
    t.ok(t.do("outcome", **command), outcome="NOT_COMMITTED",
         in_progress=False, failure_reason="LINK_CONFLICT")
    t.error(t.do("outcome", **command), code="NOT_FOUND", reason="NOT_FOUND")
    t.equal(t.only(3)[0].request, {
        "request_id": "an-id", "object": {
            "repository": "scripted", "branch": t.key, "path": "a/b"}},
        "request")


@case(55, "plain_calls")
def plain_calls(t):
    """An address, and a link of it."""
    client = t.real_client()
    answer = t.do("address", target=t.r_target(), presign=True, client=client)
    location = answer.get("result")
    t.check(location, f"no result: {answer}")
    t.check(location["physical_address"].startswith("s3://"), location)
    t.check(location.get("presigned_url"), "no presigned_url")
    answer = t.do("link", target=t.r_target(), location=location,
                  checksum="0123456789abcdef", size_bytes=7, client=client)
    result = t.ok(answer)
    t.has(result["object"], {"size_bytes": 7, "checksum": "0123456789abcdef",
                             "path": t.r_path()})
    path = t.r_path()
    t._said[path] = "linked"
    lakefs = t.lakefs()
    t.equal(lakefs.links(path), 1, "links")
    t.check(lakefs.has(path), "it is not there")


@case(55, "plain_calls_fail")
def plain_calls_fail(t):
    t.script(GetPhysicalAddress=[[{"end": {
        "code": "NOT_FOUND", "message": "m", "details": [
            error_info("NOT_FOUND"),
            {"ResourceInfo": {"resource_type": "branch",
                              "resource_name": "b"}}]}}]],
        LinkPhysicalAddress=[[end("FAILED_PRECONDITION",
                                  "LINK_ADDRESS_EXPIRED", "NOT_COMMITTED",
                                  "RESTART")]])
    client = t.scripted_client()
    t.error(t.do("address", target=t.s_target(), client=client),
            reason="NOT_FOUND", resource=["branch", "b"])
    t.not_committed(
        t.do("link", target=t.s_target(), client=client, checksum="c",
             size_bytes=7, location={"physical_address": "s3://b/secret"}),
        reason="LINK_ADDRESS_EXPIRED", advice="RESTART")
    link = t.count("LinkPhysicalAddress", 1)[0].request
    t.has(link["metadata"], {
        "staging": {"physical_address": "s3://b/secret"}, "checksum": "c",
        "size_bytes": "7"})
