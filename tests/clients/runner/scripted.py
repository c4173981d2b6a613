"""The scripted gateway, and what it recorded of each call."""

import json
import os
import subprocess
import threading

WAIT_SECONDS = 60


class CallRecord:
    """One call of the scripted gateway, as it saw it."""

    def __init__(self, events):
        self.events = events
        self.method = events[0]["method"]
        self.number = events[0]["number"]

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def has(self, kind):
        return bool(self.of(kind))

    def first(self, kind):
        events = self.of(kind)
        if not events:
            raise AssertionError(f"{self.method} {self.number} has no {kind}")
        return events[0]

    @property
    def header(self):
        for event in self.events:
            if "header" in event:
                return event["header"]
        raise AssertionError(f"{self.method} {self.number} has no header")

    @property
    def request(self):
        return self.first("request")["request"]

    @property
    def metadata(self):
        return self.first("begin")["metadata"]

    @property
    def deadline_ms(self):
        return self.first("begin")["deadline_ms"]

    @property
    def chunks(self):
        return self.of("chunk")

    @property
    def finishes(self):
        return [event for event in self.of("finish")
                if not event["in_flight"]]


class ScriptedGateway:
    """Does as it is told by script, and records all that clients send."""

    def __init__(self):
        self._process = subprocess.Popen(
            [os.environ["SCRIPTED_GATEWAY"]], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self._changed = threading.Condition(threading.RLock())
        self._events = {}  # by key
        self._answers = {}  # by id
        self._last = 0
        self._on_cut = {}
        first = json.loads(self._process.stdout.readline())
        self.address = first["address"]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                self._take(json.loads(line))

    def _take(self, event):
        cut = None
        with self._changed:
            if event["event"] == "done":
                self._answers[event["id"]] = event
            else:
                self._events.setdefault(event["key"], []).append(event)
                if event["event"] == "cut":
                    cut = self._on_cut.get(event["key"])
            self._changed.notify_all()
        if cut:
            cut()

    def _command(self, **command):
        with self._changed:
            self._last += 1
            number = self._last
            self._process.stdin.write(
                json.dumps({"id": number, **command}) + "\n")
            self._process.stdin.flush()
            if not self._changed.wait_for(lambda: number in self._answers,
                                          WAIT_SECONDS):
                raise AssertionError("the scripted gateway does not answer")
            return self._answers.pop(number)

    def script(self, key, calls, content=None, again=False, on_cut=None):
        """Says what the calls with this key will meet."""
        if on_cut:
            self._on_cut[key] = on_cut
        self._command(script={"key": key, "calls": calls, "content": content,
                              "again": again})

    def release(self, key):
        self._command(release=key)

    def crc32c(self, size, seed):
        return self._command(crc32c_of={"size": size, "seed": seed})["crc32c"]

    def sync(self):
        """Everything that has happened so far is in the record then."""
        self._command(sync=True)

    def calls(self, key):
        """The calls that have come so far, in their order."""
        with self._changed:
            events = list(self._events.get(key, ()))
        by_call = {}
        for event in events:
            by_call.setdefault(event["call"], []).append(event)
        return [CallRecord(events) for events in by_call.values()]

    def wait(self, key, condition, what, seconds=WAIT_SECONDS):
        """Waits until the calls of the key fulfil the condition."""
        with self._changed:
            if not self._changed.wait_for(
                    lambda: condition(self.calls(key)), seconds):
                raise AssertionError(f"the gateway did not see {what}: "
                                     + describe(self.calls(key)))

    def stop(self):
        self._process.stdin.close()
        self._process.wait(30)


def describe(calls):
    """The calls in short, for a person."""
    parts = []
    for call in calls:
        names = []
        for event in call.events:
            name = event["event"]
            if name == "chunk":
                name = f"chunk@{event['offset']}+{event['size']}"
            elif name == "ended":
                name = f"ended({event['code']})"
            names.append(name)
        parts.append(f"{call.method} {call.number}: " + ", ".join(names))
    return "; ".join(parts) or "no calls"
