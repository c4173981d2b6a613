"""Thousands of uploads by all clients. See tests/clients/campaign --help."""

import argparse
import collections
import http.client
import json
import os
import pathlib
import queue
import random
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

CLIENTS = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = dict(os.environ)  # before running takes the proxies from it
sys.path[:0] = [str(CLIENTS.parent / "integration" / "python")]

import running  # noqa: E402  (the path above)
import source as sources  # noqa: E402
from driver import Driver  # noqa: E402

AT_A_TIME = 4  # commands of a language
MOST_TRIES = 20  # of a caller whose source cannot be repeated
ANSWER_SECONDS = 240
COMMIT_SECONDS = 0.02
ATTEMPTS = 40  # of one upload by its client
TIMEOUT = 120  # seconds of one
MANY = 8  # small objects of one upload_many

REPEATABLE = "bytes", "seekable", "opener"
ONCE = "stream", "generator"


class Job:
    """A command, and the objects that it is to make."""

    def __init__(self, number, op, objects, fails, command):
        self.number = number
        self.op = op
        self.objects = objects  # path: (size, seed)
        self.left = dict(objects)  # those that are to be sent
        self.fails = fails  # its source or writer, in the middle
        self.command = command


def target(path):
    return f"lakefs://quickstart/main/{path}"


def jobs(seed, count):
    """What is uploaded, the same for the same seed."""
    made = 0
    number = 0
    while made < count:
        draw = random.Random(f"{seed} {number}")
        number += 1
        path = f"campaign/{number}"
        options = {"attempts": ATTEMPTS, "timeout": TIMEOUT}
        kind = draw.choices(("upload", "write", "many"), (6, 3, 1))[0]
        if kind == "many":
            at_most = min(MANY, count - made)
            objects = {f"{path}/{n}": (draw.randrange(0, 65536), number + n)
                       for n in range(at_most)}
            made += at_most
            yield Job(number, "upload_many", objects, False, {"objects": [
                {"target": target(name), "options": options,
                 "source": {"kind": "bytes", "size": size, "seed": own}}
                for name, (size, own) in objects.items()]})
            continue
        size = draw.choices(
            (draw.randrange(0, 4096), draw.randrange(4096, 1 << 20),
             draw.randrange(1 << 20, 3 << 20),
             draw.randrange(8 << 20, 12 << 20)), (50, 35, 13, 2))[0]
        source = {"size": size, "seed": number}
        fails = draw.random() < 0.1 and size > 1
        made += 1
        objects = {path: (size, number)}
        if kind == "write":
            source["kind"] = "generator"
            end = ["commit"]
            if fails and draw.random() < 0.5:
                end = ["scope_throws"]
            elif fails:
                source["fail_at"] = draw.randrange(1, size)
            yield Job(number, "write", objects, fails, {
                "target": target(path), "source": source, "options": options,
                "end": end})
            continue
        source["kind"] = draw.choice(ONCE if fails else ONCE + REPEATABLE)
        if fails:
            source["fail_at"] = draw.randrange(1, size)
        yield Job(number, "upload", objects, fails, {
            "target": target(path), "source": source, "options": options})


class Replica:
    """A gateway at an address that stays, killed now and then."""

    def __init__(self, url):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self._url = url
        self._lock = threading.Lock()
        self._gateway = None
        self.start()

    def start(self):
        self._gateway = running.Gateway(
            self._url, flags=[f"--listen={self.address}"])
        self._gateway.wait_for("^(listening on %s)$" % self.address)

    def kill(self):
        with self._lock:
            self._gateway.kill()
            self.start()

    def stop(self):
        with self._lock:
            self._gateway.stop()


