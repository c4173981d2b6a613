"""Cases 45 to 48: TLS, unix sockets, authorization, and what is given by
default."""

import base64
import functools
import os
import socket
import subprocess
import tempfile
import threading

import running
from common import *


def certificates(lock=threading.Lock()):
    """A folder with two authorities, a server's and a client's certificate."""
    with lock:
        return make_certificates()


@functools.cache
def make_certificates():
    folder = tempfile.TemporaryDirectory()
    at = folder.name

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=at, check=True,
                       capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes")
    for name in "ca", "other":
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out",
                f"{name}.pem", "-days", "2", "-subj", f"/CN=test {name}")
    for name in "server", "client":
        with open(f"{at}/{name}.ext", "w") as file:
            file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem",
                "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                "-days", "2", "-extfile", f"{name}.ext")
    return folder


def tls_world(t, mutual):
    at = certificates().name
    flags = [f"--tls-cert={at}/server.pem", f"--tls-key={at}/server.key"]
    if mutual:
        flags.append(f"--tls-client-ca={at}/ca.pem")
    return t.suite.world_of(f"tls{mutual}", gateway_flags=flags)


def tls_client(world, **files):
    at = certificates().name
    return {"gateway": world.gateway.address, "connect_timeout": 3,
            **{name: f"{at}/{file}" for name, file in files.items()}}


@case(45, "tls", {name: {"size": size} for name, size in SIZED})
def tls(t, size):
    world = tls_world(t, False)
    what = source("bytes", size)
    t.ok(t.r(what, client=tls_client(world, ca_file="ca.pem")))
    t.linked(what, world=world)


@case(45, "tls_of_others", {
    "wrong_ca": {"files": {"ca_file": "other.pem"}, "words": True},
    "plain": {"files": {}, "words": False}})
def tls_of_others(t, files, words):
    """An authority that did not sign, or no TLS at all: soon, and said why."""
    world = tls_world(t, False)
    answer = t.r(source("bytes", SMALL), client=tls_client(world, **files),
                 options={"attempts": 2})
    error = t.not_committed(answer, domain="lakefs.staging.client")
    if words:
        printed = error["printed"].lower()
        t.check(any(word in printed for word in (
            "certificate", "tls", "ssl", "handshake", "pkix")),
            f"it does not say why: {error['printed']}")
    t.absent(world=world)


@case(45, "mutual_tls", {"with": {"certificate": True},
                         "without": {"certificate": False}})
def mutual_tls(t, certificate):
    world = tls_world(t, True)
    files = {"ca_file": "ca.pem"}
    if certificate:
        files |= {"cert_file": "client.pem", "key_file": "client.key"}
    what = source("bytes", SMALL)
    answer = t.r(what, client=tls_client(world, **files),
                 options={"attempts": 2})
    if certificate:
        t.ok(answer)
        t.linked(what, world=world)
    else:
        t.error(answer, domain="lakefs.staging.client")
        t.absent(world=world)


@case(46, "unix_socket", {f"{kind}_{name}": {"kind": kind, "size": size}
                          for kind in ("bytes", "stream", "writer")
                          for name, size in SIZED})
def unix_socket(t, kind, size):
    what = source(kind, size)
    t.ok(t.r(what, client=t.real_client(t.world.gateway.socket)))
    t.linked(what)


KEYS = base64.b64encode(
    f"{running.ACCESS_KEY_ID}:{running.SECRET_ACCESS_KEY}".encode()).decode()
SECRET = f"Basic {KEYS}"


def pass_through(t):
    return t.suite.world_of("pass", gateway_flags=["--auth=pass-through"])


@case(47, "authorization", {name: {"size": size} for name, size in SIZED})
def authorization(t, size):
    """What the client is given reaches lakeFS."""
    world = pass_through(t)
    what = source("bytes", size)
    t.ok(t.r(what, client={"gateway": world.gateway.address,
                           "authorization": SECRET}))
    t.linked(what, world=world)
    t.equal(world.proxy.authorizations[t.r_path()], {SECRET},
            "authorizations at lakeFS")


@case(47, "authorization_refused")
def authorization_refused(t):
    world = pass_through(t)
    wrong = "Basic d3Jvbmc6d3Jvbmc="
    error = t.not_committed(
        t.r(source("bytes", SMALL), client={
            "gateway": world.gateway.address, "authorization": wrong}),
        reason="CREDENTIALS_REJECTED", code="UNAUTHENTICATED", attempts=1)
    t.check("d3Jvbmc6" not in str(error), "the authorization is told")
    t.absent(world=world)


