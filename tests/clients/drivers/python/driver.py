"""Does as the conformance suite tells it, by the public API alone."""

import asyncio
import base64
import ctypes
import datetime
import gc
import gzip
import io
import json
import os
import sys
import threading
import time
import traceback
import warnings
import zipfile

import answers
import options
from sources import Own, Stream, content, source_of

import lakefs_staging

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
PIECE = 65536


class Unsupported(Exception):
    pass


class Run:
    """A command under way."""

    def __init__(self, driver, command):
        self.driver = driver
        self.command = command
        self.over = threading.Event()
        self.events = []
        self.cleanups = []
        self.thread = None

    def event(self, event):
        self.events.append(event)

    def cleanup(self, function):
        self.cleanups.append(function)

    def options(self):
        return options.upload_options(self, self.command.get("options", {}),
                                      self.command.get("source"))

    def do(self):
        op = self.command["op"]
        try:
            return getattr(Operations, op)(self)
        except AttributeError:
            if hasattr(Operations, op):
                raise
            return {"unsupported": f"no operation {op}"}


class Operations:
    """One a name."""

    def upload(self):
        client = self.driver.client(self.command)
        return told(client.upload(source_of(self, self.command["source"]),
                                  self.command["target"], **self.options()))

    def upload_file(self):
        client = self.driver.client(self.command)
        return told(client.upload_file(self.command["file"],
                                       self.command["target"],
                                       **self.options()))

    def upload_many(self):
        client = self.driver.client(self.command)
        found = []
        for answer in client.upload_many(small_objects(self)):
            found.append(answer_of(answer))
        return {"result": found}

    def write(self):
        return Writing(self).do()

    def outcome(self):
        client = self.driver.client(self.command)
        found = client.outcome(self.command["request_id"],
                               self.command.get("target"))
        return {"result": answers.outcome_of(found)}

    def discard(self):
        client = self.driver.client(self.command)
        client.discard(base64.b64decode(self.command["resume_token"]))
        return {"result": {}}

    def address(self):
        client = self.driver.client(self.command)
        location = client.get_physical_address(
            self.command["target"], presign=self.command.get("presign", False))
        return {"result": answers.location_of(location)}

    def link(self):
        client = self.driver.client(self.command)
        return told(client.link_physical_address(
            self.command["target"], location_of(self.command["location"]),
            self.command["checksum"], self.command["size_bytes"],
            **self.options()))

    def cancel(self):
        self.driver.cancel(self.command["of"])
        return {"result": {}}

    def status(self):
        gc.collect()
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        own = sum(1 for thread in threading.enumerate()
                  if not thread.name.startswith("command"))
        return {"result": {
            "rss_kib": pages * PAGE_KIB, "threads": own, "tasks": own,
            "descriptors": len(os.listdir("/proc/self/fd"))}}


class Writing:
    """A write."""

    def __init__(self, run):
        self.run = run
        self.ends = run.command.get("end", ["commit"])
        client = run.driver.client(run.command)
        self.writer = client.open(run.command["target"], "wb", **run.options())
        self.wrapped = None

    def do(self):
        if self.ends[0] in ("scope", "scope_throws"):
            with self.writer as out:
                self.produce(out)
                if self.ends[0] == "scope_throws":
                    raise Own("the block fails")
            return told(out.result)
        try:
            self.produce(self.writer)
        except Own:
            self.writer.abort()
            raise
        except lakefs_staging.StagingError:
            pass  # comes again at the end
        answer = {"nothing": True}
        for step in self.ends:
            try:
                answer = self.end(step)
            except Exception as error:
                answer = {"error": answers.error_of(error)}
            self.run.event({"end": step, **answer})
        return answer

    def end(self, step):
        if step == "commit":
            return told(self.writer.commit())
        if step == "write":
            self.writer.write(b"x")
        elif step in ("close", "abort"):
            getattr(self.writer, step)()
        elif step == "drop":
            self.drop()
        return {"nothing": True}

    def drop(self):
        self.writer = None
        self.wrapped = None
        gc.collect()
        for text in self.run.driver.take_warnings(self.run):
            self.run.event({"warning": text})

    def produce(self, out):
        spec = self.run.command["source"]
        stream = Stream(self.run, spec)
        piece = self.run.command.get("pieces") or PIECE
        wrapper = self.run.command.get("wrapper")
        ends = self.ends[0] != "drop"
        if wrapper is None:
            while data := stream.read(piece):
                out.write(data)
        elif wrapper == "gzip":
            self.wrap(gzip.GzipFile(fileobj=out, mode="wb"), stream, piece, ends)
        elif wrapper == "buffered":
            self.wrap(io.BufferedWriter(out), stream, piece, ends)
        elif wrapper == "text":
            self.wrap(io.TextIOWrapper(out), stream, piece, ends,
                      lambda data: data.hex())
        elif wrapper == "zip":
            archive = zipfile.ZipFile(out, "w")
            with archive.open("content", "w") as entry:
                while data := stream.read(piece):
                    entry.write(data)
            if ends:
                archive.close()
            else:
                self.wrapped = archive
        else:
            raise Unsupported(f"no wrapper {wrapper}")

    def wrap(self, wrapper, stream, piece, ends, encode=bytes):
        while data := stream.read(piece):
            wrapper.write(encode(data))
        if ends:
            wrapper.close()
        else:
            self.wrapped = wrapper


