"""The infer route, answered before the framework's router.

Every frame passes it five times, and routing, dependency solving and request objects cost more
there than the work itself. ``oip`` documents the route; the framework answers all others.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium.errors import PodiumError
from podium.serving.bodies import decompress
from podium.serving.catalogue import Catalogue
from podium.serving.deadline import ENVOY_TIMEOUT, budget_s, time_limit
from podium.serving.error_responses import error_response
from podium.serving.oip import check_inputs
from podium.wire import HEADER_LENGTH, Body, read_raw, read_request, write_response

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_HEADERS = {name.encode(): name for name in (HEADER_LENGTH, ENVOY_TIMEOUT, "content-encoding")}


class InferDoor:
    """ASGI middleware: answers ``POST /v2/models/{name}[/versions/{version}]/infer``.

    Args:
        app: Answers everything else.
        service: Name that errors carry.
        catalogue: The models.
        max_body_bytes: Largest body once it is decompressed.
    """

    def __init__(
        self, app: ASGIApp, *, service: str, catalogue: Catalogue, max_body_bytes: int
    ) -> None:
        self.app = app
        self._service = service
        self._catalogue = catalogue
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (
            _PATH.fullmatch(scope["path"])
            if scope["type"] == "http" and scope["method"] == "POST"
            else None
        )
        if asked is None:
            await self.app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive, asked[1], asked[2])
        except PodiumError as error:
            await error_response(error)(scope, receive, send)
            return
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.items()]
        headers.append((b"content-length", b"%d" % len(answer.data)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.data})

    async def _answer(self, scope: Scope, receive: Receive, name: str, version: str | None) -> Body:
        entry = self._catalogue.get(name, version)
        model = entry.model
        scope.setdefault("state", {})["podium_model"] = model.name
        headers = {
            _HEADERS[key]: value.decode("latin-1")
            for key, value in scope["headers"]
            if key in _HEADERS
        }
        body = await _read(receive)
        if "content-encoding" in headers:
            body = decompress(body, headers["content-encoding"], self._max_body_bytes)
        header_length = headers.get(HEADER_LENGTH)
        if header_length == "0":
            request = read_raw(body, model.inputs)
        else:
            request = read_request(body, header_length)
        check_inputs(model, request)
        budget = budget_s(request.parameters, headers.get(ENVOY_TIMEOUT))
        async with time_limit(budget, self._service):
            with entry.statistics.request():
                result = await model.infer(request)
        return write_response(model.name, model.version, request, result)


async def _read(receive: Receive) -> bytes:
    message: Message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts = [body]
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)
