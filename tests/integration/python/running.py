"""Starts the real gateway and the emulated lakeFS, and reads objects back."""

import base64
import collections
import json
import os
import queue
import re
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

BIN = os.environ["LAKEFS_STAGING_BIN"]
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BASIC = "Basic " + base64.b64encode(
    f"{ACCESS_KEY_ID}:{SECRET_ACCESS_KEY}".encode()).decode()
START_SECONDS = 60  # a sanitizer on a busy machine is slow
STOP_SECONDS = 60

# Callers live where programs get out by a proxy, which does not lead back to
# what runs beside them; and the machine may have one of its own.
for name in "http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY":
    os.environ[name] = "http://127.0.0.1:9"
for name in "no_proxy", "no_grpc_proxy", "NO_PROXY":
    os.environ.pop(name, None)

# What the tests themselves ask, and what serves here, goes without.
urlopen = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
NO_PROXY = {"no_proxy": "127.0.0.1,localhost"}


def program(name):
    return os.path.join(BIN, name)


class Process:
    """A program that serves until it is stopped."""

    def __init__(self, *command, environment=None):
        self._process = subprocess.Popen(
            [program(command[0]), *command[1:]],
            env={**os.environ, **NO_PROXY, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._seen = collections.deque(maxlen=100)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                self._seen.append(line)
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern):
        """The first group of the first line that matches."""
        while True:
            try:
                line = self._lines.get(timeout=START_SECONDS)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"no {pattern!r} in:\n{self.output()}")
            if match := re.search(pattern, line):
                return match[1]

    def output(self):
        return "".join(self._seen)

    def send(self, number):
        """A signal of that number."""
        self._process.send_signal(number)

    def kill(self):
        """Ends it at once."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def stop(self):
        """Asks it to end and returns its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


class Lakefs(Process):
    """The emulated lakeFS, read over its REST API."""

    def __init__(self):
        super().__init__("lakefs-emulator", "--port=0")
        self.url = self.wait_for(r"listening on (http://127\.0\.0\.1:\d+)")

    def _get(self, what, path):
        query = urllib.parse.urlencode({"path": path})
        refs = f"{self.url}/api/v1/repositories/quickstart/refs/main"
        request = urllib.request.Request(f"{refs}/{what}?{query}",
                                         headers={"Authorization": BASIC})
        with urlopen(request, timeout=60) as reply:
            return reply.read()

    def read(self, path):
        return self._get("objects", path)

    def stat(self, path):
        return json.loads(self._get("objects/stat", path))

    def has(self, path):
        try:
            self.stat(path)
            return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise


class Gateway(Process):
    """The gateway, on a free port and on a unix socket."""

    def __init__(self, url, secret=SECRET_ACCESS_KEY, flags=(),
                 environment=None):
        self._folder = tempfile.TemporaryDirectory()
        self.socket = f"unix:{self._folder.name}/gateway.sock"
        super().__init__(
            "lakefs-staging-gateway",
            "--listen=127.0.0.1:0",
            "--admin-listen=off",
            f"--listen={self.socket}",
            *flags,
            environment={
                "HOME": self._folder.name,  # no ~/.lakectl.yaml
                "LAKECTL_SERVER_ENDPOINT_URL": url,
                "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": secret,
                **(environment or {}),
            },
        )
        self.address = self.wait_for(r"^listening on (127\.0\.0\.1:\d+)$")
        self.wait_for(r"^listening on (unix:.*)$")

    def stop(self):
        try:
            return super().stop()
        finally:
            self._folder.cleanup()
