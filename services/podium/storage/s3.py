"""S3 and compatible stores: addresses, connections, errors.

Credentials are found as by the AWS tools: environment, web identity, instance role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from podium.errors import Forbidden, InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config


@dataclass(frozen=True)
class S3Connection:
    """Where the buckets are.

    Args:
        endpoint: Base URL of an S3-compatible store; None: AWS.
        region: Region of the buckets.
        allow_http: Whether the endpoint may be plain HTTP.
        stall_s: A response without new bytes for this long fails; None: five minutes for the whole
            response. Not for uploads: the answer to a long upload comes late.
    """

    endpoint: str | None = None
    region: str = "us-east-1"
    allow_http: bool = False
    stall_s: float | None = None
    _buckets: dict[str, S3Store] = field(default_factory=dict, repr=False, compare=False)

    def bucket(self, name: str) -> S3Store:
        """The store of one bucket; makes no request."""
        if name not in self._buckets:
            config: S3Config = {"region": self.region}
            if self.endpoint:
                config["endpoint"] = self.endpoint
            options: ClientConfig = {
                "allow_http": self.allow_http,
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(minutes=5),
            }
            if self.stall_s is not None:
                options["read_timeout"] = timedelta(seconds=self.stall_s)
            self._buckets[name] = S3Store(
                name,
                config=config,
                client_options=options,
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
            )
        return self._buckets[name]


def bucket_and_key(uri: str, *, named: str = "uri") -> tuple[str, str]:
    """Split ``s3://bucket/folder/name``; the key may be empty and does not end in a slash.

    Raises:
        InvalidInput: it is malformed; the message begins with ``named``.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    parts = key.rstrip("/").split("/") if key else []
    if scheme != "s3" or not bucket or any(part in ("", ".", "..") for part in parts):
        raise InvalidInput("must look like s3://bucket/folder/name", field=named)
    return bucket, key.rstrip("/")


@contextmanager
def store_errors(uri: str, *, named: str = "uri") -> Iterator[None]:
    """Turn obstore's exceptions into Podium's; messages begin with ``named``.

    Raises:
        NotFound: there is no such object or bucket.
        Forbidden: the store refuses the credentials.
        Unavailable: the store does not answer.
    """
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise NotFound(f"{named}: there is no object {uri}") from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise Forbidden(
            f"{named}: the object store refuses the credentials of this service"
        ) from None
    except BaseError as error:
        if "NoSuchBucket" in str(error):  # the protocol's code; listings raise no better error
            raise NotFound(f"{named}: there is no bucket of {uri}") from None
        raise Unavailable(f"{named}: the object store does not answer; try again") from error
