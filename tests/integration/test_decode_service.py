"""The two models of the decode service, as a service calls them."""

from __future__ import annotations

import asyncio
import gc
import resource
import threading
import time

import av
import cv2
import numpy as np
import pytest

from podium.decode import decoder as decoder_module
from podium.decode.decoder import Decoder
from podium.decode.settings import DecodeSettings
from podium.errors import (
    Forbidden,
    FramesGone,
    InvalidInput,
    NotFound,
    TooLarge,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)
from podium.stages.decode import CropModel, DecodeModel, ReleaseModel
from podium.storage.object_store import ObjectStoreSettings
from podium.types import CropSpec, FrameRange, Media
from podium.vision.boxes import transform_points
from podium.wire import InferRequest, bytes_tensor
from tests.support.open_files import open_files
from tests.support.videos import HEIGHT, WIDTH, number_of, write_video

X264 = {"g": "12", "bf": "3"}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", 40, **X264)


@pytest.fixture
def decoder(video):
    settings = DecodeSettings(
        max_media_bytes=1 << 20,
        max_images_bytes=1 << 20,
        objects=ObjectStoreSettings(read_roots=(video.parent,)),
    )
    with Decoder(settings, address="http://replica:8001") as decoder:
        yield decoder


async def decode(decoder, media=None, /, uri=None, **parameters):
    inputs = {} if media is None else {"media": bytes_tensor(media)}
    inputs |= {} if uri is None else {"uri": bytes_tensor(uri)}
    model = DecodeModel(decoder)
    result = await model.infer(InferRequest(inputs, parameters))
    for spec in model.outputs:
        spec.check(result.outputs[spec.name])
    return result


async def crop(decoder, handle, /, frame_index, rois, **parameters):
    inputs = {
        "frame_index": np.array(frame_index, np.int64),
        "rois": np.array(rois, np.float32).reshape(-1, 5),
    }
    model = CropModel(decoder)
    parameters = {"handle": handle, "height": 48, "width": 32} | parameters
    result = await model.infer(InferRequest(inputs, parameters))
    for spec in model.outputs:
        spec.check(result.outputs[spec.name])
    return result.outputs


WHOLE = (WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT, 0)


async def test_decode_answers_with_facts_and_images(decoder, video):
    result = await decode(
        decoder, video.read_bytes(), start=5, count=10, step=2, stride=4, letterbox=96
    )
    out = result.outputs
    assert out["frame_index"].tolist() == list(range(5, 25, 2))
    assert out["image_frame"].tolist() == [5, 13, 21, 23]
    np.testing.assert_allclose(out["time_s"], np.arange(5, 25, 2) / 25, atol=1e-6)
    assert out["frame_ok"].all()
    assert out["frame_size"].tolist() == [WIDTH, HEIGHT]
    assert out["images"].shape == (4, 96, 96, 3)
    corners = transform_points(np.array([[[0, 0], [96, 96]]], np.float32), out["transforms"][:1])[0]
    np.testing.assert_allclose(corners, [[0, -32], [160, 128]], atol=0.01)
    facts = result.parameters
    assert facts["address"] == "http://replica:8001"
    assert facts["expires_ms"] == 10_000
    assert facts["frame_count"] == 40
    assert facts["fps"] == pytest.approx(25)
    assert facts["duration_s"] == pytest.approx(1.6)
    assert facts["complete"] is True


async def test_without_letterbox_there_are_no_images(decoder, video):
    out = (await decode(decoder, uri=video.as_uri())).outputs
    assert len(out["frame_index"]) == 40
    assert len(out["images"]) == len(out["image_frame"]) == len(out["transforms"]) == 0


async def test_crops_come_from_the_frames_they_name(decoder, video):
    handle = (await decode(decoder, video.read_bytes(), start=10, count=8)).parameters["handle"]
    order = [17, 10, 12, 12]
    out = await crop(decoder, handle, order, [WHOLE] * 4, height=HEIGHT, width=WIDTH)
    assert [number_of(image) for image in out["images"]] == order
    np.testing.assert_allclose(out["transforms"][0], [[1, 0, 0], [0, 1, 0]], atol=1e-5)
    none = await crop(decoder, handle, [], [])
    assert none["images"].shape == (0, 48, 32, 3)
    replicated = await crop(decoder, handle, [10], [(-50, 5, 20, 20, 0)], border="replicate")
    black = await crop(decoder, handle, [10], [(-50, 5, 20, 20, 0)])
    assert replicated["images"].any()
    assert not black["images"].any()