@case(47, "authorization_everywhere", kinds(("generator", "seekable")))
def authorization_everywhere(t, kind):
    """It goes with every attempt and every question, and into no word."""
    what = source(kind, BIG)
    secret = "Bearer very-secret-token"
    t.script(what, UploadAndLink=[
        ["read_finish", end("UNKNOWN", "OUTCOME_UNKNOWN", "UNKNOWN",
                            "RETRY_CALL")],
        ["read_finish", end("ABORTED", "LINK_CONFLICT", "NOT_COMMITTED",
                            "GIVE_UP")]],
        GetUploadOutcome=[[{"end": {
            "code": "NOT_FOUND", "message": "nothing is known",
            "details": [error_info("NOT_FOUND")]}}]])
    answer = t.s(what, client=t.scripted_client(authorization=secret))
    t.error(answer)
    calls = t.only(2)
    for call in calls:
        t.equal(call.metadata.get("authorization"), secret, call.method)
    t.check("very-secret" not in str(answer), "it is in the error")
    t.check(not any("very-secret" in line for line in t.driver.stderr),
            "it is in what the driver logs")


@case(47, "authorization_none")
def authorization_none(t):
    t.script(UploadObject=[[RESULT]])
    t.ok(t.s(source("bytes", SMALL)))
    (call,) = t.only(1)
    t.check("authorization" not in call.metadata, "an authorization")


@case(47, "authorization_in_the_clear", {
    "refused": {"allowed": {}},
    "allowed": {"allowed": {"allow_plaintext_authorization": True}}})
def authorization_in_the_clear(t, allowed):
    """Without TLS it goes only to a neighbour, unless that is allowed."""
    answer = t.s(source("bytes", SMALL), options={"attempts": 1},
                 client={"gateway": "192.0.2.1:8765", "connect_timeout": 0.5,
                         "authorization": SECRET, **allowed})
    reason = "GATEWAY_UNREACHABLE" if allowed else "INVALID_REQUEST"
    error = t.not_committed(answer, reason=reason)
    t.check(KEYS not in str(error), "the authorization is told")


def by_default(t, client, **environment):
    """Uploads with a driver of this environment."""
    environment.setdefault("LAKEFS_STAGING_GATEWAY", None)
    environment.setdefault("LAKEFS_STAGING_AUTHORIZATION", None)
    t.script(again=True, UploadObject=[[RESULT]])
    return t.send(source("bytes", SMALL), target=t.s_target(), client=client,
                  driver=t.own_driver(**environment),
                  options={"attempts": 1})


@case(48, "gateway_of_environment")
def gateway_of_environment(t):
    t.ok(by_default(t, {}, LAKEFS_STAGING_GATEWAY=t.scripted.address,
                    LAKEFS_STAGING_AUTHORIZATION="Bearer of-environment"))
    (call,) = t.only(1)
    t.equal(call.metadata.get("authorization"), "Bearer of-environment",
            "authorization")


@case(48, "gateway_overridden")
def gateway_overridden(t):
    t.ok(by_default(t, {"gateway": t.scripted.address,
                        "authorization": "Bearer named"},
                    LAKEFS_STAGING_GATEWAY="127.0.0.1:1",
                    LAKEFS_STAGING_AUTHORIZATION="Bearer of-environment"))
    (call,) = t.only(1)
    t.equal(call.metadata.get("authorization"), "Bearer named",
            "authorization")


@case(48, "gateway_by_default")
def gateway_by_default(t):
    """127.0.0.1:8765, where nobody is; should somebody be, it is no test."""
    with socket.socket() as one:
        if one.connect_ex(("127.0.0.1", 8765)) == 0:
            return
    error = t.not_committed(by_default(t, {"connect_timeout": 0.5}),
                            reason="GATEWAY_UNREACHABLE")
    t.check("127.0.0.1:8765" in error["message"], error["message"])


@case(48, "gateway_is_no_address", {
    name: {"address": address} for name, address in {
        "url": "http://127.0.0.1:8765", "no_port": "localhost",
        "port": "localhost:99999", "socket": "unix:", "word": "::"}.items()})
def gateway_is_no_address(t, address):
    error = t.not_committed(
        t.send(source("bytes", SMALL), target=t.s_target(),
               client={"gateway": address}, options={"attempts": 1}),
        reason="INVALID_REQUEST", code="INVALID_ARGUMENT")
    t.check(address in error["message"], f"not named: {error['message']}")


@case(48, "environment_is_no_address")
def environment_is_no_address(t):
    error = t.not_committed(
        by_default(t, {}, LAKEFS_STAGING_GATEWAY="no address"),
        reason="INVALID_REQUEST")
    t.check("no address" in error["message"], error["message"])


@case(48, "proxy_is_ignored")
def proxy_is_ignored(t):
    """The suite's own environment names a proxy that leads nowhere."""
    t.check(os.environ["http_proxy"], "no proxy in the environment")
    nowhere = "http://127.0.0.1:9"
    t.ok(by_default(t, {"gateway": t.scripted.address}, http_proxy=nowhere,
                    HTTP_PROXY=nowhere, https_proxy=nowhere, no_proxy=None,
                    HTTPS_PROXY=nowhere, grpc_proxy=nowhere, NO_PROXY=None,
                    ALL_PROXY=nowhere, all_proxy=nowhere))
