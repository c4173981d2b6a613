"""deploy/quickstart with a lakeFS that is already there."""

import os
import subprocess
import sys
import tempfile
import unittest

import schemas

sys.path.insert(0, os.path.join(schemas.ROOT, "tests/integration/python"))
import running  # noqa: E402  (the path above)


class QuickstartTest(unittest.TestCase):
    def run_it(self, lakefs, *arguments, secret=running.SECRET_ACCESS_KEY):
        with tempfile.TemporaryDirectory() as home:  # no ~/.lakectl.yaml
            return subprocess.run(
                [f"{schemas.ROOT}/deploy/quickstart", "--lakefs", *arguments],
                capture_output=True, text=True, timeout=500, env={
                    **os.environ, **running.NO_PROXY, "HOME": home,
                    "LAKECTL_SERVER_ENDPOINT_URL": lakefs.url,
                    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID":
                        running.ACCESS_KEY_ID,
                    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": secret})

    def test_both_files_come_to_a_lakefs_that_is_there(self):
        lakefs = running.Lakefs()
        self.addCleanup(lakefs.stop)
        done = self.run_it(lakefs, "--repository=quickstart", "--branch=main")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(lakefs.read("quickstart/README.md").decode(),
                         schemas.read("README.md"))
        self.assertEqual(lakefs.stat("quickstart/64MiB.bin")["size_bytes"],
                         64 << 20)

    def test_it_says_what_is_wrong(self):
        lakefs = running.Lakefs()
        self.addCleanup(lakefs.stop)
        for arguments, secret, says in (
                ([], running.SECRET_ACCESS_KEY, "--repository"),
                (["--repository=quickstart"], "wrong", "CREDENTIALS_REJECTED"),
                (["--repository=missing"], running.SECRET_ACCESS_KEY,
                 "missing"),
                (["--repository=quickstart", "--branch=gone"],
                 running.SECRET_ACCESS_KEY, "gone")):
            with self.subTest(says):
                done = self.run_it(lakefs, *arguments, secret=secret)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main()
