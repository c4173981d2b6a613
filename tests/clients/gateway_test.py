"""The scripted gateway tells right from wrong, or no client ever fails."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault(
    "SCRIPTED_GATEWAY",
    os.path.join(os.environ["LAKEFS_STAGING_BIN"], "scripted-gateway"))
sys.path.insert(0, os.path.join(HERE, "runner"))

import grpc  # noqa: E402
from lakefs_staging.v1 import staging_pb2 as pb  # noqa: E402
from lakefs_staging.v1 import staging_pb2_grpc as rpc  # noqa: E402

import scripted  # noqa: E402
import source  # noqa: E402

MIB = 1 << 20
DATA = source.content(2 * MIB + 5, 3)
CONTENT = {"size": len(DATA), "seed": 3}


def message(**fields):
    return pb.UploadAndLinkRequest(**fields)


class ScriptedGatewayTest(unittest.TestCase):
    keys = iter(f"t{n}" for n in range(1000))

    @classmethod
    def setUpClass(cls):
        cls.gateway = scripted.ScriptedGateway()
        cls.addClassCleanup(cls.gateway.stop)
        channel = grpc.insecure_channel(cls.gateway.address,
                                        [("grpc.enable_http_proxy", 0)])
        cls.addClassCleanup(channel.close)
        cls.stub = rpc.StagingStub(channel)
        cls.whole = cls.gateway.crc32c(**CONTENT)
        cls.first = cls.gateway.crc32c(MIB, 3)

    def setUp(self):
        self.key = next(self.keys)

    def header(self, **more):
        return message(header=pb.UploadHeader(
            object=pb.ObjectPath(repository="r", branch=self.key, path="p"),
            **more))

    def upload(self, steps, messages, **more):
        self.gateway.script(self.key, {"UploadAndLink": [steps]}, CONTENT)
        replies = list(self.stub.UploadAndLink(
            iter([self.header(**more), *messages]), timeout=60))
        return replies, self.record()

    def record(self):
        self.gateway.sync()
        (call,) = self.gateway.calls(self.key)
        return call

    @staticmethod
    def chunk(offset, data=None, **more):
        data = DATA[offset:offset + MIB] if data is None else data
        return message(chunk=pb.UploadChunk(write_offset=offset, data=data,
                                            **more))

    @staticmethod
    def finish(**more):
        return message(finish=pb.UploadFinish(
            **{"size_bytes": len(DATA), **more}))

    def chunks(self):
        return [self.chunk(at) for at in range(0, len(DATA), MIB)]

    def test_what_is_right(self):
        replies, call = self.upload(
            ["read_finish", "await_half_close", {"result": {}}],
            [self.chunk(0, crc32c=self.first), *self.chunks()[1:],
             self.finish(crc32c=self.whole)])
        self.assertEqual(replies[-1].result.crc32c, self.whole)
        self.assertEqual([c["bytes"] for c in call.chunks], ["right"] * 3)
        self.assertEqual([c["crc32c"] for c in call.chunks],
                         ["right", "absent", "absent"])
        self.assertEqual(call.finishes[-1]["crc32c"], "right")
        self.assertTrue(call.finishes[-1]["size_right"])
        names = [event["event"] for event in call.events]
        self.assertLess(names.index("half_close"), names.index("sent"))

    def test_wrong_bytes_and_checksums(self):
        wrong = b"x" * MIB
        _, call = self.upload(
            ["read_finish", {"result": {}}],
            [self.chunk(0, wrong, crc32c=7), *self.chunks()[1:],
             self.finish(crc32c=self.whole)])
        self.assertEqual(call.chunks[0]["bytes"], "wrong")
        self.assertEqual(call.chunks[0]["crc32c"], "wrong")
        self.assertEqual(call.finishes[-1]["crc32c"], "wrong")

    def test_gaps_and_wrong_sizes(self):
        _, call = self.upload(
            ["read_finish", {"result": {}}],
            [self.chunk(0), self.chunk(2 * MIB), self.finish()])
        self.assertEqual([c["taken"] for c in call.chunks], [True, False])
        self.assertFalse(call.chunks[1]["in_flight"])
        self.assertFalse(call.finishes[-1]["size_right"])
        self.assertEqual(call.finishes[-1]["crc32c"], "absent")

    def test_a_rewind_drops_what_is_in_flight(self):
        _, call = self.upload(
            ["read_finish", {"rewind": MIB}, "read_finish", {"result": {}}],
            [*self.chunks(), self.finish(), self.finish(),
             *self.chunks()[1:], self.finish(crc32c=self.whole)])
        self.assertEqual([c["taken"] for c in call.chunks], [True] * 5)
        self.assertEqual(len(call.finishes), 2)
        self.assertTrue(call.of("finish")[1]["in_flight"])
        self.assertEqual(call.finishes[-1]["crc32c"], "right")

    def test_an_end_without_finish(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.upload(["read_finish", {"result": {}}], [self.chunk(0)])
        self.assertEqual(raised.exception.code(),
                         grpc.StatusCode.INVALID_ARGUMENT)
        self.assertTrue(self.record().has("half_close"))
        self.assertFalse(self.record().has("cancel"))
        self.assertTrue(self.record().has("short"))

    def test_a_cancellation(self):
        self.gateway.script(self.key, {"UploadAndLink": [["read_finish"]]})

        def messages():
            yield self.header()
            self.gateway.wait(self.key, lambda calls: calls, "the call")
            call.cancel()

        call = self.stub.UploadAndLink(messages(), timeout=60)
        with self.assertRaises(grpc.RpcError):
            list(call)
        self.gateway.wait(self.key, lambda calls: calls[0].has("ended"), "end")
        self.assertTrue(self.record().has("cancel"))

    def test_calls_without_a_script(self):
        request = pb.UploadObjectRequest(header=self.header().header)
        with self.assertRaises(grpc.RpcError):
            self.stub.UploadObject(request, timeout=60)
        self.assertTrue(self.record().has("unscripted"))

    def test_statuses_metadata_and_deadlines(self):
        self.gateway.script(self.key, {"UploadObject": [[{"end": {
            "code": "ABORTED", "message": "m", "details": [
                {"ErrorInfo": {"reason": "R", "domain": "d"}},
                {"type_url": "type.example/T", "text": "t"}]}}]]})
        request = pb.UploadObjectRequest(header=self.header().header,
                                         data=b"wrong")
        with self.assertRaises(grpc.RpcError) as raised:
            self.stub.UploadObject(request, timeout=60,
                                   metadata=[("authorization", "a")])
        self.assertEqual(raised.exception.code(), grpc.StatusCode.ABORTED)
        trailers = dict(raised.exception.trailing_metadata())
        self.assertIn(b"type.example/T", trailers["grpc-status-details-bin"])
        call = self.record()
        self.assertEqual(call.metadata["authorization"], "a")
        self.assertLess(call.deadline_ms, 61000)  # gRPC rounds it up.
        self.assertGreater(call.deadline_ms, 0)
        self.assertEqual(call.first("object")["crc32c"], "absent")

    def test_nothing_for_tells_what_comes_early(self):
        _, call = self.upload(
            [{"nothing_for": 60000}, "read_finish", {"result": {}}],
            [*self.chunks(), self.finish()])
        self.assertTrue(call.has("early"))

    def test_many_counts_what_has_no_answer(self):
        self.gateway.script(self.key, {"UploadMany": [
            [{"read_objects": 2}, {"answer": {"object": 1}}, "serve"]]})
        requests = [pb.UploadManyRequest(id=n, header=self.header().header,
                                         data=b"x", crc32c=n)
                    for n in range(3)]
        answers = list(self.stub.UploadMany(iter(requests), timeout=60))
        self.assertEqual(sorted(a.id for a in answers), [0, 1, 2])
        call = self.record()
        self.assertEqual([o["unanswered"] for o in call.of("object")][:2],
                         [1, 2])
        self.assertEqual({o["crc32c"] for o in call.of("object")}, {"wrong"})


if __name__ == "__main__":
    unittest.main()
