"""Follows a job: its events and its states until its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
from pydantic import ValidationError

from podium.client.jobs.core import call, read
from podium.client.jobs.transport import Transport
from podium.errors import PodiumError, Unavailable
from podium.schemas.jobs import Job, JobEvent
from podium.schemas.states import is_terminal

_PATIENCE_S = 300.0
"""After this time without an answer of the api, a call fails."""
_AGAIN_S = 1.0
_LEAST_S = 0.2


async def states(transport: Transport, job_id: int) -> AsyncIterator[Job]:
    """The job now and after each possible change; the last one has ended.

    Reads the job again after each event. Without a stream of events it polls at the interval that
    the api asks for.

    Raises:
        ApiError: there is no such job, or the key may not read it.
        Unavailable: the api does not answer for five minutes.
    """
    changed = asyncio.Event()
    listener = asyncio.create_task(_listen(transport, job_id, changed))
    try:
        while True:
            changed.clear()
            answer = await _patient(transport, job_id)
            yield answer[0]
            if is_terminal(answer[0].job_status):
                return
            await asyncio.sleep(_LEAST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(answer[1] or _AGAIN_S):
                    await changed.wait()
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def events(transport: Transport, job_id: int, after: int = 0) -> AsyncIterator[JobEvent]:
    """The events of a job until its end; a broken stream is resumed after the last event.

    Args:
        transport: Sends the requests.
        job_id: Id of the job.
        after: Id of the last known event.

    Raises:
        ApiError: there is no such job, or the key may not read it.
        Unavailable: the api does not answer for five minutes.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            headers = {"accept": "text/event-stream", "last-event-id": str(after)}
            async with transport.stream(f"/v1/jobs/{job_id}/events", headers) as response:
                if response.status == 204:
                    return
                until = time.monotonic() + _PATIENCE_S
                if response.content_type != "text/event-stream":
                    break
                async for event in _read_stream(response):
                    after = event.id
                    yield event
        except Unavailable:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(_AGAIN_S)
    async for event in _polled(transport, job_id, after):
        yield event


async def _listen(transport: Transport, job_id: int, changed: asyncio.Event) -> None:
    with suppress(PodiumError):  # who asks for the job sees what is wrong
        async for _ in events(transport, job_id):
            changed.set()


async def _patient(transport: Transport, job_id: int) -> tuple[Job, float]:
    """The job, and when to ask again."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            answer = await transport.send("GET", f"/v1/jobs/{job_id}", is_repeatable=True)
            job: Job = read(Job, answer)
            return job, answer.retry_after_s
        except Unavailable:
            if time.monotonic() > until or not transport.has_answered:
                raise
            await asyncio.sleep(_AGAIN_S)


async def _read_stream(response: aiohttp.ClientResponse) -> AsyncIterator[JobEvent]:
    """Events of a stream as they come (HTML Living Standard, section 9.2)."""
    data: list[str] = []
    async for line in response.content:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))
        elif data:
            with suppress(ValidationError):  # of a later version
                yield JobEvent.model_validate_json("\n".join(data))
            data = []


async def _polled(transport: Transport, job_id: int, after: int) -> AsyncIterator[JobEvent]:
    """Events by asking again and again, where no stream comes through."""
    while True:
        job, again_s = await _patient(transport, job_id)
        for event in await call(transport, "list_job_events", job_id, after=after):
            after = event.id
            yield event
        if is_terminal(job.job_status):
            return
        await asyncio.sleep(again_s or _AGAIN_S)
