"""Cases 9 to 15: nothing that was cut short is ever linked."""

import proxies
from common import *


@case(9, "writer_exception", {
    f"{place}_{name}": {"place": place, "size": size}
    for place in ("scripted", "real") for name, size in SIZED})
def writer_exception(t, place, size):
    """The block's own exception comes out, and the call is cancelled."""
    what = source("writer", size)
    if place == "real":
        t.own(t.r(what, end=["scope_throws"]))
        t.absent()
        return
    t.script(what, UploadAndLink=[TAKE_ALL])
    t.own(t.s(what, end=["scope_throws"]))
    if size == SMALL:
        t.count("UploadAndLink", 0)
        t.count("UploadObject", 0)
        return
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)


@case(10, "source_exception", {
    f"{kind}_{name}": {"kind": kind, "at": at}
    for kind in ("seekable", "opener", "stream", "generator")
    for name, at in (("soon", SMALL), ("late", BIG))})
def source_exception(t, kind, at):
    """A source that fails ends the call; its error comes out as it was."""
    what = source(kind, 12 * MIB, fail_at=at)
    t.script(what, UploadAndLink=[TAKE_ALL])
    t.own(t.s(what))
    if t.calls():
        t.wait_event("ended")
        (call,) = t.count("UploadAndLink", 1)
        t.cancelled(call)
    else:
        t.equal(at, SMALL, "no call although a chunk was there:")
    t.own(t.r(what))
    t.absent()


def went_to_nothing(t, answer, step):
    """The step told of no result, and a later commit links nothing."""
    for event in answer["events"]:
        t.check(not (event.get("end") == step and "result" in event),
                f"a result of {step}: {answer}")
    t.check("result" not in answer, f"a result: {answer}")


@case(13, "close_without_commit", {
    f"{step}_{name}": {"step": step, "size": size}
    for step in ("close", "abort", "drop") for name, size in SIZED})
def close_without_commit(t, step, size):
    answer = t.r(source("writer", size), end=[step])
    went_to_nothing(t, answer, step)
    t.absent()


@case(13, "closed_call_is_cancelled", {
    step: {"step": step} for step in ("close", "abort", "drop")})
def closed_call_is_cancelled(t, step):
    what = source("writer", BIG)
    t.script(what, UploadAndLink=[TAKE_ALL])
    went_to_nothing(t, t.s(what, end=[step]), step)
    t.wait_event("ended")
    (call,) = t.count("UploadAndLink", 1)
    t.cancelled(call)


@case(11, "abandoned_writer", {
    f"{wrapper}_{name}": {"wrapper": wrapper, "size": size}
    for wrapper in ("plain", "gzip", "text", "buffered", "zip")
    for name, size in SIZED},
    may_lack=lambda language, wrapper, size: wrapper != "plain")
def abandoned_writer(t, wrapper, size):
    """Forgotten and collected, also inside the language's own wrappers."""
    what = source("writer", 4 * size)
    wrapped = {} if wrapper == "plain" else {"wrapper": wrapper}
    t.script(UploadObject=[[RESULT]], UploadAndLink=[TAKE_ALL])
    went_to_nothing(t, t.s(what, end=["drop"], **wrapped), "drop")
    if size == BIG:
        t.wait_event("ended")
        (call,) = t.count("UploadAndLink", 1)
        t.cancelled(call)
    else:
        t.only(0)
    answer = t.r(what, end=["drop"], **wrapped)
    went_to_nothing(t, answer, "drop")
    if t.language.startswith("python"):
        t.check(any("warning" in event for event in answer["events"]),
                "no ResourceWarning")
    t.absent()


def unwrap(wrapper, data):
    import gzip
    import io
    import zipfile

    if wrapper == "gzip":
        return gzip.decompress(data)
    if wrapper == "text":
        return bytes.fromhex(data.decode())
    if wrapper == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = archive.namelist()
            return archive.read(name)
    return data


# What a language's standard library has.
WRAPPERS = {"python": ("gzip", "text", "buffered", "zip"),
            "java": ("gzip", "text", "buffered", "zip"),
            "go": ("gzip", "buffered", "zip"), "node": ("gzip",),
            "rust": (), "cpp": (), "python_async": ()}


@case(12, "wrapped_writer", {
    f"{wrapper}_{name}_{end}": {"wrapper": wrapper, "size": size, "end": end}
    for wrapper in ("gzip", "text", "buffered", "zip")
    for name, size in SIZED for end in ("scope", "scope_throws")},
    may_lack=lambda language, wrapper, **_:
        wrapper not in WRAPPERS[language])
def wrapped_writer(t, wrapper, size, end):
    what = source("writer", size)
    answer = t.r(what, end=[end], wrapper=wrapper)
    if end == "scope_throws":
        t.own(answer)
        t.absent()
        return
    t.ok(answer)
    lakefs = t.lakefs()
    path = t.r_path()
    data = lakefs.read(path)
    t.linked(data)
    t.check(unwrap(wrapper, data) == content(size, 1), "other content")


ORDERS = ("commit commit", "commit close", "commit abort", "commit write",
          "commit close commit", "close close", "close commit", "close write",
          "abort abort", "abort close", "abort commit", "abort write",
          "close abort")


@case(14, "twice", {
    f"{order.replace(' ', '_')}_{name}": {"order": order.split(), "size": size}
    for order in ORDERS for name, size in SIZED},
    may_lack=lambda language, **_: language in ("rust", "node", "cpp"))
def twice(t, order, size):
    """A second end changes nothing, and never is a second upload."""
    what = source("writer", size)
    answer = t.r(what, end=order)
    steps = [event for event in answer["events"] if "end" in event]
    t.equal([event["end"] for event in steps], order, "steps")
    committed = order[0] == "commit"
    first = None
    for event in steps:
        word = event["end"]
        if word == "commit" and committed:
            t.check("result" in event, f"no result: {event}")
            first = first or event["result"]
            t.equal(event["result"], first, "the second result")
        elif word in ("write", "commit"):
            t.check("error" in event, f"{word} is no error: {event}")
        else:
            t.check("result" not in event or committed,
                    f"a result of {word}: {event}")
            t.check("error" not in event or not committed,
                    f"{word} after a commit is an error: {event}")
    if committed:
        t.linked(what)
    else:
        t.absent()


@case(15, "killed", kinds(("stream", "seekable", "writer")))
def killed(t, kind):
    """The driver is killed in the middle; the gateway links nothing."""
    gateway = t.world.another_gateway()
    proxy = proxies.TcpProxy(gateway.address)
    t.cleanup(proxy.close)
    driver = t.own_driver()
    what = source(kind, 12 * MIB, block_at=6 * MIB)
    t.r(what, client=t.real_client(proxy.address), driver=driver, wait=False)
    proxy.await_sent(3 * MIB)
    driver.kill()
    gateway.stop()  # After this no call of it is left.
    t.absent()