class Lakefs(running.Lakefs):
    """An emulated lakeFS that fails now and then, and tells its links."""

    def __init__(self, percent, seed):
        self._folder = tempfile.TemporaryDirectory()
        self._links = os.path.join(self._folder.name, "links")
        running.Process.__init__(
            self, "lakefs-emulator", "--port=0", f"--random-faults={percent}",
            f"--seed={seed}", "--give-up", f"--links={self._links}")
        self.url = self.wait_for(r"listening on (http://127\.0\.0\.1:\d+)")

    def commit(self):
        request = urllib.request.Request(
            f"{self.url}/api/v1/repositories/quickstart/branches/main/commits",
            json.dumps({"message": "campaign"}).encode(),
            {"Content-Type": "application/json",
             "Authorization": running.BASIC}, method="POST")
        with running.urlopen(request, timeout=60) as reply:
            reply.read()

    def persistent(self, ask, path):
        """What it answers when it does not fail."""
        while True:
            try:
                return ask(path)
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
            except (OSError, ValueError, http.client.HTTPException):
                pass

    def holds(self, path, expected):
        """None if nothing stands there, else the bytes, which are `expected`
        unless it gives others each time."""
        there = None
        for _ in range(5):
            there = self.persistent(self.read, path)
            if there in (None, expected):
                break
        return there

    def end(self):
        """Stops it; how many addresses were linked, by path."""
        self.stop()
        with open(self._links) as lines:
            links = {told["path"]: told["links"]
                     for told in map(json.loads, lines)}
        self._folder.cleanup()
        return links