def answer_of(answer):
    told = {"target": answer.object.target}
    if answer.error is not None:
        return {**told, "error": answers.error_of(answer.error)}
    return {**told, "result": answers.result_of(answer.result)}


def told(result):
    return {"result": answers.result_of(result)}


def small_objects(run):
    command = run.command
    if "objects" in command:
        for one in command["objects"]:
            spec = one["source"]
            yield lakefs_staging.SmallObject(
                one["target"], content(0, spec["size"], spec.get("seed", 1)),
                options.upload_options(run, one.get("options", {})))
        return
    for n in range(command["count"]):
        yield lakefs_staging.SmallObject(
            f"{command['target']}{n}",
            content(0, command["size"], command.get("seed", 1)))


def location_of(told):
    expiry = told.get("presigned_url_expiry")
    return lakefs_staging.StagingLocation(
        physical_address=told["physical_address"], token=told.get("token"),
        presigned_url=told.get("presigned_url"),
        presigned_url_expiry=expiry and datetime.datetime.fromtimestamp(
            expiry, datetime.timezone.utc))


class Driver:
    make_client = lakefs_staging.Client

    def __init__(self):
        self.lock = threading.Lock()
        self.clients = {}
        self.runs = {}
        self.warned = []
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = self.warn

    def warn(self, message, category, filename, lineno, file=None, line=None):
        with self.lock:
            self.warned.append(str(message))

    def take_warnings(self, run):
        """Those of the run's own target."""
        with self.lock:
            target = run.command["target"]
            mine = [text for text in self.warned if target in text]
            self.warned = [text for text in self.warned if text not in mine]
        return mine

    def client(self, command):
        told = command.get("client") or {}
        key = json.dumps(told, sort_keys=True)
        with self.lock:
            if key not in self.clients:
                self.clients[key] = self.make_client(
                    **options.client_settings(told))
            return self.clients[key]

    def cancel(self, number):
        """As Ctrl-C does, which gets to the main thread alone."""
        run = self.runs.get(number)
        if run is not None and run.thread is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(run.thread.ident),
                ctypes.py_object(KeyboardInterrupt))

    def serve(self):
        for line in sys.stdin:
            command = json.loads(line)
            run = Run(self, command)
            self.runs[command["id"]] = run
            run.thread = threading.Thread(target=self.run, args=(run,),
                                          name="command", daemon=True)
            run.thread.start()

    def run(self, run):
        began = time.monotonic()
        try:
            answer = run.do()
        except Unsupported as lacking:
            answer = {"unsupported": str(lacking)}
        except KeyboardInterrupt:
            answer = {"error": {"cancelled": True}}
        except Exception as error:
            answer = {"error": answers.error_of(error)}
            if "reason" not in answer["error"] and not isinstance(error, Own):
                traceback.print_exc()
        self.finish(run, answer, time.monotonic() - began)

    def finish(self, run, answer, elapsed):
        run.over.set()
        self.runs.pop(run.command["id"], None)
        for cleanup in run.cleanups:
            cleanup()
        line = json.dumps({"id": run.command["id"], **answer,
                           "events": run.events, "elapsed": elapsed})
        with self.lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:] == ["--async"]:
        sys.modules["driver"] = sys.modules["__main__"]
        import async_driver

        asyncio.run(async_driver.Driver().serve_async())
    else:
        Driver().serve()
