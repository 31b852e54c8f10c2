"""The decode service over HTTP, called by the client that the gateway uses."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import boto3
import numpy as np
import pytest
import uvicorn

from podium.decode.app import create_app
from podium.decode.settings import DecodeSettings
from podium.errors import Forbidden, FramesGone, InvalidInput, TooLarge, UnsupportedMedia
from podium.serving.calling.client import OipClient
from podium.serving.calling.connections import Connections
from podium.serving.calling.endpoints import StaticEndpoints
from podium.stages.decode import DecodeClient
from podium.storage.object_store import ObjectStoreSettings
from podium.types import CropSpec, FrameHandle, FrameRange, Letterbox, Media
from tests.support.s3_server import s3_server
from tests.support.videos import HEIGHT, WIDTH, number_of, write_video

WHOLE = (WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT, 0)
SPEC = CropSpec(HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_video(path, 40, g="12", bf="3").read_bytes()


@pytest.fixture(scope="module")
def bucket(video) -> Iterator[str]:
    """An S3 server with the video in it; gives its URL."""
    with s3_server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="clips")
        client.put_object(Bucket="clips", Key="in/clip.mp4", Body=video)
        client.close()
        yield url


@pytest.fixture(scope="module")
def service(bucket) -> Iterator[str]:
    """The URL of a decode service that may read from the bucket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = DecodeSettings(
            port=port,
            address=f"http://127.0.0.1:{port}/",  # operators write it with and without the slash
            max_pixels=WIDTH * HEIGHT,
            store_ttl_s=0.5,
            objects=ObjectStoreSettings(
                s3_read_prefixes=("s3://clips/in",), s3_endpoint=bucket, s3_allow_http=True
            ),
        )
        server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
async def decode(service):
    async with Connections() as pool:
        yield DecodeClient(OipClient(pool, "decode", StaticEndpoints([service])))


async def test_s3_media_are_decoded_and_cropped(decode, service):
    media = Media(uri="s3://clips/in/clip.mp4")
    batch = await decode.decode(media, FrameRange(7, 12), stride=4, letterbox=Letterbox(64))
    assert batch.frames.address == service
    assert batch.image_frame.tolist() == [7, 11, 15, 18]
    assert batch.source.frame_count == 40
    order = np.array([18, 7, 9])
    crops = await decode.crop(batch.frames, order, np.array([WHOLE] * 3, np.float32), SPEC)
    assert [number_of(image) for image in crops.images] == order.tolist()


async def test_frames_go_after_their_term(decode, video):
    batch = await decode.decode(Media(data=video), FrameRange(0, 2), stride=1, letterbox=None)
    frame_index, rois = np.array([1]), np.array([WHOLE], np.float32)
    assert len((await decode.crop(batch.frames, frame_index, rois, SPEC)).images) == 1
    time.sleep(0.6)  # noqa: ASYNC251 - nothing else runs on this loop
    with pytest.raises(FramesGone):
        await decode.crop(batch.frames, frame_index, rois, SPEC)
    gone = FrameHandle("never-here", batch.frames.address, 0)
    with pytest.raises(FramesGone):
        await decode.crop(gone, frame_index, rois, SPEC)


async def test_released_frames_go_at_once(decode, video):
    batch = await decode.decode(Media(data=video), FrameRange(0, 2), stride=1, letterbox=None)
    decode.release(batch.frames)

    async def crop_until_they_are_gone():
        for _ in range(40):  # each crop keeps the frames for a new term
            await decode.crop(batch.frames, np.array([1]), np.array([WHOLE], np.float32), SPEC)
            await asyncio.sleep(0.05)

    with pytest.raises(FramesGone):
        await crop_until_they_are_gone()


async def test_refusals_keep_their_kind_over_http(decode, video, tmp_path):
    async def refused(kind, media, frames=FrameRange()):
        with pytest.raises(kind):
            await decode.decode(media, frames, stride=1, letterbox=None)

    await refused(UnsupportedMedia, Media(data=b"#EXTM3U\nfile:///etc/passwd\n"))
    await refused(InvalidInput, Media(data=video), FrameRange(40))
    await refused(Forbidden, Media(uri="s3://clips/out/clip.mp4"))
    await refused(Forbidden, Media(uri="file:///etc/passwd"))
    large = write_video(tmp_path / "large.mp4", 2, size=(WIDTH, HEIGHT + 2)).read_bytes()
    await refused(TooLarge, Media(data=large))
    batch = await decode.decode(Media(data=video), FrameRange(0, 1), stride=1, letterbox=None)
    assert batch.frame_ok.all()
