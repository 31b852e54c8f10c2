"""A client for the gateway's REST interface, which retries temporary failures."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from podium.backoff import backoff_s
from podium.client.connection_errors import in_words
from podium.errors import BY_STATUS, PodiumError, StageFailed, Unavailable
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import PipelineResult
from podium.schemas.summary import PostprocessResult
from podium.wire import read_error

Answer = TypeVar("Answer", bound=BaseModel)

API_KEY = "PODIUM_API_KEY"
"""Where the key comes from: arguments of a command can be read by every user of a machine."""

_EXAMPLE = "http://127.0.0.1:8000"
_TRIES = 5
_REFUSED = frozenset({429, 503})
_RETRYABLE = _REFUSED | {502, 504}
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


class GatewayClient:
    """A client of one gateway; open while entered.

    Args:
        url: Base URL of the gateway.
        batch_timeout_s: Longest wait for the answer to one batch.
        postprocess_timeout_s: Longest wait for the postprocessing of a video.
    """

    def __init__(
        self, url: str, *, batch_timeout_s: float = 600, postprocess_timeout_s: float = 3600
    ) -> None:
        self._url = url.rstrip("/")
        self._has_answered = False
        self._batch_timeout = aiohttp.ClientTimeout(total=batch_timeout_s, connect=10)
        self._postprocess_timeout = aiohttp.ClientTimeout(total=postprocess_timeout_s, connect=10)

    async def __aenter__(self) -> Self:
        key = os.environ.get(API_KEY)
        self._session = aiohttp.ClientSession(headers={"x-api-key": key} if key else None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def run_uri(self, pipeline: str, uri: str, options: dict[str, Any]) -> PipelineResult:
        """Run a pipeline on media at an address that the services can read. Raises PodiumError."""
        return await self._post(
            f"/v1/pipelines/{pipeline}",
            PipelineResult,
            timeout=self._batch_timeout,
            json={"uri": uri, **options},
        )

    async def run_media(
        self, pipeline: str, data: bytes, media_type: str, options: dict[str, Any]
    ) -> PipelineResult:
        """Run a pipeline on media in the body of the request. Raises PodiumError."""
        return await self._post(
            f"/v1/pipelines/{pipeline}",
            PipelineResult,
            timeout=self._batch_timeout,
            data=data,
            headers={"content-type": media_type},
            params={key: str(value) for key, value in options.items()},
        )

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """Turn the results of a whole video into files. Raises PodiumError.

        This takes minutes, so it is retried only after a refusal, not after a lost connection.
        """
        given: dict[str, Any] = {"source": source, "output": output, "results_uri": results_uri}
        if results is not None:
            given["results"] = orjson.loads(results)
        return await self._post(
            "/v1/postprocess",
            PostprocessResult,
            repeatable=False,
            timeout=self._postprocess_timeout,
            json={name: value for name, value in given.items() if value is not None}
            | options.model_dump(exclude_unset=True),
        )

    async def _post(
        self, path: str, answer: type[Answer], *, repeatable: bool = True, **request: Any
    ) -> Answer:
        error: PodiumError
        for attempt in range(_TRIES):
            told_s = 0.0
            try:
                async with self._session.post(f"{self._url}{path}", **request) as response:
                    body = await response.read()
                self._has_answered = True
                if response.status == 200:
                    return answer.model_validate_json(body)
                error = _error(response.status, body)
                if response.status not in (_RETRYABLE if repeatable else _REFUSED):
                    raise error
                told_s = _seconds(response.headers.get("retry-after"))
            except TimeoutError as reason:
                error = Unavailable(f"the gateway at {self._url} did not answer in time")
                if not repeatable and not isinstance(reason, aiohttp.ConnectionTimeoutError):
                    raise error from None
            except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
                message = f"{self._url} is not the address of a gateway, such as {_EXAMPLE}"
                raise Unavailable(message) from None
            except aiohttp.ClientError as reason:
                error = Unavailable(
                    f"the gateway at {self._url} does not answer ({in_words(reason)})"
                )
                if not self._has_answered:  # a wrong address, rather than a restart
                    raise error from None
                if not repeatable and not isinstance(reason, aiohttp.ClientConnectorError):
                    raise error from None
            except ValidationError:
                raise StageFailed(f"what answers at {self._url} is no Podium gateway") from None
            if attempt + 1 < _TRIES:
                pause_s = backoff_s(
                    attempt + 1,
                    first_s=_FIRST_WAIT_S,
                    longest_s=_LONGEST_WAIT_S,
                    least_s=_FIRST_WAIT_S,
                )
                await asyncio.sleep(told_s + pause_s)
        raise error


def _error(status: int, body: bytes) -> PodiumError:
    kind = BY_STATUS.get(status, StageFailed)
    return kind(read_error(body))


def _seconds(retry_after: str | None) -> float:
    try:
        return min(_LONGEST_WAIT_S, float(retry_after or 0))
    except ValueError:  # the date form
        return _FIRST_WAIT_S
