"""The examples of other languages upload what they are given."""

import os
import subprocess
import tempfile
import unittest

import running

CLIENT = os.path.abspath(os.path.join(os.path.dirname(__file__),
                                      "../../client"))
LANGUAGES = os.environ["LAKEFS_STAGING_LANGUAGES"].split()


def command(language, arguments):
    if language == "go":
        return [f"{CLIENT}/go/upload", *arguments]
    if language == "node":
        return ["node", f"{CLIENT}/node/upload.mjs", *arguments]
    return ["mvn", "-q", "-B", "-o",
            "-f", f"{CLIENT}/java/pom.xml", "exec:java",
            f"-Dexec.args={' '.join(arguments)}"]


class LanguagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lakefs = running.Lakefs()
        cls.addClassCleanup(cls.lakefs.stop)
        cls.gateway = running.Gateway(cls.lakefs.url)
        cls.addClassCleanup(cls.gateway.stop)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = os.path.join(folder.name, "file")

    def upload(self, language, repository, path, data, gateway=None):
        with open(self.file, "wb") as out:
            out.write(data)
        return subprocess.run(
            command(language, [gateway or self.gateway.address, self.file,
                               repository, "main", path]),
            capture_output=True, text=True, timeout=120)

    def test_bytes_come_back_unchanged(self):
        for language in LANGUAGES:
            for size in 0, 1, 1 << 20, (20 << 20) + 17:
                with self.subTest(language=language, size=size):
                    data = os.urandom(size)
                    path = f"{language}/{size}"
                    done = self.upload(language, "quickstart", path, data)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("OUTCOME_COMMITTED", done.stdout)
                    self.assertTrue(self.lakefs.read(path) == data)

    def test_unix_socket(self):
        for language in set(LANGUAGES) - {"java"}:  # its netty has no epoll
            with self.subTest(language=language):
                path = f"{language}/socket"
                done = self.upload(language, "quickstart", path, b"socket",
                                   gateway=self.gateway.socket)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.lakefs.read(path), b"socket")

    def test_refusals_are_told_and_end_in_failure(self):
        for language in LANGUAGES:
            for size in 1, 20 << 20:
                with self.subTest(language=language, size=size):
                    done = self.upload(language, "nowhere", "p", bytes(size))
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
