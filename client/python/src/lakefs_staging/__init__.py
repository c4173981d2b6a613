"""Uploads objects to lakeFS by the staging gateway that runs beside your program.

    import lakefs_staging

    with lakefs_staging.Client() as client:
        client.upload("report.csv", "lakefs://repo/main/report.csv")
        with client.open("lakefs://repo/main/big.csv", "w") as out:
            out.write("linked at the clean end of the block, and never else")

After each call it is known whether the object stands, that it does not, or,
rarely, that nobody can tell; and nothing that was cut short is ever linked.
"""

from lakefs_staging._options import ObjectOptions, UploadOptions
from lakefs_staging._settings import TLS
from lakefs_staging._target import object_uri
from lakefs_staging.aio import AsyncClient, AsyncWriter
from lakefs_staging.client import Client
from lakefs_staging.errors import (
    DeadlineExceededError,
    GatewayConnectionError,
    InvalidRequestError,
    MismatchError,
    NotCommittedError,
    NotFoundError,
    ObjectChangedError,
    ObjectExistsError,
    OutcomeUnknownError,
    PermissionDeniedError,
    Resource,
    StagingError,
    Violation,
)
from lakefs_staging.model import (
    Advice,
    Answer,
    ObjectStats,
    Outcome,
    Progress,
    Result,
    SmallObject,
    StagingLocation,
    UploadOutcome,
)
from lakefs_staging.writer import TextWriter, Writer

__version__ = "0.1.0"

__all__ = [
    "TLS",
    "Advice",
    "Answer",
    "AsyncClient",
    "AsyncWriter",
    "Client",
    "DeadlineExceededError",
    "GatewayConnectionError",
    "InvalidRequestError",
    "MismatchError",
    "NotCommittedError",
    "NotFoundError",
    "ObjectChangedError",
    "ObjectExistsError",
    "ObjectOptions",
    "ObjectStats",
    "Outcome",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "Progress",
    "Resource",
    "Result",
    "SmallObject",
    "StagingError",
    "StagingLocation",
    "TextWriter",
    "UploadOptions",
    "UploadOutcome",
    "Violation",
    "Writer",
    "object_uri",
]
