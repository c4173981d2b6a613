"""One digest of all files under deploy/kubernetes, names included."""

import hashlib
import os

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def files():
    folder = os.path.join(ROOT, "deploy/kubernetes")
    for where, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(where, name), ROOT)


def digest():
    whole = hashlib.sha256()
    for path in sorted(files()):
        with open(os.path.join(ROOT, path), "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        whole.update(f"{path} {content}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    print(digest())