class Campaign:
    def __init__(self, options):
        self.options = options
        self.lakefs = Lakefs(options.percent, options.seed)
        self.replicas = [Replica(self.lakefs.url) for _ in range(2)]
        self.figures = {language: collections.Counter()
                        for language in options.languages}
        self.wrong = []
        self.beliefs = {}  # path: (language, what its caller believes)
        self.kills = 0
        self.commits = 0
        self._over = threading.Event()
        self._lock = threading.Lock()

    # What happens besides.

    def _kill(self):
        draw = random.Random(f"{self.options.seed} kill")
        while not self._over.wait(self.options.kill * draw.uniform(0.5, 1.5)):
            draw.choice(self.replicas).kill()
            self.kills += 1

    def _commit(self):
        while not self._over.wait(COMMIT_SECONDS):
            try:
                self.lakefs.commit()
                self.commits += 1
            except OSError:  # no changes, or a fault
                pass

    # What callers do.

    def _caller(self, language, driver, work):
        while True:
            try:
                job = work.get_nowait()
            except queue.Empty:
                return
            try:
                self._run(language, driver, job)
            except Exception as error:
                self._complain(language, job, f"{type(error).__name__} {error}")

    def _run(self, language, driver, job):
        tries = 0
        while True:
            tries += 1
            gateway = self.replicas[(job.number + tries) % 2].address
            answer = driver.start(
                op=job.op, client={"gateway": gateway},
                **job.command).answer(ANSWER_SECONDS)
            again = {}
            if job.op == "upload_many" and "result" in answer:
                told = {one["target"]: one for one in answer["result"]}
                for path in job.left:
                    self._believe(language, job, path, told.get(
                        target(path), {"error": {"message": "no answer"}}),
                        again)
            else:
                for path in job.left:
                    self._believe(language, job, path, answer, again)
            if not again or tries == MOST_TRIES:
                return
            if job.op == "upload_many":
                job.command["objects"] = [
                    one for one in job.command["objects"]
                    if one["target"] in {target(path) for path in again}]
                job.left = again
            time.sleep(0.05 * tries)

    def _believe(self, language, job, path, answer, again):
        """Notes what the answer says of the path, and whether to go again."""
        figures = self.figures[language]
        error = answer.get("error")
        if error is None:
            belief = "stands"
            if job.fails:
                self._complain(language, job, f"no error: {answer}")
            elif answer["result"].get("outcome") != "COMMITTED":
                self._complain(language, job, f"nobody else writes: {answer}")
            figures["attempts"] += answer["result"].get("attempts", 1)
        elif error.get("own"):
            belief = "nothing"
            if not job.fails:
                self._complain(language, job, f"own error: {answer}")
        elif error.get("outcome") == "NOT_COMMITTED":
            belief = "nothing"
            figures["refused"] += 1
            if error.get("retryable"):
                again[path] = job.objects[path]
            elif not job.fails:
                self._complain(language, job, f"false error: {answer}")
            if self.lakefs.persistent(self.lakefs.stat, path) is not None:
                self._complain(language, job, f"is there, said not: {answer}")
        elif error.get("outcome") == "UNKNOWN":
            belief = "unknown"
        else:
            belief = "unknown"
            self._complain(language, job, f"no outcome: {answer}")
        with self._lock:
            self.beliefs[path] = (language, job, belief)

    def _complain(self, language, job, what):
        with self._lock:
            self.figures[language]["wrong"] += 1
            self.wrong.append(f"{language} {job.op} {job.number}: {what[:600]}")

    def run(self):
        drivers = {language: Driver(str(CLIENTS / "drivers" / language))
                   for language in self.options.languages}
        work = {language: queue.Queue() for language in drivers}
        all_jobs = list(jobs(self.options.seed, self.options.uploads))
        for n, job in enumerate(all_jobs):
            work[self.options.languages[n % len(drivers)]].put(job)
        besides = [threading.Thread(target=run)
                   for run in (self._kill, self._commit)]
        callers = [threading.Thread(target=self._caller,
                                    args=(language, driver, work[language]))
                   for language, driver in drivers.items()
                   for _ in range(AT_A_TIME)]
        for thread in besides + callers:
            thread.start()
        for thread in callers:
            while thread.is_alive():
                thread.join(10)
                if sys.stderr.isatty():
                    print(f"{len(self.beliefs)} of {self.options.uploads}",
                          file=sys.stderr)
        self._over.set()
        for thread in besides:
            thread.join()
        for language, driver in drivers.items():
            if (code := driver.stop()) != 0:
                self.wrong.append(f"{language}: the driver ended with {code}")
        self._audit(all_jobs)

    def _audit(self, all_jobs):
        """Holds what was said against what is there, when all is quiet."""
        for replica in self.replicas:
            replica.stop()
        contents = {path: what for job in all_jobs
                    for path, what in job.objects.items()}
        found = {path: self.lakefs.holds(path, sources.content(*contents[path]))
                 for path in self.beliefs}
        links = self.lakefs.end()
        for path, (language, job, belief) in self.beliefs.items():
            figures = self.figures[language]
            figures["objects"] += 1
            figures[belief] += 1
            there = found[path]
            if there is not None and there != sources.content(*contents[path]):
                size, _ = contents[path]
                figures["truncated" if len(there) < size else "corrupt"] += 1
                self._complain(language, job, f"{path} has other bytes")
            if belief == "stands" and there is None:
                figures["lost"] += 1
                self._complain(language, job, f"{path} is lost")
            if belief == "nothing" and there is not None:
                figures["false"] += 1
                self._complain(language, job, f"{path} is there, said not")
            if links.get(path, 0) > 1:
                figures["twice"] += 1
                self._complain(language, job, f"{path} was linked twice")
        missing = sum(len(job.objects) for job in all_jobs) - len(self.beliefs)
        if missing > 0:
            self.wrong.append(f"{missing} objects were never told of")


COLUMNS = ("objects", "stands", "nothing", "unknown", "refused", "attempts",
           "lost", "corrupt", "truncated", "twice", "false", "wrong")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/clients/campaign",
                                     add_help=False)
    parser.add_argument("languages", nargs="+")
    parser.add_argument("--uploads", type=int, default=3000)
    parser.add_argument("--percent", type=float, default=1)
    parser.add_argument("--kill", type=float, default=0.5)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--no-setup", action="store_true")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    if not options.no_setup:
        for language in options.languages:
            setup = str(CLIENTS / "drivers" / language / "setup")
            if os.spawnve(os.P_WAIT, setup, ["setup"], ENVIRONMENT) != 0:
                sys.exit(f"{setup} has failed")
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    campaign = Campaign(options)
    campaign.run()
    print(" ".join(f"{name:>9}" for name in ("", *COLUMNS)))
    for language, figures in campaign.figures.items():
        print(" ".join(f"{word:>9}" for word in (
            language, *(figures[name] for name in COLUMNS))))
    print(f"{campaign.kills} kills, {campaign.commits} commits, "
          f"{time.monotonic() - began:.0f} s")
    for line in campaign.wrong[:20]:
        print("WRONG " + line)
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