async def test_many_crops_are_not_cut_in_the_event_loop(decoder, video, monkeypatch):
    threads = []

    def noting(*args):
        threads.append(threading.current_thread())
        return cut(*args)

    cut = decoder_module.crop
    monkeypatch.setattr(decoder_module, "crop", noting)
    picture = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    # Lines of video are converted to RGB, which takes longer than to wake a thread.
    for media, rows in ((picture, 1), (picture, 1000), (video.read_bytes(), 1)):  # equal pixels
        handle = (await decode(decoder, media, count=1)).parameters["handle"]
        await crop(decoder, handle, [0] * rows, [WHOLE] * rows, height=1, width=1000 // rows)
    assert [thread is threading.main_thread() for thread in threads] == [True, False, False]


async def crop_by_row(decoder, handles, frame_index, **parameters):
    rois = np.array([WHOLE] * len(frame_index), np.float32).reshape(-1, 5)
    inputs = {"frame_index": np.array(frame_index, np.int64), "rois": rois}
    parameters = {"height": HEIGHT, "width": WIDTH} | parameters
    handle = {"handle": bytes_tensor(*handles)} if handles is not None else {}
    return (await CropModel(decoder).infer(InferRequest(inputs | handle, parameters))).outputs


async def test_one_call_crops_frames_of_several_decode_calls(decoder, video):
    early, late = [
        (await decode(decoder, video.read_bytes(), start=start, count=4)).parameters["handle"]
        for start in (0, 20)
    ]
    handles, order = [early, late, late, early], [2, 20, 23, 0]
    out = await crop_by_row(decoder, handles, order)
    assert [number_of(image) for image in out["images"]] == order
    assert out["transforms"].shape == (4, 2, 3)
    with pytest.raises(FramesGone):  # nothing is released, as the call fails
        await crop_by_row(decoder, [early, "gone"], [0, 0], release=True)
    out = await crop_by_row(decoder, [early, late], [1, 21], release=True)
    assert [number_of(image) for image in out["images"]] == [1, 21]
    for handle in (early, late):
        with pytest.raises(FramesGone):
            await crop(decoder, handle, [0], [WHOLE])


@pytest.mark.parametrize(
    ("handles", "parameters", "message"),
    [
        (["a"], {}, "handle: has 1 rows, but rois has 2"),
        (["a", "b"], {"handle": "a"}, "handle: give exactly one"),
        (None, {}, "handle: give exactly one"),
    ],
)
async def test_handles_by_row_fit_the_regions(decoder, handles, parameters, message):
    with pytest.raises(InvalidInput, match=message):
        await crop_by_row(decoder, handles, [0, 0], **parameters)


async def test_released_frames_are_gone_and_a_second_release_is_no_mistake(decoder, video):
    handle = (await decode(decoder, video.read_bytes(), count=2)).parameters["handle"]
    for _ in range(2):
        result = await ReleaseModel(decoder).infer(InferRequest({}, {"handle": handle}))
        assert result.outputs == {}
    with pytest.raises(FramesGone):
        await crop(decoder, handle, [0], [WHOLE])
    with pytest.raises(InvalidInput, match="handle"):
        await ReleaseModel(decoder).infer(InferRequest({}))


async def test_damaged_frames_have_no_image_and_no_crop(decoder, tmp_path):
    faststart = {"movflags": "faststart"}
    whole = write_video(tmp_path / "clip.mp4", 40, container_options=faststart, **X264)
    data = whole.read_bytes()
    result = await decode(decoder, data[: len(data) // 2], stride=8, letterbox=32)
    ok = result.outputs["frame_index"][result.outputs["frame_ok"]]
    assert 5 < len(ok) < 40
    assert result.outputs["image_frame"].tolist() == sorted({*range(0, ok[-1], 8), ok[-1]} & {*ok})
    assert result.parameters["complete"] is False
    with pytest.raises(InvalidInput, match="frame_index: row 1 is frame 39"):
        await crop(decoder, result.parameters["handle"], [0, 39], [WHOLE] * 2)


async def test_a_picture_decodes_and_crops_like_a_video(decoder):
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    result = await decode(decoder, data, letterbox=80)
    assert result.outputs["image_frame"].tolist() == [0]
    np.testing.assert_array_equal(result.outputs["images"][0, 10:70], picture)
    out = await crop(
        decoder, result.parameters["handle"], [0], [(40, 30, 80, 60, 0)], height=60, width=80
    )
    np.testing.assert_array_equal(out["images"][0], picture)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"start": -1}, "start: "),
        ({"start": 1.5}, "start: "),
        ({"start": "0"}, "start: "),
        ({"start": True}, "start: "),
        ({"start": float("nan")}, "start: "),
        ({"start": 1 << 70}, "start: "),
        ({"count": 0}, "count: "),
        ({"step": 0}, "step: "),
        ({"stride": 0}, "stride: "),
        ({"letterbox": 5000}, "letterbox: "),
        ({"letterbox_anchor": "middle"}, "letterbox_anchor: "),
        ({"letterbox_fill": 256}, "letterbox_fill: "),
        ({"colour": 1}, "colour: is unknown; known are start, count"),
        ({"start": 40}, "start: is 40, but the media has 40 frame"),
    ],
)
async def test_wrong_parameters_are_named(decoder, video, parameters, message):
    with pytest.raises(InvalidInput, match=message):
        await decode(decoder, video.read_bytes(), **parameters)


