"""Only so many chunks are in the stages at once, over all requests; the others wait in order."""

from __future__ import annotations

import asyncio

from podium.errors import StageFailed
from podium.gateway.pipelines import Pipelines
from podium.gateway.settings import GatewaySettings
from podium.pipelines.spec import SHIPPED, PipelineRequest, load_pipelines
from podium.serving.calling.joined_calls import Company
from podium.serving.observing.telemetry import Metrics
from podium.stages import Stages
from podium.stages.detection import DetectorFacts
from podium.types import Media

REQUESTS = 16
URIS = [str(number) for number in range(REQUESTS)]
MAX_CHUNKS = 3
MAX_PICTURES = 12


class Models:
    async def describe(self, model: str) -> DetectorFacts:
        return DetectorFacts(model, "1", 224, "center", 0)


class Decode:
    """Notes who is in at the same time, then fails: a turn must end however the work ends."""

    def __init__(self) -> None:
        self.company = Company(MAX_PICTURES)
        self.most_company = 0
        self.inside = 0
        self.most = 0
        self.order: list[str | None] = []

    async def decode(self, media: Media, *_: object, **__: object) -> None:
        self.order.append(media.uri)
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.most_company = max(self.most_company, self.company.size)
        await asyncio.sleep(0.001)
        self.inside -= 1
        raise StageFailed("decode: broken")


def stages_of(decode: Decode | None) -> Stages:
    models = Models()
    return Stages(decode, models, models, models, None)


async def run_all(decode: Decode, **options: int) -> None:
    """Run all requests at once, for addresses that are numbers."""
    known = load_pipelines([SHIPPED])
    is_one_frame = options.get("count") == 1
    pipelines = Pipelines(
        known,
        stages_of(None if is_one_frame else decode),  # calls for video never wait for others
        GatewaySettings(max_chunks=MAX_CHUNKS),
        Metrics("gateway"),
        stages_of_pictures=stages_of(decode if is_one_frame else None),
        company=decode.company,
    )
    request = PipelineRequest(**options)
    outcomes = await asyncio.gather(
        *(pipelines.run(known["pose-3d"], Media(uri=uri), request) for uri in URIS),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, StageFailed) for outcome in outcomes)
    assert decode.order == URIS


async def test_chunks_take_turns():
    decode = Decode()
    await run_all(decode)
    assert decode.most == MAX_CHUNKS
    assert decode.most_company == 0


async def test_single_frames_take_turns_of_their_own_and_count_as_company():
    decode = Decode()
    await run_all(decode, count=1)
    assert decode.most == MAX_PICTURES
    assert decode.most_company == MAX_PICTURES  # those who wait for their turn make no calls
    assert decode.company.size == 0
