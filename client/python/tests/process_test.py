"""A client across processes: fork, spawn and pickle; and its settings."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from typing import Any

import pytest
from fake_gateway import FakeGateway

import lakefs_staging
from lakefs_staging import Client

TARGET = "lakefs://repo/main/a"
SECONDS = 30


# Forks are made in a program of their own: gRPC cannot fork where a server runs.
FORK = """
import os, signal, sys
import lakefs_staging

def in_child(call):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # rather than hang
        try:
            call()
            said = "ok"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    said = os.fdopen(reader).read()
    os.waitpid(child, 0)
    return said

target = "lakefs://repo/main/"
client = lakefs_staging.Client(sys.argv[1])
client.upload(b"parent", target + "a")
"""


def run(gateway: FakeGateway, script: str, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "-c", FORK + script, gateway.address],
        env={**os.environ, **environment},
        check=True,
        timeout=SECONDS,
    )


def test_child_has_a_connection_of_its_own(gateway: FakeGateway) -> None:
    script = """
said = in_child(lambda: client.upload(b"child", target + "b"))
assert said == "ok", said
client.upload(b"parent", target + "c")
"""
    run(gateway, script)
    assert gateway.objects == {
        "repo/main/a": b"parent", "repo/main/b": b"child", "repo/main/c": b"parent",
    }  # fmt: skip


def test_writer_of_the_parent_raises_in_a_child(gateway: FakeGateway) -> None:
    script = """
with client.open(target + "b") as out:
    out.write(bytes(2 << 20))
    for call in out.commit, lambda: out.write(bytes(2 << 20)):
        said = in_child(call)
        assert "forked" in said, said
"""
    run(gateway, script)
    assert gateway.objects["repo/main/b"] == bytes(2 << 20)


def test_child_without_fork_support_raises(gateway: FakeGateway) -> None:
    script = """
said = in_child(lambda: client.upload(b"x", target + "b"))
assert "GRPC_ENABLE_FORK_SUPPORT" in said, said
client.upload(b"x", target + "c")
"""
    run(gateway, script, GRPC_ENABLE_FORK_SUPPORT="0")
    assert set(gateway.objects) == {"repo/main/a", "repo/main/c"}


def upload_in_spawned(client: Client) -> None:
    client.upload(b"spawned", TARGET)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_client_goes_to_a_new_process(
    client: Client, gateway: FakeGateway, method: str
) -> None:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=upload_in_spawned, args=(client,))
    process.start()
    process.join(SECONDS)
    assert process.exitcode == 0
    assert gateway.objects == {"repo/main/a": b"spawned"}


def test_pickle_is_the_settings(gateway: FakeGateway) -> None:
    with Client(gateway.address, authorization="Bearer 53cr3t") as client:
        with pickle.loads(pickle.dumps(client)) as again:
            again.upload(b"x", TARGET)
        with client.open(TARGET) as out, pytest.raises(TypeError, match="pickled"):
            pickle.dumps(out)
    assert gateway.authorizations == ["Bearer 53cr3t"] * 2


def test_environment_names_the_gateway(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFS_STAGING_GATEWAY", gateway.address)
    monkeypatch.setenv("LAKEFS_STAGING_AUTHORIZATION", "Bearer 53cr3t")
    with Client() as client:
        client.upload(b"x", TARGET)
        assert "53cr3t" not in repr(client)
        assert gateway.address in repr(client)
    assert gateway.authorizations == ["Bearer 53cr3t"]
    with Client("127.0.0.1:1") as client:
        assert "127.0.0.1:1" in repr(client)


@pytest.mark.parametrize(
    "gateway", ["host", "host:", ":1", "http://host:1", "host:0", "host:65536", "unix:"]
)
def test_bad_address_is_an_error(gateway: str) -> None:
    with pytest.raises(lakefs_staging.InvalidRequestError, match="HOST:PORT"):
        Client(gateway)


def test_authorization_stays_near_without_tls() -> None:
    for gateway in "127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/s.sock":
        Client(gateway, authorization="Bearer 53cr3t")
    Client("far.example:1", authorization="Bearer 53cr3t", tls=True)
    Client(
        "far.example:1",
        authorization="Bearer 53cr3t",
        allow_plaintext_authorization=True,
    )
    with pytest.raises(lakefs_staging.InvalidRequestError) as caught:
        Client("far.example:1", authorization="Bearer 53cr3t")
    assert "53cr3t" not in repr(caught.value)


def test_nobody_at_the_address_is_unreachable() -> None:
    with (
        Client("127.0.0.1:1", connect_timeout=0.5) as client,
        pytest.raises(ConnectionError, match=r"127\.0\.0\.1:1") as caught,
    ):
        client.upload(b"x", TARGET, attempts=1)
    assert isinstance(caught.value, lakefs_staging.GatewayConnectionError)
    assert caught.value.reason == "GATEWAY_UNREACHABLE"
    assert caught.value.nothing_linked


def test_client_that_is_closed_makes_no_calls(gateway: FakeGateway) -> None:
    client = Client(gateway.address)
    client.upload(b"x", TARGET)
    client.close()
    with pytest.raises(lakefs_staging.StagingError, match="closed"):
        client.upload(b"x", TARGET)
    assert len(gateway.calls) == 1
