"""Uploads from Python and from the command line arrive byte for byte."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

import grpc
from lakefs_staging.v1 import staging_pb2 as pb
from lakefs_staging.v1 import staging_pb2_grpc as rpc

import running

MIB = 1 << 20
SIZES = [0, 1, 7 * MIB, 64 * MIB]
CLIENT = os.environ["LAKEFS_STAGING_PYTHON_CLIENT"]
UPLOAD = """
import sys, lakefs_staging
gateway, file, target = sys.argv[1:]
with lakefs_staging.Client(gateway) as client, open(file, "rb") as source:
    client.upload(iter(lambda: source.read(100_000), b""), target)
"""
METADATA = {"team": "données", "empty": ""}
PART = 8 * MIB
MTIME = 1714564800  # 2024-05-01T12:00:00Z


def messages(header, data):
    yield pb.UploadAndLinkRequest(header=header)
    for offset in range(0, len(data), MIB):
        chunk = pb.UploadChunk(write_offset=offset, data=data[offset:][:MIB])
        yield pb.UploadAndLinkRequest(chunk=chunk)
    yield pb.UploadAndLinkRequest(finish=pb.UploadFinish(size_bytes=len(data)))


def checksum(data, whole):
    """The ETag of S3: that of a multipart upload unless put whole."""
    if whole or len(data) <= PART:
        return hashlib.md5(data).hexdigest()
    parts = [hashlib.md5(data[at:at + PART]).digest()
             for at in range(0, len(data), PART)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"


class UploadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lakefs = running.Lakefs()
        cls.addClassCleanup(cls.lakefs.stop)
        cls.gateway = running.Gateway(cls.lakefs.url)
        cls.addClassCleanup(cls.gateway.stop)
        cls.data = os.urandom(max(SIZES))

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "file")

    def each_size(self, name, upload):
        """Calls upload(data, path), with the data in self.file too."""
        for size in SIZES:
            with self.subTest(size=size):
                data = self.data[:size]
                with open(self.file, "wb") as out:
                    out.write(data)
                upload(data, f"{name}/{size} bytes?/ü")

    def check(self, path, data, **stats):
        self.assertTrue(self.lakefs.read(path) == data, "other bytes")
        expected = {
            "path": path,
            "size_bytes": len(data),
            "checksum": checksum(data, whole="mtime" in stats),
            **stats,
        }
        told = self.lakefs.stat(path)
        self.assertEqual({key: told.get(key) for key in expected}, expected)

    def cli(self, *arguments, **options):
        done = subprocess.run(
            [running.program("lakefs-staging"), *arguments],
            capture_output=True, timeout=120, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def test_client_of_python_uploads_a_file_of_unknown_size(self):
        def upload(data, path):
            subprocess.run(
                [sys.executable, "-B", "-c", UPLOAD, self.gateway.address,
                 self.file, f"lakefs://quickstart/main/{path}"],
                check=True, capture_output=True, timeout=120,
                env={**os.environ, "PYTHONPATH": CLIENT})
            self.check(path, data)

        self.each_size("client", upload)

    def test_example_in_cpp_uploads_a_file(self):
        def upload(data, path):
            done = subprocess.run(
                [running.program("upload-example"), self.gateway.address,
                 self.file, f"lakefs://quickstart/main/{path}"],
                check=True, capture_output=True, text=True, timeout=120)
            self.assertIn("OUTCOME_COMMITTED", done.stdout)
            self.check(path, data)

        self.each_size("cpp", upload)

    def test_example_in_cpp_tells_why_it_failed(self):
        for gateway, file, uri, says in (
                ("127.0.0.1:1", "/dev/null", "lakefs://quickstart/main/p",
                 "GATEWAY_UNREACHABLE: "),
                (self.gateway.address, "/nowhere",
                 "lakefs://quickstart/main/p", "SOURCE_UNREADABLE: "),
                (self.gateway.address, "/dev/null", "p", "INVALID_REQUEST: "),
                (self.gateway.address, "/dev/null", "lakefs://gone/main/p",
                 "NOT_FOUND: ")):
            done = subprocess.run(
                [running.program("upload-example"), gateway, file, uri],
                capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"\A{says}[^\n]+\n\Z")

    def test_python_uploads_bytes_of_known_size(self):
        def upload(data, path):
            header = pb.UploadHeader(
                object=pb.ObjectPath(
                    repository="quickstart", branch="main", path=path),
                content_type="text/x-test", user_metadata=METADATA,
                size_bytes=len(data))
            header.mtime.seconds = MTIME
            with grpc.insecure_channel(
                    self.gateway.address,
                    [("grpc.enable_http_proxy", 0)]) as channel:
                *_, last = rpc.StagingStub(channel).UploadAndLink(
                    messages(header, data), timeout=120)
            self.assertEqual(last.result.outcome, pb.OUTCOME_COMMITTED)
            self.check(path, data, content_type="text/x-test",
                       metadata=METADATA, mtime=MTIME)

        self.each_size("python", upload)

    def test_command_line_uploads_a_file(self):
        def upload(data, path):
            told = json.loads(self.cli(
                "upload", self.file, f"lakefs://quickstart/main/{path}",
                "--gateway", self.gateway.address, "--json",
                "--content-type=text/x-test", "--mtime=2024-05-01T12:00:00Z",
                *(f"--metadata={k}={v}" for k, v in METADATA.items())))
            self.assertEqual(told["outcome"], "COMMITTED")
            metadata = told["object"]["user_metadata"]
            self.assertEqual(len(metadata["lakefs-staging-request-id"]), 36)
            self.assertEqual({**metadata, **METADATA}, metadata)
            self.assertEqual(len(metadata), len(METADATA) + 1)
            self.check(path, data, content_type="text/x-test",
                       metadata=metadata, mtime=MTIME)

        self.each_size("file", upload)

    def test_command_line_uploads_standard_input_by_a_unix_socket(self):
        def upload(data, path):
            self.cli("upload", "-", f"lakefs://quickstart/main/{path}",
                     "--quiet", input=data,
                     env={**os.environ,
                          "LAKEFS_STAGING_GATEWAY": self.gateway.socket})
            self.check(path, data)

        self.each_size("stdin", upload)

    def test_address_that_was_put_to_by_hand_is_linked(self):
        target = "lakefs://quickstart/main/by hand"
        gateway = f"--gateway={self.gateway.address}"
        place = json.loads(
            self.cli("address", target, gateway, "--presign", "--json"))
        put = running.urllib.request.Request(
            place["presigned_url"], data=b"by hand", method="PUT")
        # Or urllib adds one of its own.
        put.add_header("Content-Type", "")
        with running.urlopen(put, timeout=60) as reply:
            etag = reply.headers["ETag"].strip('"')
        self.cli("link", target, gateway, f"--checksum={etag}", "--size=7",
                 f"--physical-address={place['physical_address']}",
                 "--content-type=text/plain")
        self.check("by hand", b"by hand", content_type="text/plain")


if __name__ == "__main__":
    unittest.main()
