"""A small Kubernetes API server over real HTTP: lists, watches, leases, statuses, and its moods."""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from podium.kubernetes import watch as watch_module

PIPELINES = "/apis/podium.dev/v1alpha1/namespaces/sport/pipelines"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/sport/endpointslices"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/sport/leases"


class ApiServer:
    """What the API conventions promise, as far as Podium relies on it.

    ``refuse`` answers a verb (list, watch, get, post, put, patch) on any collection with a status;
    ``mute`` leaves streams open and silent.
    """

    def __init__(self) -> None:
        self.token = "first"  # noqa: S105 - of this server alone
        self.refuse: dict[str, int] = {}
        self.mute = False
        self.bookmark_s = 60.0
        self.calls: list[tuple[str, str]] = []  # verb, resource version or body
        self.written: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._events: list[tuple[int, str, str, dict[str, Any]]] = []
        self._version = 100
        self._forgotten = 0
        self._changed = asyncio.Event()
        self._streams: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def run(self, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_address=True)
        await site.start()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            self.cut_streams()
            await runner.cleanup()

    def kubeconfig(self, folder: Path) -> str:
        """Write what KUBECONFIG is to point to."""
        path = folder / "kubeconfig"
        text = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [
                {
                    "name": "here",
                    "context": {"cluster": "here", "user": "me", "namespace": "sport"},
                }
            ],
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": self.token}}],
        }
        path.write_text(yaml.safe_dump(text))
        return str(path)

    def put(self, collection: str, name: str, **parts: Any) -> dict[str, Any]:
        """Create or replace an object; its generation counts its specs."""
        old = self._objects.get((collection, name))
        meta = copy.deepcopy(old["metadata"]) if old else {"name": name, "uid": str(uuid.uuid4())}
        made = {**(old or {}), **copy.deepcopy(parts), "metadata": meta}
        meta["labels"] = parts.get("metadata", {}).get("labels", meta.get("labels", {}))
        if old is None or old.get("spec") != made.get("spec"):
            meta["generation"] = meta.get("generation", 0) + 1
        self._store("MODIFIED" if old else "ADDED", collection, name, made)
        return made

    def delete(self, collection: str, name: str) -> None:
        self._store("DELETED", collection, name, copy.deepcopy(self._objects[collection, name]))
        del self._objects[collection, name]

    def get(self, collection: str, name: str) -> dict[str, Any]:
        return self._objects[collection, name]

    def forget(self) -> None:
        """Compact: whoever asks for what came before is told that it is gone."""
        self._forgotten = self._version

    def cut_streams(self) -> None:
        """End every watch as a crash of the server would."""
        for stream in self._streams:
            stream.cancel()

    def say(self, collection: str, event: dict[str, Any]) -> None:
        """Put any line into the streams."""
        self._version += 1
        self._events.append((self._version, collection, "RAW", event))
        self._wake()

    def count(self, verb: str) -> int:
        return sum(call[0] == verb for call in self.calls)

    def _store(self, kind: str, collection: str, name: str, made: dict[str, Any]) -> None:
        self._version += 1
        made["metadata"]["resourceVersion"] = str(self._version)
        self._objects[collection, name] = made
        self._events.append((self._version, collection, kind, copy.deepcopy(made)))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        verb = request.method.lower()
        collection = request.path
        name = ""
        if "/namespaces/" in collection and len(collection.split("/")) > 7:
            parts = collection.split("/")
            collection, name = "/".join(parts[:7]), parts[7]
        if verb == "get" and not name:
            verb = "watch" if "watch" in request.query else "list"
        self.calls.append((verb, request.query.get("resourceVersion", "")))
        if request.headers.get("authorization", "").lower() != f"bearer {self.token}":
            return _status(401, "Unauthorized")
        if verb in self.refuse:
            return _status(self.refuse[verb], "not in the mood")
        if verb == "list":
            return self._list(collection, request.query.get("labelSelector", ""))
        if verb == "watch":
            return await self._watch(request, collection)
        return await self._one(verb, request, collection, name)

    def _list(self, collection: str, selector: str) -> web.Response:
        items = [
            made
            for (where, _), made in self._objects.items()
            if where == collection and _selected(made, selector)
        ]
        version = {"resourceVersion": str(self._version)}
        return web.json_response({"kind": "List", "metadata": version, "items": items})

    async def _watch(self, request: web.Request, collection: str) -> web.StreamResponse:
        seen = int(request.query["resourceVersion"])
        if seen < self._forgotten:
            return _status(410, f"too old resource version: {seen}")
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            while True:
                changed = self._changed
                for version, where, kind, made in self._events:
                    if version > seen and where == collection and not self.mute:
                        if not _selected(made, request.query.get("labelSelector", "")):
                            continue
                        event = made if kind == "RAW" else {"type": kind, "object": made}
                        await response.write(json.dumps(event).encode() + b"\n")
                        seen = version
                try:
                    async with asyncio.timeout(self.bookmark_s):
                        await changed.wait()
                except TimeoutError:
                    if not self.mute:
                        seen = self._version
                        await response.write(json.dumps(_bookmark(seen)).encode() + b"\n")
        except asyncio.CancelledError:
            if request.transport is not None:
                request.transport.close()
            raise
        finally:
            self._streams.discard(task)

    async def _one(
        self, verb: str, request: web.Request, collection: str, name: str
    ) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        meta = body.get("metadata", {})
        old = self._objects.get((collection, name or meta["name"]))
        if verb == "post":
            if old is not None:
                return _status(409, "already exists")
            return web.json_response(self.put(collection, meta["name"], **body), status=201)
        if old is None:
            return _status(404, f"{name} not found")
        if verb == "get":
            return web.json_response(old)
        self.written.append((request.path, dict(request.query), body))
        basis = "resourceVersion" if verb == "put" else "uid"
        if meta.get(basis, old["metadata"][basis]) != old["metadata"][basis]:
            return _status(409, f"{basis} does not match")
        if verb == "patch":
            assert request.headers["content-type"] == "application/apply-patch+yaml"
            assert request.path.endswith("/status")
            body = {"status": body["status"]}
        return web.json_response(self.put(collection, name, **body))


def _selected(made: dict[str, Any], selector: str) -> bool:
    key, _, value = selector.partition("=")
    return not selector or made.get("metadata", {}).get("labels", {}).get(key) == value


def _bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


def _status(code: int, message: str) -> web.Response:
    return web.json_response(
        {"kind": "Status", "status": "Failure", "message": message, "code": code}, status=code
    )


@asynccontextmanager
async def served_to_here(monkeypatch: pytest.MonkeyPatch, folder: Path) -> AsyncIterator[ApiServer]:
    """A server that this process finds by KUBECONFIG, and asks again soon after a failure."""
    monkeypatch.setattr(watch_module, "_MIN_BACKOFF_S", 0.02)
    monkeypatch.setattr(watch_module, "_MAX_BACKOFF_S", 0.1)
    server = ApiServer()
    async with server.run():
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig(folder))
        yield server