async def test_parameters_of_the_protocol_are_left_alone(decoder, video):
    reserved = {"timeout": 5_000_000, "priority": 1, "sequence_id": 7, "triton_x": "y"}
    assert await decode(decoder, video.read_bytes(), count=1, **reserved)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"height": 0}, "height: "),
        ({"width": 5000}, "width: "),
        ({"width": 32.0}, "width: "),
        ({"border": "mirror"}, "border: "),
        ({"handle": 7}, "handle: "),
        ({"size": 7}, "size: is unknown; known are handle, height"),
    ],
)
async def test_wrong_crop_parameters_are_named(decoder, parameters, message):
    with pytest.raises(InvalidInput, match=message):
        await crop(decoder, "x", [0], [WHOLE], **parameters)


async def test_wrong_crop_inputs_are_named(decoder, video):
    handle = (await decode(decoder, video.read_bytes(), count=4)).parameters["handle"]
    with pytest.raises(InvalidInput, match="frame_index: row 0 is frame 4"):
        await crop(decoder, handle, [4], [WHOLE])
    with pytest.raises(InvalidInput, match="rois: has 1 rows"):
        await crop(decoder, handle, [0, 1], [WHOLE])
    with pytest.raises(InvalidInput, match="rois: row 1"):
        await crop(decoder, handle, [0, 1], [WHOLE, (np.nan, 0, 1, 1, 0)])
    with pytest.raises(TooLarge, match="rois: 100 images"):
        await crop(decoder, handle, [0] * 100, [WHOLE] * 100, height=100, width=100)
    with pytest.raises(FramesGone):
        await crop(decoder, "not-a-handle", [0], [WHOLE])
    with pytest.raises(InvalidInput, match="height: is missing"):
        await CropModel(decoder).infer(
            InferRequest(
                {"frame_index": np.zeros(0, np.int64), "rois": np.zeros((0, 5), np.float32)}
            )
        )


async def test_wrong_media_are_named(decoder, video, tmp_path):
    data = video.read_bytes()
    with pytest.raises(InvalidInput, match="exactly one of media and uri"):
        await decode(decoder)
    with pytest.raises(InvalidInput, match="exactly one of media and uri"):
        await decode(decoder, data, uri=video.as_uri())
    with pytest.raises(InvalidInput, match="uri: is not text"):
        await decode(decoder, uri=b"\xff\xfe")
    with pytest.raises(Unprocessable, match="media: is empty"):
        await decode(decoder, b"")
    with pytest.raises(UnsupportedMedia, match="media: is not media"):
        await decode(decoder, b"hello")
    with pytest.raises(TooLarge, match="media: has 1048577 bytes"):
        await decode(decoder, data.ljust((1 << 20) + 1, b"\0"))
    with pytest.raises(TooLarge, match="letterbox: 40 images"):
        await decode(decoder, data, letterbox=1000)
    with pytest.raises(NotFound):
        await decode(decoder, uri=f"{video.parent.as_uri()}/missing.mp4")
    for uri in ("file:///etc/passwd", "http://127.0.0.1/clip.mp4", "s3://bucket/clip.mp4"):
        with pytest.raises(Forbidden, match="uri: "):
            await decode(decoder, uri=uri)


