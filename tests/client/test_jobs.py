"""Videos to results by the SDK: a real api, a controller, a gateway that answers at once."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

import podium
from podium.api.app import create_app
from podium.api.settings import ApiSettings
from podium.client.jobs import following, uploading
from podium.client.jobs.transport import Transport
from podium.errors import Conflict, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from podium.jobs.settings import JobsSettings
from podium.local.stack import free_ports
from tests.support.api_world import ApiWorld
from tests.support.fake_gateway import FakeGateway
from tests.support.service_thread import serving
from tests.support.videos import only_audio, write_video
from tests.support.working_api import api, gateway, running_gateway

__all__ = ["api", "gateway", "running_gateway"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video that no other test has: the same again is the same job."""
    return write_video(tmp_path / "sprint.mp4", 30)


def test_three_lines(client: podium.Client, clip: Path, tmp_path: Path) -> None:
    job = client.submit(clip, pipeline="pose-3d")
    files = job.wait().download(tmp_path / "results")
    assert job.status == "succeeded"
    assert {file.relative_to(tmp_path / "results").as_posix() for file in files} == {
        "sprint/keypoints.csv",
        "sprint/results.json",
        "manifest.json",
    }
    assert (tmp_path / "results/sprint/keypoints.csv").read_text() == "frames\n30\n"
    [video] = job.videos()
    assert (video.video_name, video.video_status) == ("sprint.mp4", "succeeded")


