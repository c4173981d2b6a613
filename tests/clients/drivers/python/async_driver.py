"""The driver of AsyncClient."""

import asyncio
import base64
import gc
import json
import sys
import threading
import time
import traceback

import answers
import driver
import options
from sources import Own, Stream, source_of

import lakefs_staging


async def pieces(stream):
    """The stream's bytes, as an asynchronous generator."""
    while data := await read(stream,
                             stream.spec.get("piece") or driver.PIECE):
        yield data


async def read(stream, size):
    if "block_at" in stream.spec or "delay" in stream.spec:
        return await asyncio.to_thread(stream.read, size)
    return stream.read(size)


class AsyncFile:
    """A file whose read has to be awaited."""

    def __init__(self, stream):
        self._stream = stream

    async def read(self, size):
        return await read(self._stream, size)


def async_source(run, spec):
    if spec["kind"] == "generator":
        return pieces(Stream(run, spec))
    if spec["kind"] == "stream":
        return AsyncFile(Stream(run, spec))
    return source_of(run, spec)


class Run(driver.Run):
    """A command under way."""

    task = None

    async def do_async(self):
        op = self.command["op"]
        if not hasattr(Operations, op):
            return {"unsupported": f"no operation {op}"}
        return await getattr(Operations, op)(self)


class Operations:
    """One a name."""

    async def upload(self):
        client = self.driver.client(self.command)
        return driver.told(await client.upload(
            async_source(self, self.command["source"]),
            self.command["target"], **self.options()))

    async def upload_file(self):
        client = self.driver.client(self.command)
        return driver.told(await client.upload_file(
            self.command["file"], self.command["target"], **self.options()))

    async def upload_many(self):
        client = self.driver.client(self.command)
        found = []
        async for answer in client.upload_many(driver.small_objects(self)):
            found.append(driver.answer_of(answer))
        return {"result": found}

    async def write(self):
        return await Writing(self).do()

    async def outcome(self):
        client = self.driver.client(self.command)
        found = await client.outcome(self.command["request_id"],
                                     self.command.get("target"))
        return {"result": answers.outcome_of(found)}

    async def discard(self):
        client = self.driver.client(self.command)
        await client.discard(base64.b64decode(self.command["resume_token"]))
        return {"result": {}}

    async def address(self):
        client = self.driver.client(self.command)
        location = await client.get_physical_address(
            self.command["target"], presign=self.command.get("presign", False))
        return {"result": answers.location_of(location)}

    async def link(self):
        client = self.driver.client(self.command)
        return driver.told(await client.link_physical_address(
            self.command["target"],
            driver.location_of(self.command["location"]),
            self.command["checksum"], self.command["size_bytes"],
            **self.options()))

    async def cancel(self):
        run = self.driver.runs.get(self.command["of"])
        if run is not None:
            run.task.cancel()
        return {"result": {}}

    async def status(self):
        gc.collect()
        answer = driver.Operations.status(self)
        answer["result"]["tasks"] = len(asyncio.all_tasks())
        return answer


class Writing:
    """A write."""

    def __init__(self, run):
        self.run = run
        self.ends = run.command.get("end", ["commit"])
        if run.command.get("wrapper"):
            raise driver.Unsupported("wrappers do not await")
        client = run.driver.client(run.command)
        self.writer = client.open(run.command["target"], "wb", **run.options())

    async def do(self):
        if self.ends[0] in ("scope", "scope_throws"):
            async with self.writer as out:
                await self.produce(out)
                if self.ends[0] == "scope_throws":
                    raise Own("the block fails")
            return driver.told(out.result)
        try:
            await self.produce(self.writer)
        except Own:
            self.writer.abort()
            raise
        except lakefs_staging.StagingError:
            pass  # comes again at the end
        answer = {"nothing": True}
        for step in self.ends:
            try:
                answer = await self.end(step)
            except Exception as error:
                answer = {"error": answers.error_of(error)}
            self.run.event({"end": step, **answer})
        return answer

    async def end(self, step):
        if step == "commit":
            return driver.told(await self.writer.commit())
        if step == "write":
            await self.writer.write(b"x")
        elif step == "close":
            await self.writer.close()
        elif step == "abort":
            self.writer.abort()
        elif step == "drop":
            self.writer = None
            gc.collect()
            for text in self.run.driver.take_warnings(self.run):
                self.run.event({"warning": text})
        return {"nothing": True}

    async def produce(self, out):
        spec = self.run.command["source"]
        stream = Stream(self.run, spec)
        piece = self.run.command.get("pieces") or driver.PIECE
        while data := await read(stream, piece):
            await out.write(data)


class Driver(driver.Driver):
    make_client = lakefs_staging.AsyncClient

    async def serve_async(self):
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def read():
            for line in sys.stdin:
                loop.call_soon_threadsafe(self.begin, json.loads(line))
            loop.call_soon_threadsafe(over.set)

        threading.Thread(target=read, daemon=True).start()
        await over.wait()

    def begin(self, command):
        run = Run(self, command)
        self.runs[command["id"]] = run
        run.task = asyncio.ensure_future(self.run_async(run))

    async def run_async(self, run):
        began = time.monotonic()
        try:
            answer = await run.do_async()
        except driver.Unsupported as lacking:
            answer = {"unsupported": str(lacking)}
        except asyncio.CancelledError:
            answer = {"error": {"cancelled": True}}
        except Exception as error:
            answer = {"error": answers.error_of(error)}
            if "reason" not in answer["error"] and not isinstance(error, Own):
                traceback.print_exc()
        self.finish(run, answer, time.monotonic() - began)
