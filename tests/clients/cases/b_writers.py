"""Cases 9 to 15: nothing that was cut short is ever linked."""

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
