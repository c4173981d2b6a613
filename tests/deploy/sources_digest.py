"""One digest of all that is rendered: the files under deploy/kubernetes, names
included, and those that deploy/README.md shows."""

import hashlib
import os

import documented

ROOT = documented.ROOT


def files():
    folder = os.path.join(ROOT, "deploy/kubernetes")
    for where, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(where, name), ROOT)


def _contents():
    for path in sorted(files()):
        with open(os.path.join(ROOT, path), "rb") as file:
            yield path, file.read()
    for name, text in sorted(documented.files().items()):
        yield f"{documented.DOCUMENT}: {name}", text.encode()


def digest():
    whole = hashlib.sha256()
    for name, content in _contents():
        whole.update(
            f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    print(digest())
