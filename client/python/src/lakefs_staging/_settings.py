"""Settings of a client."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import re
from typing import Any

import grpc

from lakefs_staging._failure import invalid_request

_DEFAULT_GATEWAY = "127.0.0.1:8765"
_MAX_MESSAGE_BYTES = (4 << 20) + (16 << 10)  # 4 MiB of an object, and framing

_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # a sidecar is never behind one
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 10_000),  # the most one attempt may take
    # Each client has a connection of its own, which its close() ends.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclasses.dataclass(frozen=True)
class TLS:
    """How to speak TLS with the gateway. Names of PEM files."""

    ca_file: str | os.PathLike[str] | None = None
    """Authorities that the gateway has to be of. Default: gRPC's own."""
    cert_file: str | os.PathLike[str] | None = None
    """The client's certificate chain."""
    key_file: str | os.PathLike[str] | None = None
    """Its key."""

    def credentials(self) -> Any:
        """Those of gRPC, with what the files hold now."""
        files = (self.ca_file, self.key_file, self.cert_file)
        if (self.cert_file is None) != (self.key_file is None):
            raise invalid_request("cert_file and key_file go together")
        return grpc.ssl_channel_credentials(
            *(file and pathlib.Path(file).read_bytes() for file in files)
        )


class Settings:
    """What is told of a client, checked. Can be pickled."""

    def __init__(
        self,
        gateway: str | None,
        tls: TLS | bool,
        authorization: str | None,
        allow_plaintext_authorization: bool,
        connect_timeout: float,
    ) -> None:
        self.gateway = (
            gateway or os.environ.get("LAKEFS_STAGING_GATEWAY") or _DEFAULT_GATEWAY
        )
        self.tls = TLS() if tls is True else tls or None
        self.connect_timeout = connect_timeout
        self._authorization = (
            authorization or os.environ.get("LAKEFS_STAGING_AUTHORIZATION") or ""
        )
        self._check(allow_plaintext_authorization)

    def _check(self, allow_plaintext_authorization: bool) -> None:
        host = ""
        unix = re.fullmatch(r"unix:.+", self.gateway) is not None
        if not unix:
            told = re.fullmatch(
                r"(\[[0-9A-Fa-f:.%]+\]|[^:/\s]+):([0-9]{1,5})", self.gateway
            )
            if told is None or not 0 < int(told[2]) < 65536:
                raise invalid_request(
                    f"{self.gateway!r} is no gateway address; write HOST:PORT or "
                    "unix:/path"
                )
            host = told[1].strip("[]")
        if re.fullmatch(r"[ -~]*", self._authorization) is None:
            raise invalid_request("the authorization is no line of printable ASCII")
        if (
            self._authorization
            and not self.tls
            and not unix
            and not allow_plaintext_authorization
            and not _is_loopback(host)
        ):
            raise invalid_request(
                f"the authorization is not sent to {self.gateway} without TLS, "
                "unless allow_plaintext_authorization says so"
            )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Of each call."""
        if not self._authorization:
            return ()
        return (("authorization", self._authorization),)

    def channel(self, module: Any) -> Any:
        """A channel of `grpc` or `grpc.aio`."""
        options: list[tuple[str, Any]] = list(_CHANNEL_OPTIONS)
        if self.gateway.startswith("unix:"):
            options.append(("grpc.default_authority", "localhost"))
        if self.tls is None:
            return module.insecure_channel(self.gateway, options=options)
        return module.secure_channel(
            self.gateway, self.tls.credentials(), options=options
        )

    def __repr__(self) -> str:
        return self.gateway


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
