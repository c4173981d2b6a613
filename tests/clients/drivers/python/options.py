"""Clients and options of commands (DRIVERS.md, "Commands")."""

import base64

import answers
from sources import Own

import lakefs_staging


def client_settings(told):
    """What a client is made with."""
    settings = {name: told[name] for name in (
        "gateway", "authorization", "allow_plaintext_authorization",
        "connect_timeout") if name in told}
    files = {name: told[name] for name in ("ca_file", "cert_file", "key_file")
             if name in told}
    if files:
        settings["tls"] = lakefs_staging.TLS(**files)
    return settings


def upload_options(run, told, source=None):
    options = dict(told)
    for name in "sha256", "md5":
        if name in options:
            options[name] = bytes.fromhex(options[name])
    if "resume_token" in options:
        options["resume_token"] = base64.b64decode(options["resume_token"])
    if options.pop("checkpoint", False):
        options["checkpoint"] = lambda token, offset: run.event(
            answers.checkpoint_event(token, offset))
    throws = options.pop("throw_in_progress", False)
    if options.pop("progress", False) or throws:
        def progress(told):
            run.event(answers.progress_event(told))
            if throws:
                raise Own("the callback fails")

        options["progress"] = progress
    if source and "told_size" in source:
        options["size_bytes"] = source["told_size"]
    return options
