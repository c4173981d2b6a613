"""A filesystem of fsspec that writes: `lakefs-staging://REPOSITORY/BRANCH/PATH`.

For what takes such URLs, as pandas and pyarrow do. It needs the extra `fsspec`.

    frame.to_parquet("lakefs-staging://repo/main/rows.parquet")

It reads, lists and deletes nothing: lakeFS has ways of its own for that.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.spec import AbstractFileSystem

from lakefs_staging._options import MAX_SMALL_OBJECT_BYTES
from lakefs_staging._staged_file import StagedFile
from lakefs_staging.client import Client
from lakefs_staging.model import Progress, SmallObject

_SCHEME = "lakefs-staging://"
_OF_CLIENT = (
    "gateway", "tls", "authorization", "allow_plaintext_authorization",
    "connect_timeout",
)  # fmt: skip


class LakefsStagingFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Writes objects of lakeFS. A file stands when it has been closed, unless its
    block is left by an exception or it is forgotten: see `StagedFile`.

    The arguments, which callers give as `storage_options`, are those of
    `lakefs_staging.Client`. Further ones of `open`, `pipe` and `put` are options
    of the upload, such as `content_type` and `user_metadata`.

    There are no directories: making one does nothing, and `isdir` is always
    false, so that `put` of a folder does not ask what is there. Within
    `fs.transaction` files are linked at its clean end, each by itself.
    """

    protocol = "lakefs-staging"
    root_marker = ""

    def __init__(self, **settings: Any) -> None:
        of_client = {
            name: settings.pop(name) for name in _OF_CLIENT if name in settings
        }
        super().__init__(**settings)
        self.client = Client(**of_client)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """The path as it is: a slash at its end belongs to it."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return os.fspath(path).removeprefix(_SCHEME)

    # Writing.

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> StagedFile:
        if mode not in ("wb", "xb"):
            raise _only_writes(f"mode {mode!r}")
        writer = self.client.open(_target(path), mode, **options)  # type: ignore[call-overload]
        return StagedFile(writer, path, mode, autocommit)

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: Mapping[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """As fsspec has it, but for `compression`: what fsspec gives for it does
        not close the file."""
        if compression is not None:
            raise NotImplementedError(
                "fs.open takes no compression here; fsspec.open does"
            )
        return super().open(path, mode, block_size, cache_options, **kwargs)

    def pipe_file(
        self, path: str, value: bytes, mode: str = "overwrite", **options: Any
    ) -> None:
        options = _with_mode(mode, options)
        if self._intrans:
            super().pipe_file(path, value, **options)
        else:
            target = _target(self._strip_protocol(path))
            self.client.upload(value, target, **options)

    def pipe(
        self,
        path: str | Mapping[str, bytes],
        value: bytes | None = None,
        **options: Any,
    ) -> None:
        """As fsspec has it. Small objects of a mapping go together.

        Raises:
            StagingError: That of the first object that failed; all others have
                been tried.
        """
        if self._intrans or not isinstance(path, Mapping):
            super().pipe(path, value, **options)
            return
        mode = options.pop("mode", "overwrite")
        small = []
        for name, data in path.items():
            if len(data) > MAX_SMALL_OBJECT_BYTES:
                self.pipe_file(name, data, mode, **options)
            else:
                target = _target(self._strip_protocol(name))
                small.append(SmallObject(target, data, _with_mode(mode, options)))
        answers = list(self.client.upload_many(small))
        for answer in answers:
            if answer.error is not None:
                raise answer.error

    def put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Callback = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **options: Any,
    ) -> None:
        options = _with_mode(mode, options)
        if pathlib.Path(lpath).is_dir():
            return
        if self._intrans:
            super().put_file(lpath, rpath, callback, **options)
            return
        if callback is not DEFAULT_CALLBACK:
            callback.set_size(pathlib.Path(lpath).stat().st_size)
            options["progress"] = _telling(callback)
        target = _target(self._strip_protocol(rpath))
        self.client.upload(os.fspath(lpath), target, **options)

    # There are no directories.

    def isdir(self, path: str) -> bool:
        return False

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Does nothing."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Does nothing."""

    # What it does not do. All else of that kind comes to one of these.

    def info(self, path: str, **kwargs: Any) -> Any:
        raise _only_writes("info")

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        raise _only_writes("ls")

    def exists(self, path: str, **kwargs: Any) -> bool:
        raise _only_writes("exists")

    def isfile(self, path: str) -> bool:
        raise _only_writes("isfile")

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        raise _only_writes("cp_file")

    def rm(self, path: Any, recursive: bool = False, maxdepth: Any = None) -> None:
        raise _only_writes("rm")

    def _rm(self, path: str) -> None:
        raise _only_writes("rm")


def _target(path: str) -> str:
    return f"lakefs://{path}"


def _with_mode(mode: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, **({"if_absent": True} if mode == "create" else {})}


def _telling(callback: Callback) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        callback.absolute_update(progress.received_bytes)

    return tell


def _only_writes(what: str) -> NotImplementedError:
    return NotImplementedError(
        f"{_SCHEME} only writes, it has no {what}: to read, list or delete take "
        "fsspec's \"lakefs://\" (PyPI: lakefs-spec) or lakeFS's S3 gateway "
        '("s3://REPOSITORY/BRANCH/PATH")'
    )