def test_nothing_of_others_is_overwritten(
    client: podium.Client, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    mine = out / "sprint" / "keypoints.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    first, second = (client.submit(clip, again=True).wait() for _ in range(2))
    for job in (first, second, first):
        job.download(out, only=["keypoints.csv"])
        assert (out / f"job-{job.id}" / "sprint" / "keypoints.csv").is_file()
    assert mine.read_text() == "mine"


def test_the_same_again_is_the_same_job(client: podium.Client, clip: Path) -> None:
    first = client.submit(clip)
    uploads = len(client.list_uploads())
    assert client.submit(clip).id == first.id
    assert len(client.list_uploads()) == uploads
    other = client.submit(clip, parameters={"step": 2})
    again = client.submit(clip, again=True)
    assert len({first.id, other.id, again.id}) == 3
    assert client.submit(clip).id == again.id


def test_an_estimate_starts_nothing_and_its_upload_is_used(
    client: podium.Client, clip: Path
) -> None:
    before = len(client.list_jobs())
    plan = client.estimate(clip, parameters={"step": 2})
    assert (plan.videos, plan.frames, plan.problems) == (1, 15, [])
    assert len(client.list_jobs()) == before
    upload = client.list_uploads()[-1].id
    assert client.submit(clip).info.job_input.upload_id == upload


def test_progress_is_told(client: podium.Client, clip: Path, gateway: FakeGateway) -> None:
    gateway.delay_s = 0.2
    sent: list[tuple[int, int]] = []
    told: list[float] = []
    got: list[tuple[int, int]] = []
    size = clip.stat().st_size
    job = client.submit(
        clip, parameters={"batch_frames": 5}, progress=lambda *both: sent.append(both)
    )
    assert sent[-1] == (size, size)
    job.wait(progress=lambda state: told.append(state.progress.percent))
    assert told == sorted(told)
    assert told[-1] == 100
    job.download(clip.parent / "out", progress=lambda *both: got.append(both))
    assert got[-1][0] == got[-1][1] > 0


def busy(body: object, tries: int) -> tuple[int, str]:
    """What a gateway answers until a test lets its job go on."""
    return 503, "busy"


def stop_after(count: int):
    """A function to be told something, which is Ctrl-C at the ``count``-th time."""
    calls = iter(range(count - 1))

    def told(*_: object) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    return told


@pytest.fixture
def large(tmp_path: Path, clip: Path) -> Path:
    """A ZIP of 20 MiB, which is sent in three parts."""
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.write(clip, "sprint.mp4")
        archive.writestr("notes.bin", os.urandom(20 << 20))
    return tmp_path / "day.zip"


def test_an_upload_that_was_stopped_goes_on(
    api: ApiWorld, client: podium.Client, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "AT_ONCE", 1)
    before = {upload.id for upload in client.list_uploads()}
    with pytest.raises(KeyboardInterrupt):
        client.submit(large, progress=stop_after(50))
    [begun] = [each for each in client.list_uploads() if each.id not in before]
    arrived = [part for part in client.get_upload(begun.id).parts if part.etag is not None]
    assert 1 <= len(arrived) < 3
    sent: list[int] = []
    with podium.Client(api.url, api_key=api.admin.secret) as later:  # another process, another day
        job = later.submit(large, progress=lambda done, _: sent.append(done))
        assert sent[0] > sum(part.size_bytes for part in arrived)
        assert job.info.job_input.upload_id == begun.id
        assert job.wait().status == "succeeded"
        assert [file.name for file in job.info.other_files] == ["notes.bin"]
        [notes] = [path for path in job.download(large.parent / "out") if path.name == "notes.bin"]
    with zipfile.ZipFile(large) as archive:
        assert notes.read_bytes() == archive.read("notes.bin")


def test_a_wait_that_was_stopped_goes_on_with_the_same_job(
    api: ApiWorld, client: podium.Client, clip: Path, gateway: FakeGateway
) -> None:
    works, gateway.fails = gateway.fails, busy
    job = client.submit(clip)
    with pytest.raises(KeyboardInterrupt):
        job.wait(progress=stop_after(1))
    with podium.Client(api.url, api_key=api.admin.secret) as later:
        again = later.submit(clip)
        assert again.id == job.id
        gateway.fails = works
        assert again.wait().status == "succeeded"


def test_a_part_that_gets_lost_is_sent_again(
    client: podium.Client, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = iter([True, True])
    check = uploading._check

    async def failing(response) -> None:
        if next(lost, False):
            raise Unavailable("lost")
        await check(response)

    monkeypatch.setattr(uploading, "_check", failing)
    sent: list[tuple[int, int]] = []
    job = client.submit(large, progress=lambda *both: sent.append(both))
    assert sent[-1] == (large.stat().st_size, large.stat().st_size)
    assert job.wait().status == "succeeded"


def test_failures_have_words_and_retry_mends_them(
    client: podium.Client, clip: Path, gateway: FakeGateway
) -> None:
    gateway.fails = lambda body, tries: (422, "media: nothing to be seen on it")
    job = client.submit(clip)
    with pytest.raises(podium.JobFailed, match="nothing to be seen on it") as failed:
        job.wait()
    assert failed.value.code == "no_results"
    assert job.wait(check=False).status == "failed"
    gateway.fails = lambda body, tries: None
    assert job.retry().wait().status == "succeeded"
    with pytest.raises(Conflict) as conflict:
        job.retry()
    assert isinstance(conflict.value, podium.ApiError)


def test_what_failed_is_submitted_anew(
    client: podium.Client, clip: Path, gateway: FakeGateway
) -> None:
    gateway.fails = lambda body, tries: (422, "media: no")
    first = client.submit(clip)
    first.wait(check=False)
    gateway.fails = lambda body, tries: None
    second = client.submit(clip)
    assert second.id != first.id
    assert second.wait().status == "succeeded"


def test_cancel(client: podium.Client, clip: Path, gateway: FakeGateway) -> None:
    gateway.delay_s = 0.5
    job = client.submit(clip, parameters={"batch_frames": 1})
    assert job.cancel().status in ("canceling", "canceled")
    with pytest.raises(podium.JobFailed, match="canceled"):
        job.wait()


def test_of_a_zip_the_bad_videos_are_named(client: podium.Client, clip: Path) -> None:
    day = clip.with_name("day.zip")
    with zipfile.ZipFile(day, "w") as archive:
        archive.write(clip, "a/sprint.mp4")
        archive.write(clip, "b/sprint.mp4")
        archive.write(only_audio(clip.with_name("sound.mp4")), "sound.mp4")
    job = client.submit(day).wait()
    assert job.status == "partially_succeeded"
    assert "sound.mp4" in job.info.error.message
    folder = clip.parent / "out"
    files = [file.relative_to(folder).as_posix() for file in job.download(folder, only=["*.csv"])]
    [first, second] = [video.id for video in job.videos() if video.error is None]
    assert first != second
    assert files == ["sprint/keypoints.csv", f"sprint-{second}/keypoints.csv"]


def test_events_come_in_order_and_end(
    client: podium.Client, clip: Path, gateway: FakeGateway
) -> None:
    gateway.delay_s = 0.1
    job = client.submit(clip)
    events = list(job.events())
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert events[0].type == "job.started"
    assert events[-1].type == "job.succeeded"
    middle = events[len(events) // 2].id
    assert [event.id for event in job.events(after=middle)] == [
        event.id for event in events if event.id > middle
    ]


def test_without_a_stream_it_asks(
    client: podium.Client, clip: Path, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise Unavailable("no streams here")

    monkeypatch.setattr(Transport, "stream", refused)
    monkeypatch.setattr(following, "_PATIENCE_S", 0.0)
    gateway.delay_s = 0.1
    job = client.submit(clip).wait(timeout_s=60)
    assert job.status == "succeeded"
    asked = [event.type for event in client.list_job_events(job.id)]
    assert asked[-1] == "job.succeeded"


def test_a_wait_outlives_a_restart_of_the_api(
    api: ApiWorld, clip: Path, gateway: FakeGateway
) -> None:
    works, gateway.fails = gateway.fails, busy
    port = free_ports()["gateway"]
    settings = JobsSettings(state=api.folder / "state", objects_url=f"{api.url}/v1/objects")
    with serving(create_app(ApiSettings(), settings), port=port, patience_s=0.0) as url:
        client = podium.Client(url, api_key=api.admin.secret)
        states = client.submit(clip).states()
        assert next(states).job_status != "succeeded"
    with serving(create_app(ApiSettings(), settings), port=port):
        gateway.fails = works
        assert [state.job_status for state in states][-1] == "succeeded"
        client.close()


def test_a_wait_may_end_before_the_job(
    client: podium.Client, clip: Path, gateway: FakeGateway
) -> None:
    works, gateway.fails = gateway.fails, busy
    job = client.submit(clip)
    with pytest.raises(DeadlineExceeded, match=f"job {job.id} is still"):
        job.wait(timeout_s=0.3)
    gateway.fails = works
    assert job.wait().status == "succeeded"


def test_files_that_are_there_are_not_fetched_again(
    client: podium.Client, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clip.parent / "out"
    job = client.submit(clip).wait()
    files = job.download(folder)
    whole = {file: file.read_bytes() for file in files}
    files[0].write_bytes(b"damaged")
    files[1].unlink()
    assert {file: file.read_bytes() for file in job.download(folder)} == whole


@pytest.mark.parametrize(
    ("source", "named"),
    [("nowhere.mp4", "nowhere.mp4"), ("empty.mp4", "is empty"), ("folder", "ZIP")],
)
def test_files_that_cannot_be_sent(
    client: podium.Client, tmp_path: Path, source: str, named: str
) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises((InvalidInput, OSError), match=named):
        client.submit(tmp_path / source)


def test_unknown_pipelines_and_options_are_named(client: podium.Client, clip: Path) -> None:
    with pytest.raises(InvalidInput, match=r"pose-9d.*pose-3d"):
        client.submit(clip, pipeline="pose-9d")
    with pytest.raises(InvalidInput, match="cutoff_hz"):
        client.submit(clip, parameters={"postprocess": {"cutoff_hz": -1.0}})
    with pytest.raises(InvalidInput, match="stride"):
        client.submit(clip, parameters={"frames": {"stride": -1}})
    with pytest.raises(NotFound):
        client.job(999_999)


async def test_in_a_loop(api: ApiWorld, clip: Path) -> None:
    async with podium.AsyncClient(api.url, api_key=api.admin.secret) as client:
        job = await client.submit(clip)
        states = [state.job_status async for state in job.states()]
        assert states[-1] == "succeeded"
        files = await job.download(clip.parent / "out", only=["manifest.json"])
        assert [file.name for file in files] == ["manifest.json"]
        assert [each.id for each in await client.jobs(limit=1)] == [job.id]
