"""What a case is, and what it can do and look at."""

import dataclasses
import itertools
import json
import threading
import typing

import source as sources
from driver import Driver
from scripted import describe

ANSWER_SECONDS = 60
START_SECONDS = 120
MISSING = object()


@dataclasses.dataclass
class Case:
    """One row of the suite: a number, a name, and variants that are run."""

    number: int
    name: str
    run: typing.Callable
    each: dict  # name of the variant: arguments
    alone: bool = False  # what measures, or hits all that runs
    lacks: tuple = ()  # languages that have no such thing; not run there
    may_lack: typing.Callable = None  # (language, **variant): may it say so


CASES = []


def case(number, name, each=None, **settings):
    """Makes a case of a function of a Trial and the variant's arguments.

    `each` has the variants: names, or names with arguments.
    """
    if each is None:
        each = {"": {}}
    elif not isinstance(each, dict):
        each = {str(value): {"variant": value} for value in each}

    def register(run):
        CASES.append(Case(number, name, run, each, **settings))
        return run

    return register


class Failed(Exception):
    """A check that did not hold."""


def source(kind, size, seed=1, **more):
    return {"kind": kind, "size": size, "seed": seed, **more}


class Trial:
    """One run of one variant: its place at both gateways, and the checks."""

    _keys = itertools.count(1)

    def __init__(self, suite, variant):
        self.suite = suite
        self.language = suite.language
        self.variant = variant
        self.key = f"k{next(self._keys)}"
        self.branch = self.key
        self._cleanups = []
        self.looked = set()  # names of the lies that would have been met
        self._said = {}  # path at the real gateway: "absent", "linked", None
        self._lock = threading.Lock()

    # What there is.

    @property
    def driver(self):
        return self.suite.driver()

    def own_driver(self, **environment):
        """A driver for this trial alone; variables that are None are unset."""
        driver = Driver(self.suite.driver_folder, environment)
        self.cleanup(driver.kill)
        return driver

    def status(self, driver=None):
        answer = self.start("status", driver=driver).answer(START_SECONDS)
        return answer.get("result", answer)

    def cleanup(self, function):
        self._cleanups.append(function)

    def clean(self):
        while self._cleanups:
            self._cleanups.pop()()

    # Commands.

    def start(self, op, driver=None, **command):
        return (driver or self.driver).start(op=op, **command)

    def do(self, op, seconds=ANSWER_SECONDS, **command):
        return self.answer(self.start(op, **command), seconds)

    def answer(self, pending, seconds=ANSWER_SECONDS):
        self.looked.add("answers")
        return self.suite.falsify.answer(pending.answer(seconds))

    def send(self, what, seconds=ANSWER_SECONDS, wait=True, driver=None,
             target=None, client=None, **more):
        """Uploads a source, or writes it where its kind is `writer`."""
        command = {"target": target, "client": client, **more}
        if what["kind"] == "writer":
            command["source"] = {**what, "kind": "generator"}
            command.setdefault("end", ["commit"])
            command["op"] = "write"
        else:
            command["source"] = what
            command["op"] = "upload"
        pending = (driver or self.driver).start(**command)
        return self.answer(pending, seconds) if wait else pending

    # The scripted gateway.

    @property
    def scripted(self):
        return self.suite.scripted

    def script(self, content=None, again=False, cuts=None, **calls):
        """`cuts` is a proxy that is cut at the step of that name."""
        if content is not None:
            content = {"size": content["size"], "seed": content["seed"]}
        self.scripted.script(self.key, calls, content, again,
                             cuts.cut if cuts else None)

    def scripted_client(self, proxy=None, **settings):
        address = proxy.address if proxy else self.scripted.address
        return {"gateway": address, **settings}

    def s_target(self, path="object"):
        return f"lakefs://scripted/{self.key}/{path}"

    def s(self, what, path="object", client=None, **more):
        """Sends a source to the scripted gateway."""
        return self.send(what, target=self.s_target(path),
                         client=client or self.scripted_client(), **more)

    def calls(self, method=None):
        self.scripted.sync()
        calls = self.scripted.calls(self.key)
        if calls:
            self.looked.add("record")
        calls = self.suite.falsify.calls(calls)
        return [call for call in calls if method in (None, call.method)]

    def wait_calls(self, condition, what, seconds=ANSWER_SECONDS):
        self.scripted.wait(self.key, condition, what, seconds)

    def wait_event(self, event, seconds=ANSWER_SECONDS, number=1):
        """Waits until `number` events of this name have come, in all calls."""
        self.wait_calls(
            lambda calls: sum(len(c.of(event)) for c in calls) >= number,
            f"{number} {event}", seconds)

    # The real gateway.

    @property
    def world(self):
        return self.suite.world

    def r_path(self, path="object"):
        """A path of this trial's own: `{key}` is its place, else in front."""
        path = (path.replace("{key}", self.key) if "{key}" in path
                else f"{self.key}/{path}")
        self._said.setdefault(path, None)
        return path

    def r_target(self, path="object"):
        return f"lakefs://quickstart/main/{self.r_path(path)}"

    def real_client(self, address=None, **settings):
        return {"gateway": address or self.world.gateway.address, **settings}

    def r(self, what, path="object", client=None, **more):
        """Sends a source to the real gateway."""
        return self.send(what, target=self.r_target(path),
                         client=client or self.real_client(), **more)

    def lakefs(self, world=None):
        """What stands at lakeFS, for checks."""
        self.looked.add("lakefs")
        return self.suite.falsify.lakefs(world or self.world)

    def absent(self, path="object", world=None):
        """Nothing was ever linked to the path."""
        world = world or self.world
        path = self.r_path(path)
        self._said[path] = "absent"
        lakefs = self.lakefs(world)
        self.equal(lakefs.has(path), False, f"{path} is there")
        self.equal(lakefs.links(path), 0, f"links of {path}")

    def linked(self, expected, path="object", times=1, world=None):
        """The path has these bytes (or a source's), linked so often."""
        world = world or self.world
        path = self.r_path(path)
        self._said[path] = "linked"
        if isinstance(expected, dict):
            expected = sources.content(expected["size"], expected["seed"])
        lakefs = self.lakefs(world)
        self.check(lakefs.has(path), f"{path} is not there")
        self.check(lakefs.read(path) == expected, f"other bytes at {path}")
        if times is not None:
            self.equal(lakefs.links(path), times, f"links of {path}")

    def finish(self):
        """After the case: every path has been looked at."""
        for path, said in self._said.items():
            self.check(said, f"the case does not say what is at {path}")

    # Checks.

    def check(self, holds, what):
        if not holds:
            raise Failed(what)

    def equal(self, found, expected, what):
        if found != expected:
            raise Failed(f"{what}: {found!r}, not {expected!r}")

    def has(self, found, expected, what=""):
        """Each field of `expected` is so in `found`."""
        for name, value in expected.items():
            got = found.get(name, MISSING)
            if isinstance(value, dict) and isinstance(got, dict):
                self.has(got, value, f"{what}{name}.")
            elif got is MISSING or got != value:
                got = "nothing" if got is MISSING else repr(got)
                raise Failed(f"{what}{name}: {got}, not {value!r}; "
                             f"in {short(found)}")

    def ok(self, answer, **fields):
        """The answer is a result, COMMITTED if nothing else is said."""
        if "result" not in answer:
            raise Failed(f"no result: {short(answer)}")
        if not isinstance(answer["result"], dict):
            return answer["result"]
        self.has(answer["result"], {"outcome": "COMMITTED", **fields})
        return answer["result"]

    def error(self, answer, **fields):
        """The answer is an error of the client's, with these fields."""
        error = answer.get("error")
        if not isinstance(error, dict) or "reason" not in error:
            raise Failed(f"no error of the client's: {short(answer)}")
        self.has(error, fields)
        return error

    def not_committed(self, answer, **fields):
        return self.error(answer, outcome="NOT_COMMITTED",
                          nothing_linked=True, **fields)

    def own(self, answer):
        """The answer is the driver's own exception, as it was."""
        if not answer.get("error", {}).get("own"):
            raise Failed(f"not the driver's own error: {short(answer)}")

    def count(self, method, number):
        """So many calls of the method were made, and none unexpected."""
        calls = self.calls()
        for call in calls:
            for bad in "unscripted", "wrong_step", "second_header", "gave_up":
                self.check(not call.has(bad), f"{bad}: {describe(calls)}")
        found = [call for call in calls if call.method == method]
        if len(found) != number:
            raise Failed(f"{len(found)} calls of {method}, not {number}: "
                         f"{describe(calls)}")
        return found

    def only(self, number):
        """So many calls were made in all."""
        calls = self.calls()
        if len(calls) != number:
            raise Failed(f"{len(calls)} calls, not {number}: "
                         f"{describe(calls)}")
        return calls

    def whole(self, call, size, can_rewind=None):
        """The call brought the source right, from its beginning to finish."""
        if call.method == "UploadObject":
            event = call.first("object")
            self.has(event, {"size": size, "bytes": "right",
                             "crc32c": "right"})
            return
        self.chunks_right(call)
        finishes = call.finishes
        self.check(finishes, f"no finish: {describe([call])}")
        self.has(finishes[-1], {"size_bytes": size, "size_right": True,
                                "crc32c": "right", "again": False})
        if can_rewind is not None:
            self.equal(call.header.get("can_rewind", False), can_rewind,
                       "can_rewind")

    def chunks_right(self, call):
        """The chunks are contiguous, not empty, at most 1 MiB, and right."""
        self.check(call.first("header")["first"], "the header is not first")
        for chunk in call.chunks:
            at = f"chunk at {chunk['offset']}: "
            self.check(0 < chunk["size"] <= sources.MIB,
                       f"{at}{chunk['size']} bytes")
            self.equal(chunk["crc32c"], "right", f"{at}crc32c")
            self.check(chunk["bytes"] != "wrong", f"{at}other bytes")
            self.check(chunk["taken"] or chunk["in_flight"],
                       f"{at}out of order: {describe([call])}")
            self.check("after_finish" not in chunk, f"{at}after finish")

    def open_until_result(self, call):
        """The caller did not close its side before it had the result."""
        order = [event["event"] if event["event"] != "sent"
                 else event["what"] for event in call.events]
        if "half_close" in order:
            self.check("result" in order and
                       order.index("result") < order.index("half_close"),
                       f"closed too soon: {describe([call])}")

    def cancelled(self, call, finish=False):
        """The call was cancelled, and nothing could be linked by it."""
        if not call.has("cancel"):
            raise Failed(f"not cancelled: {describe([call])}")
        self.equal(bool(call.finishes), finish, "finish was sent")

    def same_header(self, calls):
        """All attempts had one header but for `attempt`, counted from 1."""
        frozen = [{name: value for name, value in call.header.items()
                   if name not in ("attempt", "resume_token")}
                  for call in calls]
        for other in frozen[1:]:
            self.equal(other, frozen[0], "the header of a later attempt")
        self.check(frozen[0].get("request_id"), "no request_id")
        self.equal([call.header.get("attempt") for call in calls],
                   list(range(1, len(calls) + 1)), "attempt")


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 1500 else text[:1500] + " …"
