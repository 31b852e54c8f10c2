"""Answers an infer request of the Open Inference Protocol."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from podium.serving.http.bodies import read_body
from podium.serving.http.door import DoorRoute
from podium.serving.observing.deadline import ENVOY_TIMEOUT, budget_s, time_limit
from podium.serving.oip.catalogue import Catalogue
from podium.wire import HEADER_LENGTH, read_raw, read_request, write_response
from podium.wire.tensors import check_tensors

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


def infer_route(service: str, catalogue: Catalogue, max_body_bytes: int) -> DoorRoute:
    """``POST /v2/models/{name}[/versions/{version}]/infer``.

    Args:
        service: Name that errors carry.
        catalogue: The models.
        max_body_bytes: Largest body once it is decompressed.
    """

    async def infer(request: Request, name: str, version: str | None) -> Response:
        entry = catalogue.get(name, version)
        model = entry.model
        request.state.podium_model = model.name
        body = await read_body(request, max_body_bytes)
        header_length = request.headers.get(HEADER_LENGTH)
        if header_length == "0":
            asked = read_raw(body, model.inputs)
        else:
            asked = read_request(body, header_length)
        check_tensors(model.name, model.inputs, asked.inputs)
        budget = budget_s(asked.parameters, request.headers.get(ENVOY_TIMEOUT))
        async with time_limit(budget, service):
            with entry.statistics.request():
                result = await model.infer(asked)
        answer = write_response(model.name, model.version, asked, result)
        return Response(answer.data, headers=answer.headers)

    return DoorRoute("/v2/models/{name}/infer", _PATH, infer)
