"""What the tests have in common."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest
from fake_gateway import FakeGateway

import lakefs_staging

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings of the machine, and behind a proxy that leads nowhere."""
    for name in list(os.environ):
        if name.startswith("LAKEFS_STAGING_") and name != "LAKEFS_STAGING_BIN":
            monkeypatch.delenv(name)
    for name in "http_proxy", "grpc_proxy":
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    fake = FakeGateway()
    yield fake
    fake.stop()


@pytest.fixture
def client(gateway: FakeGateway) -> Iterator[lakefs_staging.Client]:
    with lakefs_staging.Client(gateway.address) as client:
        yield client


@pytest.fixture(scope="session")
def real() -> Iterator[tuple[object, str]]:
    """An emulated lakeFS that can be read, and the address of a real gateway."""
    if "LAKEFS_STAGING_BIN" not in os.environ:
        pytest.skip("LAKEFS_STAGING_BIN is not set")
    sys.path.insert(0, str(ROOT / "tests/integration/python"))
    import running

    lakefs = running.Lakefs()
    real = running.Gateway(lakefs.url)
    yield lakefs, real.address
    real.stop()
    lakefs.stop()
