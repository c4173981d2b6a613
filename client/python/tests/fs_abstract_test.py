"""The filesystem by fsspec's own tests, as far as they are of writing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fake_gateway import FakeGateway
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.tests import abstract

from lakefs_staging.fs import LakefsStagingFileSystem


class ReadableFileSystem(LakefsStagingFileSystem):
    """With the look at what was written that fsspec's tests want."""

    protocol = "readable"
    gateway: FakeGateway

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        memory = MemoryFileSystem(skip_instance_cache=True)
        memory.store, memory.pseudo_dirs = {}, [""]
        memory.pipe({f"/{name}": data for name, data in self.gateway.objects.items()})
        found = [
            {**one, "name": one["name"].removeprefix("/")} for one in memory.ls(path)
        ]
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **kwargs: Any) -> Any:
        return super(LakefsStagingFileSystem, self).info(path.rstrip("/"))

    def exists(self, path: str, **kwargs: Any) -> bool:
        return super(LakefsStagingFileSystem, self).exists(path)

    def isfile(self, path: str) -> bool:
        return super(LakefsStagingFileSystem, self).isfile(path)

    def isdir(self, path: str) -> bool:
        return super(LakefsStagingFileSystem, self).isdir(path)

    def cat_file(self, path: str, *_: Any, **kwargs: Any) -> bytes:
        return self.gateway.objects[path]

    def rm(self, path: Any, recursive: bool = False, maxdepth: Any = None) -> None:
        for one in [path] if isinstance(path, str) else path:
            for name in list(self.gateway.objects):
                if name == one or (recursive and name.startswith(f"{one}/")):
                    del self.gateway.objects[name]


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, gateway: FakeGateway) -> Iterator[ReadableFileSystem]:
        made = ReadableFileSystem(gateway=gateway.address, skip_instance_cache=True)
        made.gateway = gateway
        yield made
        made.client.close()

    @pytest.fixture
    def fs_path(self) -> str:
        return "repo/main"

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass
