"""The client's patience, tried against a real HTTP server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from podium.client import gateway_client
from podium.client.gateway_client import GatewayClient
from podium.errors import InvalidInput, Overloaded, PodiumError, StageFailed, Unavailable
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult, SourceResult
from podium.schemas.summary import PostprocessResult
from tests.support.summaries import EMPTY_SUMMARY

RESULT = PipelineResult(
    pipeline="pose-2d",
    skeleton="coco17",
    models={},
    source=SourceResult(width=8, height=8, fps=25, frame_count=1, duration_s=0),
    frames=[],
)
NOTHING = PostprocessResult(files=[], summary=EMPTY_SUMMARY)


class Script:
    """A gateway that gives prepared answers, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.keys: list[str | None] = []
        self.delay_s = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.query), await request.read()))
        self.keys.append(request.headers.get("x-api-key"))
        await asyncio.sleep(self.delay_s)
        status, body, headers = self.answers[min(len(self.requests), len(self.answers)) - 1]
        return web.Response(status=status, text=body, headers=headers)

    def then(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.answers.append((status, body if isinstance(body, str) else json.dumps(body), headers))


@pytest.fixture
async def script(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Script]:
    monkeypatch.setattr(gateway_client, "_FIRST_WAIT_S", 0.001)
    script = Script()
    app = web.Application()
    app.router.add_post("/{path:.*}", script.answer)
    async with TestServer(app) as server:
        script.url = str(server.make_url(""))
        yield script


async def ask(url: str) -> PipelineResult:
    async with GatewayClient(url) as client:
        return await client.run_uri("pose-2d", "file:///clip.mp4", {"start": 3, "count": 4})


async def test_a_request_by_address_is_json(script: Script) -> None:
    script.then(200, RESULT.model_dump())
    assert await ask(script.url) == RESULT
    path, _, body = script.requests[0]
    assert path == "/v1/pipelines/pose-2d"
    assert json.loads(body) == {"uri": "file:///clip.mp4", "start": 3, "count": 4}


async def test_the_api_key_comes_from_the_environment(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.then(200, RESULT.model_dump())
    await ask(script.url)
    monkeypatch.setenv("PODIUM_API_KEY", "secret")
    await ask(script.url)
    assert script.keys == [None, "secret"]


async def test_media_goes_as_the_body_with_options_in_the_query(script: Script) -> None:
    script.then(200, RESULT.model_dump())
    async with GatewayClient(script.url) as client:
        await client.run_media("pose-2d", b"bytes", "video/mp4", {"start": 3, "athlete": "all"})
    assert script.requests == [
        ("/v1/pipelines/pose-2d", {"start": "3", "athlete": "all"}, b"bytes")
    ]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_pass_is_tried_again(script: Script, status: int) -> None:
    script.then(status, {"error": "busy"})
    script.then(status, {"error": "busy"})
    script.then(200, RESULT.model_dump())
    assert await ask(script.url) == RESULT
    assert len(script.requests) == 3


async def postprocess(url: str, timeout_s: float = 20) -> PostprocessResult:
    async with GatewayClient(url, postprocess_timeout_s=timeout_s) as client:
        return await client.postprocess(
            "file:///a.mp4",
            "file:///out",
            PostprocessOptions(cutoff_hz=8),
            results_uri="file:///r.json",
        )


async def test_postprocessing_gets_the_options_that_were_given_and_no_others(
    script: Script,
) -> None:
    newer = NOTHING.model_dump()
    newer["summary"]["options"]["of_a_newer_gateway"] = 1
    script.then(200, newer)
    assert await postprocess(script.url) == NOTHING
    assert json.loads(script.requests[0][2]) == {
        "source": "file:///a.mp4",
        "results_uri": "file:///r.json",
        "output": "file:///out",
        "cutoff_hz": 8,
    }


@pytest.mark.parametrize("status", [429, 503])
async def test_postprocessing_that_was_refused_is_tried_again(script: Script, status: int) -> None:
    script.then(status, {"error": "busy"})
    script.then(200, NOTHING.model_dump())
    await postprocess(script.url)
    assert len(script.requests) == 2


@pytest.mark.parametrize("status", [502, 504])
async def test_postprocessing_that_may_go_on_is_not_repeated(script: Script, status: int) -> None:
    script.then(status, {"error": "postprocess: no answer in time"})
    with pytest.raises(PodiumError, match="no answer in time"):
        await postprocess(script.url)
    assert len(script.requests) == 1


async def test_postprocessing_without_an_answer_is_not_repeated(script: Script) -> None:
    script.delay_s = 0.5
    script.then(200, NOTHING.model_dump())
    with pytest.raises(Unavailable, match="did not answer in time"):
        await postprocess(script.url, timeout_s=0.2)
    assert len(script.requests) == 1


async def test_after_five_tries_the_answer_is_the_error(script: Script) -> None:
    script.then(429, {"error": "the queue is full"})
    with pytest.raises(Overloaded, match="the queue is full"):
        await ask(script.url)
    assert len(script.requests) == 5


async def test_retry_after_is_honoured(script: Script) -> None:
    script.then(503, {"error": "busy"}, {"retry-after": "0.3"})
    script.then(200, RESULT.model_dump())
    started = time.monotonic()
    await ask(script.url)
    assert time.monotonic() - started >= 0.3


async def test_a_mistake_of_the_caller_is_not_repeated(script: Script) -> None:
    script.then(400, {"error": "start: is 99, but the media has 60 frame(s)"})
    with pytest.raises(InvalidInput, match="start: is 99"):
        await ask(script.url)
    assert len(script.requests) == 1


async def test_another_server_is_recognised(script: Script) -> None:
    script.then(200, "<html>welcome</html>")
    with pytest.raises(StageFailed, match="is no Podium gateway"):
        await ask(script.url)


@pytest.mark.usefixtures("script")
async def test_nobody_answers() -> None:
    with pytest.raises(Unavailable, match=r"does not answer \(Connection refused\)"):
        await ask(f"http://127.0.0.1:{unused_port()}")


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Unavailable):
        await ask(url)