async def longest_wait_s(work) -> float:
    """The longest time between two turns of the event loop while work is done."""
    longest, last = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await work
    return longest


async def test_the_event_loop_stays_free(decoder, video):
    data = video.read_bytes()
    for _ in range(10):  # other work on the machine may hold up any of them
        work = asyncio.gather(*(decode(decoder, data, letterbox=64) for _ in range(6)))
        longest = await longest_wait_s(work)
        if longest < 0.1:
            break
    assert longest < 0.1


async def test_a_decode_that_nobody_waits_for_keeps_no_frames(clip):
    with Decoder(DecodeSettings()) as decoder:
        decoding = asyncio.create_task(
            decoder.decode(Media(data=clip.read_bytes()), FrameRange(), letterbox=None)
        )
        await asyncio.sleep(0.02)
        assert not decoding.done()
        decoding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await decoding
    assert decoder._store.bytes == 0  # the threads have ended


async def test_real_person(decoder, shared_data):
    data = (shared_data / "real" / "balance_beam_cam01.mp4").read_bytes()
    result = await decode(decoder, data, start=90, letterbox=128, stride=5)
    assert result.outputs["frame_index"].tolist() == list(range(90, 100))
    assert result.outputs["frame_size"].tolist() == [1080, 1920]
    assert result.parameters["fps"] == pytest.approx(60)


def frames_in_memory():
    return sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())


async def test_calls_side_by_side_leave_no_decoded_frames_behind(clip):
    # As in a service, where the collector hardly ever passes by itself.
    before = gc.get_threshold()
    gc.collect()
    of_other_tests = frames_in_memory()
    gc.set_threshold(1_000_000)
    video = clip.read_bytes()
    try:
        with Decoder(DecodeSettings(workers=2)) as decoder:

            async def one():
                batch = await decoder.decode(
                    Media(data=video), FrameRange(0, 8, 1), stride=4, letterbox=None
                )
                nothing = np.zeros(0, np.int64), np.zeros((0, 5), np.float32)
                await decoder.crop(batch.frames, *nothing, CropSpec(8, 8, "constant"), release=True)

            await asyncio.gather(*(one() for _ in range(12)))
            await one()
        assert frames_in_memory() == of_other_tests
    finally:
        gc.set_threshold(*before)


async def test_frames_are_kept_as_they_are_stored(decoder, video):
    """In half the bytes of RGB; ``tests/unit/test_yuv.py`` has that crops are the same."""
    before = decoder._store.bytes
    await decode(decoder, video.read_bytes(), count=4)
    assert decoder._store.bytes - before == 4 * WIDTH * HEIGHT * 3 // 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p"])
async def test_colours_that_cannot_be_converted_are_read_as_bt601_and_said(
    decoder, tmp_path, pix_fmt
):
    crops, notes = [], []
    for matrix in ("undef", "ycgco"):
        path = tmp_path / f"{matrix}.mp4"
        write_video(path, 3, pix_fmt=pix_fmt, **{"x264-params": f"colormatrix={matrix}"})
        answer = await decode(decoder, path.read_bytes(), count=3)
        handle = answer.parameters["handle"]
        crops.append((await crop(decoder, handle, [1], [WHOLE]))["images"])
        notes.append(str(answer.parameters.get("notes", "")))
    np.testing.assert_array_equal(*crops)
    assert "matrix 8" not in notes[0]
    assert "matrix 8 of ITU-T H.273" in notes[1]


async def test_a_system_without_open_files_is_busy_and_the_file_is_not_missing(video):
    _, most = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    picture = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    data, uri = video.read_bytes(), video.as_uri()
    objects = ObjectStoreSettings(read_roots=(video.parent,))
    with Decoder(DecodeSettings(objects=objects)) as decoder:
        await decode(decoder, picture)
        now_open = open_files()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (now_open + 9, most))
            kept, refused = 0, None
            while refused is None:
                try:
                    await decode(decoder, picture)
                    kept += 1
                except Unavailable as error:
                    refused = error.message
            for media, address in ((data, None), (None, uri)):
                with pytest.raises(Unavailable, match="Too many open files"):
                    await decode(decoder, media, address)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert kept < 10
        assert "Too many open files" in refused
        await decode(decoder, None, uri)
