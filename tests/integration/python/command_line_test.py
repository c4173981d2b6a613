"""What the command line says and ends with when something is wrong."""

import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import time
import unittest

import running

TARGET = "lakefs://quickstart/main/refused"


class CommandLineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lakefs = running.Lakefs()
        cls.addClassCleanup(cls.lakefs.stop)
        cls.gateway = running.Gateway(cls.lakefs.url)
        cls.addClassCleanup(cls.gateway.stop)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = os.path.join(folder.name, "file")
        with open(cls.file, "w") as out:
            out.write("some bytes")

    def command(self, *arguments, gateway=None):
        gateway = gateway or self.gateway.address
        return [running.program("lakefs-staging"), *arguments,
                f"--gateway={gateway}"]

    def run_cli(self, *arguments, gateway=None):
        return subprocess.run(self.command(*arguments, gateway=gateway),
                              capture_output=True, text=True, timeout=120)

    def refused(self, exit_code, *says, arguments, gateway=None):
        """The call fails with one line that says so; nothing is linked."""
        done = self.run_cli(*arguments, gateway=gateway)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertRegex(done.stderr, r"\Alakefs-staging: [^\n]+\n\Z")
        for text in says:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(self.lakefs.has("refused"))

    def test_wrong_flag(self):
        self.refused(2, "--frob", arguments=["upload", "-", TARGET, "--frob"])

    def test_wrong_target(self):
        self.refused(2, '"refused"', "lakefs://repository/branch/path",
                     arguments=["upload", self.file, "refused"])

    def test_name_that_lakefs_could_not_have(self):
        self.refused(2, "repository",
                     arguments=["upload", self.file, "lakefs://Not_a_name/m/p"])

    def test_missing_file(self):
        self.refused(3, '"/nowhere/file"', "No such file",
                     arguments=["upload", "/nowhere/file", TARGET])

    def test_missing_repository(self):
        for command in ["upload", self.file], ["address"]:
            self.refused(3, "nowhere", "[NOT_FOUND]",
                         arguments=[*command, "lakefs://nowhere/main/refused"])

    def test_missing_branch(self):
        self.refused(3, "gone", "[NOT_FOUND]", "nothing was linked",
                     arguments=["upload", self.file,
                                "lakefs://quickstart/gone/refused"])

    def test_object_that_exists(self):
        target = "lakefs://quickstart/main/first"
        self.assertEqual(self.run_cli("upload", self.file, target).returncode,
                         0)
        self.refused(4, "[OBJECT_EXISTS]", "--if-absent",
                     arguments=["upload", self.file, target, "--if-absent"])

    def test_outcome_is_told_by_request_id(self):
        target = "lakefs://quickstart/main/outcome"
        uploaded = self.run_cli("upload", self.file, target, "--json",
                                "--request-id=job 7")
        self.assertEqual(uploaded.returncode, 0, uploaded.stderr)
        told = self.run_cli("outcome", "job 7", "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertEqual(json.loads(told.stdout), {
            "outcome": "COMMITTED", "result": json.loads(uploaded.stdout)})
        self.assertEqual(self.run_cli("outcome", "job 7").stdout,
                         "COMMITTED\n")
        other = running.Gateway(self.lakefs.url)
        self.addCleanup(other.stop)
        self.refused(3, "job 8", "[NOT_FOUND]",
                     arguments=["outcome", "job 8"])
        told = self.run_cli("outcome", "job 7", target,
                            gateway=other.address)
        self.assertEqual(told.stdout, "COMMITTED\n", told.stderr)

    def test_wrong_keys(self):
        gateway = running.Gateway(self.lakefs.url, secret="wrong")
        self.addCleanup(gateway.stop)
        self.refused(5, "[CREDENTIALS_REJECTED]", "keys",
                     arguments=["upload", self.file, TARGET],
                     gateway=gateway.address)

    def test_unreachable_gateway(self):
        for gateway in "127.0.0.1:1", "unix:/nowhere/socket":
            self.refused(7, gateway, "lakefs-staging-gateway", "--gateway",
                         arguments=["upload", self.file, TARGET,
                                    "--connect-timeout=1s"],
                         gateway=gateway)

    def test_unreachable_lakefs(self):
        gateway = running.Gateway("http://127.0.0.1:1")
        self.addCleanup(gateway.stop)
        self.refused(7, "127.0.0.1:1", "nothing was linked",
                     arguments=["upload", self.file, TARGET, "--timeout=60",
                                "--attempts=1"],
                     gateway=gateway.address)

    def test_calls_that_are_made_again_are_told(self):
        gateway = running.Gateway("http://127.0.0.1:1")
        self.addCleanup(gateway.stop)
        done = self.run_cli("upload", self.file, TARGET, "--attempts=2",
                            gateway=gateway.address)
        self.assertEqual(done.returncode, 7)
        first, last = done.stderr.splitlines()
        self.assertRegex(first, r"\[UPSTREAM_UNREACHABLE\]; again in "
                         r"[\w.]+ \(2 of 2\)\Z")
        self.assertIn("nothing was linked", last)
        done = self.run_cli("upload", self.file, TARGET, "--attempts=2",
                            "--quiet", gateway=gateway.address)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_error_as_json(self):
        done = self.run_cli("upload", self.file, "lakefs://nowhere/main/p",
                            "--json")
        self.assertEqual(done.returncode, 3)
        error = json.loads(done.stdout)["error"]
        self.assertEqual(error["reason"], "NOT_FOUND")
        self.assertEqual(error["outcome"], "NOT_COMMITTED")
        self.assertEqual(error["exit_code"], 3)

    def test_interrupt_links_nothing_and_says_so(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with subprocess.Popen(
                    self.command("upload", "-", TARGET), stdin=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True) as process:
                process.stdin.write("the beginning")
                process.stdin.flush()
                # Its signals are blocked for the handler once it has threads.
                deadline = time.monotonic() + 30
                while len(os.listdir(f"/proc/{process.pid}/task")) < 3:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.01)
                process.send_signal(number)
                self.assertEqual(process.wait(60), 128 + number)
                said = process.stderr.read()
            self.assertRegex(said, r"\Alakefs-staging: [^\n]+\n\Z")
            self.assertIn("interrupted", said)
            self.assertIn("nothing was linked", said)
            self.assertFalse(self.lakefs.has("refused"))

    def test_progress_is_shown_on_a_terminal_and_cleared(self):
        terminal, other_end = pty.openpty()
        with open(terminal, "rb", buffering=0) as screen:
            subprocess.run(
                self.command("upload", "-", "lakefs://quickstart/main/shown",
                             "--quiet"),
                input=bytes(8 << 20), stderr=other_end, check=True, timeout=120)
            self.assertEqual(select.select([screen], [], [], 0)[0], [])
            subprocess.run(
                self.command("upload", "-", "lakefs://quickstart/main/shown"),
                input=bytes(8 << 20), stderr=other_end, check=True,
                stdout=subprocess.DEVNULL, timeout=120)
            os.close(other_end)
            shown = screen.read(1 << 16).decode()
        self.assertIn("MiB", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown))

    def test_every_program_has_help_and_a_version(self):
        for name in "lakefs-staging", "lakefs-staging-gateway", \
                "lakefs-emulator":
            for flag, pattern in ("--help", f"Usage: {name}"), \
                    ("--version", r"\d+\.\d+\.\d+\n\Z"):
                done = subprocess.run([running.program(name), flag],
                                      capture_output=True, text=True,
                                      timeout=60)
                self.assertEqual(done.returncode, 0, name)
                self.assertRegex(done.stdout, pattern)
                self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
