"""Requests for batches: by address, or with the bytes of the media."""

from __future__ import annotations

import asyncio
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.client.batches import Request
from podium.client.excerpt import LocalVideo
from podium.client.gateway_client import GatewayClient
from podium.errors import InvalidInput, StageFailed, TooLarge, Unprocessable
from podium.schemas.results import PipelineResult

MAX_UPLOAD_BYTES = 60 << 20
"""What a gateway with default settings takes in one request, with some room."""

_USE_URI = "put the video where the services can read it and name its address with --uri"


@dataclass(frozen=True)
class Requests:
    """Requests to one pipeline of one gateway.

    Args:
        client: Of the gateway.
        pipeline: Name.
        options: Options of every request, such as ``stride``.
    """

    client: GatewayClient
    pipeline: str
    options: dict[str, Any]

    def by_uri(self, uri: str) -> Request:
        """Requests that name an address; the services read the media themselves."""

        async def request(start: int, count: int) -> PipelineResult:
            options = {"start": start, "count": count, **self.options}
            return await self.client.run_uri(self.pipeline, uri, options)

        return request

    def whole(self, path: Path) -> Request:
        """Requests that each send the whole file."""

        async def request(start: int, count: int) -> PipelineResult:
            data = await asyncio.to_thread(path.read_bytes)
            if len(data) > MAX_UPLOAD_BYTES:
                raise TooLarge(
                    f"{path.name} is larger than {MAX_UPLOAD_BYTES >> 20} MiB and cannot be sent "
                    f"in parts; {_USE_URI}"
                )
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            options = {"start": start, "count": count, **self.options}
            return await self.client.run_media(self.pipeline, data, media_type, options)

        return request

    def in_parts(self, path: Path, video: LocalVideo) -> Request:
        """Requests that send an excerpt for each batch; the whole file if it cannot be cut."""
        whole = self.whole(path)
        lock = asyncio.Lock()  # the file is read by one at a time

        async def request(start: int, count: int) -> PipelineResult:
            if start >= video.frame_count:
                raise InvalidInput(
                    f"is {start}, but the video has {video.frame_count} frames, numbered from 0",
                    field="start",
                )
            try:
                async with lock:
                    part = await asyncio.to_thread(video.cut, start, count)
            except Unprocessable:
                return await whole(start, count)
            if len(part.data) > MAX_UPLOAD_BYTES:
                raise TooLarge(
                    f"{count} frames are {len(part.data) >> 20} MiB; ask for fewer with --batch, "
                    f"or {_USE_URI}"
                )
            options = {"start": part.start, "count": part.count, **self.options}
            answer = await self.client.run_media(self.pipeline, part.data, part.media_type, options)
            if len(answer.frames) != part.count:
                raise StageFailed(
                    f"the gateway answered {len(answer.frames)} frames instead of {part.count}; "
                    f"{_USE_URI}"
                )
            return video.restore(answer, start, count)

        return request
