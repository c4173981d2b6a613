"""What the documents show works, and what is public is described."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import pathlib
import re
from typing import Any

import pandas as pd
import pytest
import tomllib
from fake_gateway import FakeGateway

import lakefs_staging
import lakefs_staging.aio
import lakefs_staging.fs

HERE = pathlib.Path(__file__).parents[1]


def shown() -> list[str]:
    text = (HERE / "README.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.S)


@pytest.fixture
def names(
    gateway: FakeGateway, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """What the snippets of the README take as given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKEFS_STAGING_GATEWAY", gateway.address)
    (tmp_path / "report.csv").write_text("b,2\na,1\n")
    client = lakefs_staging.Client()
    yield {
        "client": client,
        "rows": [["b", 2], ["a", 1]],
        "frame": pd.DataFrame({"n": [1, 2]}),
    }
    client.close()


def test_code_of_the_readme_runs(names: Any, gateway: FakeGateway) -> None:
    snippets = shown()
    assert len(snippets) == 7
    for code in snippets:
        here = dict(names)
        exec(code.replace("127.0.0.1:8765", gateway.address), here)
        if "report" in here:
            asyncio.run(here["report"]())
    csv = gzip.decompress(gateway.objects.pop("quickstart/main/rows.csv.gz"))
    assert csv == b"b,2\r\na,1\r\n"
    assert gateway.objects.pop("quickstart/main/rows.parquet")
    assert gateway.objects.pop("quickstart/main/once") == b"once"
    assert gateway.objects.pop("quickstart/main/log.txt") == b"a line\n"
    assert gateway.objects.pop("quickstart/main/report.csv") == b"b,2\na,1\n"
    assert gateway.objects == {
        f"quickstart/main/{n}": str(n).encode() for n in range(1000)
    }


def test_first_call_is_short() -> None:
    assert len(shown()[0].splitlines()) < 10


def test_version_is_told_once_alike() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    assert project["version"] == lakefs_staging.__version__
    assert f"\n## {lakefs_staging.__version__}\n" in (HERE / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "module", [lakefs_staging, lakefs_staging.aio, lakefs_staging.fs]
)
def test_what_is_public_is_described(module: Any) -> None:
    assert module.__doc__
    for name in getattr(module, "__all__", ["LakefsStagingFileSystem"]):
        thing = getattr(module, name)
        assert inspect.getdoc(thing), name
        if not inspect.isclass(thing) or module is lakefs_staging.fs:
            continue
        for method, function in vars(thing).items():
            if inspect.isfunction(function) and not method.startswith("_"):
                assert inspect.getdoc(function), f"{name}.{method}"
