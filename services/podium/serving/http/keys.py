"""API keys: who may use the gateway, and how much.

A key is 256 random bits, so that its plain SHA-256 can be stored without salt or stretching; the
key itself is shown once and never stored. The file of keys is a list::

    - id: club-a                  # appears in logs
      sha256: 9f86d081884c7d65... # hash of the key
      requests_per_minute: 600    # optional
      bytes_per_minute: 500000000 # optional: request bodies, after decompression

Limits hold per replica of the gateway.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import Overloaded, PodiumError, SetupError, Unauthorized
from podium.serving.http.bodies import declared_bytes
from podium.serving.http.docs_page import DOCS_ASSETS
from podium.serving.http.error_responses import error_response
from podium.serving.observing.request_context import current_request
from podium.serving.observing.telemetry import Metrics

OPEN_PATHS = frozenset(
    {"/v2/health/live", "/v2/health/ready", "/metrics", "/docs", "/openapi.json"}
)
"""Kubernetes and Prometheus ask without a key; whoever needs one may read how to send it."""

_PREFIX = "podium_"  # lets scanners for leaked secrets find keys


class ApiKey(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[\w.-]{1,64}$")
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    requests_per_minute: int | None = Field(default=None, ge=1)
    bytes_per_minute: int | None = Field(default=None, ge=1)


def new_key() -> tuple[str, str]:
    """Make a new key; returns it and its SHA-256 for the file."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()


def load_keys(path: Path) -> list[ApiKey]:
    """Read the file of keys.

    Raises:
        SetupError: it cannot be read, an entry is wrong, or two share an id or a key.
    """
    where = f"PODIUM_API_KEYS: {path}"
    try:
        keys = TypeAdapter(list[ApiKey]).validate_python(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise SetupError(f"{where}: {error.strerror}") from None
    except yaml.YAMLError:
        raise SetupError(f"{where}: is not YAML") from None
    except ValidationError as error:
        # Without the values: a key pasted in place of its hash must not appear in logs.
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise SetupError(f"{where}: {field}: {first['msg']}") from None
    if not keys:
        raise SetupError(f"{where}: holds no keys, so that nobody could get in")
    for field, values in (
        ("id", [key.id for key in keys]),
        ("sha256", [key.sha256.lower() for key in keys]),
    ):
        if len(set(values)) < len(values):
            raise SetupError(f"{where}: two entries have the same {field}")
    return keys


class KeyStore(Protocol):
    """Where keys are kept: a file, or later a database."""

    async def find(self, sha256: str) -> ApiKey | None:
        """The key with this digest (lower-case hexadecimal); None: there is none."""
        ...


class KeyFile:
    """The keys of a file, which is read once.

    Args:
        path: Path of the file.

    Raises:
        SetupError: see ``load_keys``.
    """

    def __init__(self, path: Path) -> None:
        self._keys = {key.sha256.lower(): key for key in load_keys(path)}

    async def find(self, sha256: str) -> ApiKey | None:
        """The key with this digest."""
        return self._keys.get(sha256)


class TokenBucket:
    """Limits a rate; after a quiet minute, a whole minute's amount may be taken at once.

    Taking may leave a debt, and later requests wait until it is paid. So the size of a request
    need not be known before it is read, and the average rate still holds.

    Args:
        per_minute: Amount per minute.
        now: Clock in seconds.
    """

    def __init__(self, per_minute: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._most = per_minute
        self._level = per_minute
        self._now = now
        self._filled_at = now()

    def wait_s(self, least: float = 0.0) -> float:
        """Seconds until ``least`` is available; 0 if it is now."""
        now = self._now()
        self._level = min(self._most, self._level + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        return max(0.0, (least - self._level) / self._per_s)

    def take(self, amount: float) -> None:
        """Take an amount, even beyond what is available."""
        self._level -= amount


class _Limits:
    """The token buckets of one key."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        per_minute = key.requests_per_minute, key.bytes_per_minute
        self.requests, self.bytes = (
            TokenBucket(rate) if rate is not None else None for rate in per_minute
        )


class RequireApiKey:
    """ASGI middleware: 401 without a known key, 429 over its limits.

    The key comes as ``Authorization: Bearer <key>`` or ``x-api-key: <key>``.

    Args:
        app: Answers the requests that have a key.
        keys: The known keys.
        metrics: Where refusals are counted.
    """

    def __init__(self, app: ASGIApp, *, keys: KeyStore, metrics: Metrics) -> None:
        self._app = app
        self._keys = keys
        self._limits: dict[str, _Limits] = {}  # by id
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path in OPEN_PATHS or path.startswith(DOCS_ASSETS + "/"):
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            key = await self._identify(headers)
            current_request().api_key = key.id
            limits = self._limits.get(key.id)
            if limits is None or limits.key != key:
                limits = self._limits[key.id] = _Limits(key)
            self._charge(limits, declared_bytes(headers.get(b"content-length", b"")))
        except PodiumError as error:
            await error_response(error)(scope, receive, send)
            return
        if limits.bytes is not None:
            current_request().body_charges.append(limits.bytes.take)
            if b"content-length" not in headers:
                receive = _charging(receive, limits.bytes)
        await self._app(scope, receive, send)

    async def _identify(self, headers: dict[bytes, bytes]) -> ApiKey:
        # The time of the look-up may vary with the digest, which reveals nothing about a key.
        key = await self._keys.find(hashlib.sha256(key_of(headers)).hexdigest())
        if key is None:
            self._metrics.reject("api_key")
            raise Unauthorized(
                "a valid API key is needed: send Authorization: Bearer <key>, or x-api-key: <key>"
            )
        return key

    def _charge(self, limits: _Limits, size: int) -> None:
        for bucket, least, reason, noun in (
            (limits.requests, 1.0, "key_requests", "requests"),
            (limits.bytes, 0.0, "key_bytes", "bytes"),
        ):
            wait_s = bucket.wait_s(least) if bucket is not None else 0.0
            if wait_s > 0:
                self._metrics.reject(reason)
                raise Overloaded(
                    f"the limit of {noun} per minute of key {limits.key.id!r} is used up",
                    retry_after_s=wait_s,
                )
        if limits.requests is not None:
            limits.requests.take(1)
        if limits.bytes is not None:
            limits.bytes.take(size)


def key_of(headers: Mapping[bytes, bytes]) -> bytes:
    """The API key in the headers of a request; empty if there is none."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    return headers.get(b"x-api-key", b"").strip()


def _charging(receive: Receive, bucket: TokenBucket) -> Receive:
    """Charge a body of undeclared size while it arrives."""

    async def charged() -> Message:
        message = await receive()
        bucket.take(len(message.get("body", b"")))
        return message

    return charged
