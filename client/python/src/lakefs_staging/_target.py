"""Where an object is to be linked."""

from __future__ import annotations

from lakefs_staging._failure import invalid_request
from lakefs_staging.v1 import staging_pb2 as pb

_SCHEME = "lakefs://"


def object_uri(repository: str, branch: str, path: str) -> str:
    """The target of a path on a branch of a repository.

    A slash in the name of the repository or the branch, which neither can have,
    is written as %2F, so that the gateway refuses the name instead of taking
    another one.
    """
    names = (name.replace("/", "%2F") for name in (repository, branch))
    return _SCHEME + "/".join(names) + "/" + path


def parse_target(target: str) -> pb.ObjectPath:
    """The repository, the branch and the path, which is kept as it is."""

    def bad(what: str) -> Exception:
        return invalid_request(
            f"{target!r} {what}; write lakefs://repository/branch/path"
        )

    if not isinstance(target, str):
        raise bad("is no string")
    require_utf8("the target", target)
    if not target.startswith(_SCHEME):
        raise bad("does not begin with lakefs://")
    repository, _, rest = target[len(_SCHEME) :].partition("/")
    branch, _, path = rest.partition("/")
    if not repository:
        raise bad("names no repository")
    if not branch:
        raise bad("names no branch")
    if not path:
        raise bad("names no path")
    return pb.ObjectPath(repository=repository, branch=branch, path=path)


def require_utf8(what: str, text: str) -> None:
    """Refuses text with a lone surrogate, which UTF-8 has not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid_request(f"{what} {text!r} is not UTF-8") from None
