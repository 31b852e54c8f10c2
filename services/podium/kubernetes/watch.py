"""Keeps a copy of a collection of Kubernetes objects up to date."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from podium.backoff import backoff_s
from podium.kubernetes.api import KubernetesApi, Object
from podium.kubernetes.errors import ApiError, NoCluster

_log = logging.getLogger("podium.kubernetes")

IDLE_S = 70.0
"""Longest silence of a stream: the API server sends a bookmark every minute."""

_STREAM_S = 300
_MIN_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 30.0


class Watch:
    """An informer: lists a collection, then watches its changes.

    It works as described under "Efficient detection of changes" in the Kubernetes API concepts: a
    list, then a stream of events from its resource version on, with bookmarks. A stream that ends
    is continued at its last version. When the API server has forgotten that version (410), the
    list is read again. After any other failure it retries after a random wait that grows from half
    a second up to 30 s; meanwhile the copy stays as it is.

    The informer of the client library (37.0) is not used: it reads neither custom resources nor
    bookmarks, does not notice a silent stream, and retries without a wait.

    Args:
        api: The API server.
        path: Path of the collection, with ``{namespace}`` in it.
        selector: Label selector; None: all objects.
        on_change: Called with all objects by name after each change.
        otherwise: For the log: the fallback while the collection cannot be read.
        idle_s: After a longer silence of a stream its connection counts as lost.
    """

    def __init__(
        self,
        api: KubernetesApi,
        path: str,
        *,
        selector: str | None = None,
        on_change: Callable[[Mapping[str, Object]], None],
        otherwise: str,
        idle_s: float = IDLE_S,
    ) -> None:
        self._api = api
        self._path = path
        self._selector = {"labelSelector": selector} if selector else {}
        self._on_change = on_change
        self._otherwise = otherwise
        self._idle_s = idle_s
        self._what = path.rpartition("/")[2] + (f" ({selector})" if selector else "")
        self._objects: dict[str, Object] = {}
        self._version: str | None = None
        self._failures = 0  # in a row
        self._listed_anew = False  # since the last event
        self._said = ""
        self._heard_at = time.monotonic()
        self.settled = asyncio.Event()
        self.synced = asyncio.Event()
        self.refused = False

    @property
    def age_s(self) -> float:
        """Time since the API server last confirmed the copy; normally at most a minute."""
        return time.monotonic() - self._heard_at

    async def run(self) -> None:
        """Keep the copy up to date until cancelled.

        ``synced`` is set once there is a copy. ``refused`` is true while there is no permission
        (403), no such collection (404) or no cluster. ``settled`` is set when either is.
        """
        while True:
            try:
                if self._version is None:
                    self._version = await self._list()
                await self._follow(self._version)
            except ApiError as error:
                self.refused = isinstance(error, NoCluster) or error.code in (403, 404)
                if self.refused:
                    self.settled.set()
                self._say(error)
                if error.code == 410 and self._version is not None and not self._listed_anew:
                    self._listed_anew = True
                else:
                    await asyncio.sleep(self._pause_s(error.retry_after_s))
                if error.code == 410:
                    self._version = None
                self._failures += 1
            except Exception:  # a bug here must not end the service; it keeps the known objects
                _log.exception("%s: an object could not be dealt with", self._what)
                self._version = None
                await asyncio.sleep(self._pause_s())
                self._failures += 1

    async def _list(self) -> str:
        """Read the whole collection; returns its resource version. Raises ApiError."""
        listed = await self._api.call("GET", await self._full_path(), query=self._selector)
        try:
            self._objects = {item["metadata"]["name"]: item for item in listed["items"]}
            version = str(listed["metadata"]["resourceVersion"])
        except (KeyError, TypeError):
            raise ApiError("the answer is not a list of objects") from None
        self._heard()
        self._on_change(self._objects)
        self.synced.set()
        self.settled.set()
        return version

    async def _follow(self, version: str) -> None:
        """Apply events until the server ends the stream. Raises ApiError."""
        query = {
            **self._selector,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_STREAM_S),
        }
        began = time.monotonic()
        path = await self._full_path()
        async with self._api.stream(path, query, idle_s=self._idle_s) as events:
            self._heard()
            async for event in events:
                self._apply(event)
                self._failures = 0
                self._listed_anew = False
                began = 0.0
        if time.monotonic() - began < 1:
            raise ApiError("the stream ended at once")
        self._heard()
        self._failures = 0

    def _apply(self, event: Object) -> None:
        """Apply an event to the copy. Raises ApiError for an error event."""
        try:
            kind, changed = event["type"], event["object"]
            if kind == "ERROR":
                raise ApiError(str(changed.get("message", "failed")), changed.get("code"))
            version = str(changed["metadata"]["resourceVersion"])
            if kind in ("ADDED", "MODIFIED"):
                self._objects[changed["metadata"]["name"]] = changed
            elif kind == "DELETED":
                self._objects.pop(changed["metadata"]["name"], None)
        except (KeyError, TypeError, AttributeError):
            self._version = None
            raise ApiError("an event is malformed") from None
        self._version = version
        self._heard()
        if kind != "BOOKMARK":
            self._on_change(self._objects)

    async def _full_path(self) -> str:
        return self._path.format(namespace=await self._api.namespace())

    def _heard(self) -> None:
        self._heard_at = time.monotonic()
        self.refused = False
        if self._said:
            _log.info("%s: up to date again", self._what)
            self._said = ""

    def _say(self, error: ApiError) -> None:
        """Log an error, once; a 410 is normal and not logged."""
        known = self.synced.is_set() and not self.refused
        known_before = error.code == 410 or error.message == self._said
        _log.log(
            logging.DEBUG if known_before else logging.WARNING,
            "%s: %s; %s",
            self._what,
            error.message,
            "what is known stays" if known else self._otherwise,
        )
        if error.code != 410:
            self._said = error.message

    def _pause_s(self, retry_after_s: float | None = None) -> float:
        longest_s = _MAX_BACKOFF_S
        if retry_after_s is not None:
            longest_s = min(longest_s, 2 * max(_MIN_BACKOFF_S, retry_after_s))
        return backoff_s(
            self._failures + 1,
            first_s=_MIN_BACKOFF_S,
            longest_s=longest_s,
            least_s=_MIN_BACKOFF_S,
        )
