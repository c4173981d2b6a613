"""The driver of a language, as a running program."""

import collections
import json
import os
import queue
import subprocess
import threading

STOP_SECONDS = 30


class DriverDied(Exception):
    """The driver ended although it should not."""


class DriverHangs(AssertionError):
    """The driver has not answered in time."""


class Unsupported(Exception):
    """The driver says that its language has no such thing."""


class Pending:
    """A command that was given."""

    def __init__(self, driver, number):
        self._driver = driver
        self._answers = queue.Queue()
        self.id = number

    def put(self, answer):
        self._answers.put(answer)

    def answered(self):
        return not self._answers.empty()

    def answer(self, seconds=60):
        """What the driver answered; it is waited for so long."""
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise DriverHangs(
                f"the driver has not answered in {seconds} s") from None
        self._answers.put(answer)  # it may be asked for again
        if answer is None:
            raise DriverDied(self._driver.epitaph())
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        return answer


class Driver:
    """A driver; commands may be given from any thread."""

    def __init__(self, folder, environment=None):
        env = {**os.environ, **(environment or {})}
        env = {name: value for name, value in env.items() if value is not None}
        self.process = subprocess.Popen(
            [os.path.join(folder, "driver")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.stderr = collections.deque(maxlen=400)
        self.alive = True
        self._lock = threading.Lock()
        self._pending = {}
        self._last = 0
        self.strays = []
        for stream, take in ((self.process.stdout, self._take),
                             (self.process.stderr, self._keep)):
            threading.Thread(target=self._read, args=(stream, take),
                             daemon=True).start()

    def _read(self, stream, take):
        with stream:
            for line in stream:
                take(line.decode(errors="replace"))
        if take == self._take:
            self._end()

    def _keep(self, line):
        self.stderr.append(line)

    def _take(self, line):
        try:
            answer = json.loads(line)
            with self._lock:
                pending = self._pending[answer["id"]]
        except (ValueError, KeyError, TypeError):
            self.strays.append(line)
            return
        pending.put(answer)

    def _end(self):
        with self._lock:
            self.alive = False
            pending = list(self._pending.values())
        for command in pending:
            command.put(None)

    def epitaph(self):
        return "the driver ended; it said:\n" + "".join(self.stderr)[-4000:]

    def start(self, **command):
        """Gives a command and returns it at once."""
        with self._lock:
            if not self.alive:
                raise DriverDied(self.epitaph())
            self._last += 1
            pending = Pending(self, self._last)
            self._pending[pending.id] = pending
            line = json.dumps({"id": pending.id, **command}) + "\n"
            try:
                self.process.stdin.write(line.encode())
                self.process.stdin.flush()
            except OSError:
                raise DriverDied(self.epitaph()) from None
        return pending

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self):
        """Ends its input and returns its exit code."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
