"""Makes what a case looks at untrue, to see that its checks can fail."""

import copy

from scripted import CallRecord


class Nothing:
    """Everything as it is."""

    name = ""

    def answer(self, answer):
        return answer

    def calls(self, calls):
        return calls

    def lakefs(self, world):
        return Lakefs(world)


class Lakefs:
    """What stands at lakeFS, for the checks."""

    def __init__(self, world):
        self._world = world

    def has(self, path):
        return self._world.lakefs.has(path)

    def read(self, path):
        return self._world.lakefs.read(path)

    def links(self, path):
        return len(self._world.proxy.links[path])


class Answers(Nothing):
    """Results become errors, and errors results."""

    name = "answers"

    def answer(self, answer):
        answer = copy.deepcopy(answer)
        if "error" in answer:
            del answer["error"]
            answer["result"] = {"outcome": "COMMITTED", "attempts": 1,
                                "object": {}}
        else:
            answer.pop("result", None)
            answer["error"] = {"reason": "FALSIFIED", "attempts": 0}
        return answer


class Calls(Nothing):
    """One call more of each kind, wrong bytes, no cancellation."""

    name = "record"

    def calls(self, calls):
        calls = copy.deepcopy(calls)
        for call in calls:
            call.events = [event for event in call.events
                           if event["event"] != "cancel"]
            for event in call.events:
                if "bytes" in event:
                    event["bytes"] = "wrong"
                if "crc32c" in event:
                    event["crc32c"] = "wrong"
                if "header" in event:
                    event["header"]["size_bytes"] = "-1"
        return calls + [CallRecord(copy.deepcopy(call.events))
                        for call in calls]


class Stored(Nothing):
    """What is there is not, and the other way round."""

    name = "lakefs"

    class _Inverse(Lakefs):
        def has(self, path):
            return not super().has(path)

        def read(self, path):
            return super().read(path) + b"!"

        def links(self, path):
            return super().links(path) + 1

    def lakefs(self, world):
        return self._Inverse(world)


ALL = (Answers(), Calls(), Stored())
