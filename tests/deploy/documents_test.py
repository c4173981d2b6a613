"""The documents' commands work, and what they name is there.

Every block of shell commands stands behind a comment: `run`, `run ...` for the
two that start something, or `not run:` and why. A run takes place in a folder that looks like
the root of the sources after a release build, with the gateway of the documents
running. What stands behind `file:` is rendered; see documented.py.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import documented
import schemas

sys.path.insert(0, os.path.join(schemas.ROOT, "tests/integration/python"))
import running  # noqa: E402  (the path above)

DOCUMENTS = (
    "README.md", "client/COMMAND_LINE.md", "client/ERRORS.md",
    "client/PUBLISHING.md", "client/README.md", "client/UPLOADS.md",
    "deploy/METRICS.md", "deploy/README.md", "deploy/SETTINGS.md",
    "deploy/helm/README.md", "tests/README.md")
BUILD = os.path.dirname(os.environ["LAKEFS_STAGING_BIN"])


def blocks():
    """(document, marker, commands) of each block."""
    for document in DOCUMENTS:
        text = schemas.read(document)
        for match in re.finditer(
                r"^( *)(?:<!-- ([^\n]*) -->\n *)?```sh\n(.*?)^ *```$", text,
                re.M | re.S):
            yield document, match[2] or "", match[3]


class DocumentsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lakefs = running.Lakefs()
        cls.addClassCleanup(cls.lakefs.stop)
        cls.gateway = running.Gateway(cls.lakefs.url)
        cls.addClassCleanup(cls.gateway.stop)

    def commands_here(self, commands):
        """With the addresses and names of what runs here."""
        for there, here in (
                ("127.0.0.1:8765", self.gateway.address),
                ("unix:/run/lakefs-staging/gateway.sock", self.gateway.socket),
                ("my-repository", "quickstart")):
            commands = commands.replace(there, here)
        return commands

    def root(self, folder):
        """Makes `folder` look like the root of the sources after a build."""
        os.mkdir(f"{folder}/build")
        os.symlink(BUILD, f"{folder}/build/release")
        for name in "client", "deploy", "proto", "tests":
            os.symlink(f"{schemas.ROOT}/{name}", f"{folder}/{name}")
        with open(f"{folder}/report.csv", "w") as out:
            out.write("b,2\na,1\n")

    def test_commands_that_can_run_do(self):
        ran = 0
        for document, marker, commands in blocks():
            if marker != "run":
                continue
            ran += 1
            with self.subTest(document=document, commands=commands), \
                    tempfile.TemporaryDirectory() as folder:
                self.root(folder)
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c",
                     self.commands_here(commands)],
                    cwd=folder, capture_output=True, text=True, timeout=60,
                    env={**os.environ, **running.NO_PROXY,
                         "PATH": "/usr/bin:/bin",
                         "LAKEFS_STAGING_GATEWAY": self.gateway.address,
                         "LAKECTL_SERVER_ENDPOINT_URL": self.lakefs.url,
                         "LAKECTL_CREDENTIALS_ACCESS_KEY_ID":
                             running.ACCESS_KEY_ID,
                         "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY":
                             running.SECRET_ACCESS_KEY})
                self.assertEqual(done.returncode, 0, done.stderr)
                if "/config" in commands:
                    self.assertIn('"pre_sign_support":true\n', done.stdout)
                self.assertEqual(self.lakefs.read("reports/report.csv"),
                                 b"b,2\na,1\n")
        self.assertEqual(ran, 4)
        self.assertEqual(self.lakefs.read("reports/sorted.csv"),
                         b"a,1\nb,2\n")

    def test_first_call_from_python_uploads(self):
        (call,) = re.findall(r"```python\n(.*?)```", schemas.read("README.md"),
                             re.S)
        self.assertLess(len(call.splitlines()), 10)
        with tempfile.TemporaryDirectory() as folder:
            self.root(folder)
            done = subprocess.run(
                [sys.executable, "-c", call], cwd=folder, capture_output=True,
                text=True, timeout=60,
                env={**os.environ,
                     "PYTHONPATH": f"{schemas.ROOT}/client/python/src",
                     "LAKEFS_STAGING_GATEWAY": self.gateway.address})
        self.assertEqual(done.returncode, 0, done.stderr)
        told = self.lakefs.stat("report.csv")["checksum"]
        self.assertEqual(done.stdout, f"COMMITTED {told}\n")
        self.assertEqual(self.lakefs.read("report.csv"), b"b,2\na,1\n")

    def block(self, wanted):
        (commands,) = [c for _, marker, c in blocks() if marker == wanted]
        return commands

    def replaced(self, commands, *pairs):
        for there, here in pairs:
            self.assertIn(there, commands)
            commands = commands.replace(there, here)
        return commands

    def check_start(self, commands, lakefs):
        """Runs commands that end with the gateway, and uploads by it."""
        with tempfile.TemporaryDirectory() as folder:
            self.root(folder)
            process = subprocess.Popen(
                ["bash", "-euc", self.replaced(
                    commands, ("127.0.0.1:8765", "127.0.0.1:0"),
                    ("build/release/bin/lakefs-staging-gateway",
                     "exec build/release/bin/lakefs-staging-gateway"))],
                cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, env={"PATH": "/usr/bin:/bin", "HOME": folder,
                                "LAKEFS_STAGING_ADMIN_LISTEN": "off"})
            address = process.stdout.readline().removeprefix("listening on ")
            try:
                subprocess.run(
                    ["build/release/bin/lakefs-staging", "upload",
                     "report.csv", "lakefs://quickstart/main/started.csv",
                     f"--gateway={address.strip()}"],
                    cwd=folder, check=True, capture_output=True, timeout=60)
            finally:
                process.terminate()
                said = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, 0, said)
            self.assertEqual(lakefs.read("started.csv"), b"b,2\na,1\n")

    def test_the_gateway_is_started_as_the_readme_says(self):
        self.check_start(self.replaced(
            self.block("run in the background"),
            ("https://lakefs.example.com", self.lakefs.url),
            ("ACCESS_KEY_ID=...", f"ACCESS_KEY_ID={running.ACCESS_KEY_ID}"),
            ("SECRET_ACCESS_KEY=...",
             f"SECRET_ACCESS_KEY={running.SECRET_ACCESS_KEY}")), self.lakefs)

    def test_the_emulated_lakefs_is_had_as_the_readme_says(self):
        lakefs = running.Lakefs()  # started here, to stop it again
        self.addCleanup(lakefs.stop)
        emulated = self.replaced(
            self.block("run the emulated lakeFS"),
            ("build/release/bin/lakefs-emulator --port=8000 &", ""),
            ("http://127.0.0.1:8000", lakefs.url))
        start = self.block("run in the background")
        self.check_start(emulated + start[start.index("build/"):], lakefs)

    def test_every_block_is_run_or_says_why_not(self):
        for document, marker, commands in blocks():
            self.assertRegex(
                marker, r"\A(run|run in the background|"
                r"run the emulated lakeFS|not run: .+)\Z",
                f"{document}: {commands}")

    def test_commands_outside_of_blocks_explain_themselves(self):
        # They are too long for this test; CMakeLists.txt has tests for them.
        named = set()
        for document in DOCUMENTS:
            text = re.sub(r"```.*?```", "", schemas.read(document), flags=re.S)
            named |= set(re.findall(r"^ {4}(\S+)", text, re.M))
        self.assertEqual(named, {"deploy/quickstart", "tests/run",
                                 "tests/bench/run", "tests/campaign/run"})
        for command in named:
            said = subprocess.run(
                [f"{schemas.ROOT}/{command}", "--help"], check=True,
                capture_output=True, text=True, timeout=60)
            self.assertIn(os.path.basename(command), said.stdout)

    def test_code_that_is_shown_is_that_of_the_example(self):
        (code,) = re.findall(r"```cpp\n(.*?)```", schemas.read("README.md"),
                             re.S)
        self.assertIn(code, schemas.read("client/example/upload.cc"))

    def test_every_file_that_is_shown_is_tried(self):
        for document in DOCUMENTS:
            if document == "deploy/helm/README.md":
                continue  # helm_test.py tries them
            text = schemas.read(document)
            self.assertEqual(text.count("```yaml\n"),
                             len(documented.files())
                             if document == documented.DOCUMENT else 0)

    def test_the_list_of_callers_is_taken_by_the_gateway(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/allow.yaml", "w") as file:
                file.write(documented.files()["allow.yaml"])
            gateway = running.Gateway(self.lakefs.url, flags=[
                f"--allow-file={folder}/allow.yaml"])
            self.assertEqual(gateway.stop(), 0)

    def test_the_list_of_stores_is_taken_by_the_gateway(self):
        with tempfile.TemporaryDirectory() as folder:
            shown = documented.files()["stores.yaml"]
            with open(f"{folder}/stores.yaml", "w") as file:
                file.write(shown.replace("/lakefs-data", folder))
            os.chmod(f"{folder}/stores.yaml", 0o600)
            gateway = running.Gateway(self.lakefs.url, flags=[
                f"--config={folder}/stores.yaml"])
            self.assertEqual(gateway.stop(), 0)

    def test_every_block_is_right_shell(self):
        for document, _, commands in blocks():
            subprocess.run(["bash", "-n"], input=commands, text=True,
                           check=True, timeout=10)

    def test_files_that_are_named_are_there(self):
        for document in DOCUMENTS:
            text = schemas.read(document)
            found = re.findall(
                r"(?<![(\w-])`?((?:client|deploy|gateway|kubernetes|monitoring|proto|"
                r"tests)/[\w./-]*\w)", text)
            folders = schemas.ROOT, os.path.join(schemas.ROOT, "deploy")
            for name in found:
                if "/v1/" in name and "proto" not in name:
                    continue  # of the API of lakeFS
                self.assertTrue(
                    any(os.path.exists(os.path.join(folder, name))
                        for folder in folders), f"{document}: {name}")
            here = os.path.dirname(os.path.join(schemas.ROOT, document))
            for name in re.findall(r"\]\(([^#)]+)\)", text):
                if not name.startswith("https:"):
                    self.assertTrue(os.path.exists(os.path.join(here, name)),
                                    f"{document}: {name}")

    def test_flags_that_are_named_are_the_gateways(self):
        known = set(re.findall(
            r"^  --([a-z0-9-]+) ",
            schemas.read("tests/golden/gateway_help.txt"), re.M))
        prose = re.sub(
            r"```.*?```", "", schemas.read("deploy/README.md") +
            schemas.read("deploy/SETTINGS.md"), flags=re.S)
        named = set(re.findall(r"`--([a-z0-9-]+)", prose))
        self.assertIn("drain-timeout", named)
        self.assertEqual(named - known, {"from-file", "from-env-file"})

    def test_reasons_that_are_named_are_in_the_table_of_errors(self):
        table = set(re.findall(r"[A-Z]+(?:_[A-Z]+)+|DRAINING",
                               schemas.read("client/ERRORS.md")))
        text = schemas.read("deploy/README.md")
        rows = text[text.index("## Troubleshooting"):text.index("## Cleaning")]
        reasons = set(re.findall(r"^\| ([A-Z_]{5,})", rows, re.M))
        self.assertGreater(len(reasons), 8)
        self.assertEqual(reasons - table, set())

    def test_reasons_of_the_client_are_in_the_table_of_errors(self):
        reasons = re.findall(r'constexpr absl::string_view k\w+ =\s*"(\w+)"',
                             schemas.read("client/failure.h"))
        self.assertGreater(len(reasons), 8)
        for reason in reasons:
            self.assertRegex(schemas.read("client/ERRORS.md"),
                             rf"(?m)^\| [^|]+\|[^|]*\b{reason}\b")

    def test_reasons_in_the_clients_table_are_the_clients(self):
        text = schemas.read("client/ERRORS.md")
        table = text[text.index("reasons of their own"):]
        told = set(re.findall(r"(?m)^\| [^|]+\| ([A-Z_]+) \|", table))
        self.assertGreater(len(told), 5)
        self.assertEqual(told - set(re.findall(
            r'=\s*"([A-Z_]+)"', schemas.read("client/failure.h"))), set())

    def test_exit_codes_are_those_of_the_command_line(self):
        text = schemas.read("client/COMMAND_LINE.md")
        table = text[text.index("## Exit codes"):]
        told = re.findall(r"(?m)^\| (\d+) \|", table)
        codes = re.findall(r"(?m)^  k\w+ = (\d+),$",
                           schemas.read("client/cli/exit_code.h"))
        self.assertGreater(len(codes), 9)
        self.assertEqual(told, codes)

    def test_what_keeps_commands_from_being_run_is_told(self):
        text = schemas.read("deploy/README.md")
        told = text[text.index("## What was not run"):]
        for document, marker, commands in blocks():
            if not marker.startswith("not run: needs "):
                continue
            found = False
            for needed, words in (("engine", "**The image by a container"),
                                  ("cluster", "**A cluster.**"),
                                  ("registry", "and a registry"),
                                  ("bucket", "`aws s3api`")):
                if needed in marker:
                    found = True
                    self.assertIn(words, told, f"{document}: {commands}")
            self.assertTrue(found, f"{document}: {marker}")

    def test_first_calls_are_those_that_the_clients_try(self):
        text = schemas.read("README.md")
        text = text[text.index("## A first call"):
                    text.index("## Where to go next")]
        calls = re.findall(r"```(python|go|java|ts|rust)\n(.*?)```", text, re.S)
        self.assertEqual([fence for fence, _ in calls],
                         ["python", "go", "java", "ts", "rust"])
        for fence, call in calls:
            language = {"ts": "node"}.get(fence, fence)
            self.assertIn(call, schemas.read(f"client/{language}/README.md"))

    def test_the_readme_is_short(self):
        self.assertLess(schemas.read("README.md").count("\n"), 150)

    def test_documents_in_json_are_json(self):
        (text,) = re.findall(r"```json\n(.*?)```",
                             schemas.read("deploy/README.md"), re.S)
        (rule,) = json.loads(text)["Rules"]
        self.assertEqual(rule["AbortIncompleteMultipartUpload"],
                         {"DaysAfterInitiation": 2})

    def test_links_inside_lead_somewhere(self):
        text = schemas.read("deploy/README.md")
        headings = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-")
                    for h in re.findall(r"^## (.*)$", text, re.M)}
        targets = set(re.findall(r"\]\(#([^)]+)\)", text))
        self.assertTrue(targets)
        self.assertEqual(targets - headings, set())


if __name__ == "__main__":
    unittest.main()
