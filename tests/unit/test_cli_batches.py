"""Cutting a run into batches, keeping the answers, going on after an interruption."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.client.batches import BatchRun, plan
from podium.client.run_folder import RunFolder, default_folder, fingerprint
from podium.errors import InvalidInput, Unavailable
from podium.postprocess.frame_results import merge
from podium.postprocess.result_text import parse_results
from podium.schemas.results import FrameResult, PipelineResult, SourceResult

FRAMES = 50


def answer(start: int, count: int) -> PipelineResult:
    numbers = range(start, min(start + count, FRAMES))
    return PipelineResult(
        pipeline="pose-2d",
        skeleton="coco17",
        models={},
        source=SourceResult(width=8, height=8, fps=25, frame_count=FRAMES, duration_s=2),
        frames=[FrameResult(index=i, time_s=i / 25, status="no_person") for i in numbers],
    )


class Gateway:
    """Answers like a pipeline; notes what it is asked; fails where it is told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[tuple[int, int]] = []
        self.fails_at = fails_at
        self.busy = self.busiest = 0

    async def __call__(self, start: int, count: int) -> PipelineResult:
        self.asked.append((start, count))
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0.002)
        self.busy -= 1
        if start == self.fails_at:
            raise Unavailable("gone")
        return answer(start, count)


def run(folder: RunFolder, gateway: Gateway, **changes: Any) -> BatchRun:
    settings: dict[str, Any] = {"start": 0, "count": None, "batch": 8, "in_flight": 3}
    return BatchRun(folder, gateway, progress=lambda *_: None, **(settings | changes))


def frames_in(folder: RunFolder) -> list[int]:
    return [frame.index for batch in folder.batches() for frame in batch.frames]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(range(256)) * 5000)
    return path


@pytest.fixture
def folder(tmp_path: Path, video: Path) -> Iterator[RunFolder]:
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        yield folder


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, 10, [(0, 4), (4, 4), (8, 2)]), (3, 7, [(3, 4)]), (5, 5, []), (9, 5, [])],
)
def test_the_plan_covers_every_frame_once(
    start: int, stop: int, expected: list[tuple[int, int]]
) -> None:
    assert list(plan(start, stop, 4)) == expected


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [(0, None, range(FRAMES)), (7, 20, range(7, 27)), (45, 20, range(45, FRAMES)), (3, 2, (3, 4))],
)
async def test_the_frames_come_in_order_whatever_the_order_of_the_answers(
    folder: RunFolder, start: int, count: int | None, expected: range
) -> None:
    batches = run(folder, Gateway(), start=start, count=count)
    await batches.all()
    assert frames_in(folder) == list(expected)
    assert batches.frames_done == batches.frames_total == len(expected)


async def test_the_first_request_is_short(folder: RunFolder) -> None:
    gateway = Gateway()
    await run(folder, gateway, batch=30).all()
    assert sorted(gateway.asked) == [(0, 16), (16, 30), (46, 4)]


async def test_progress_tells_what_was_done_before(folder: RunFolder) -> None:
    folder.save(0, answer(0, 8))
    told: list[tuple[int, int, int | None]] = []
    await BatchRun(folder, Gateway(), 0, None, 8, 1, lambda *each: told.append(each)).all()
    assert told[0] == (8, 8, None)
    assert told[-1] == (FRAMES, 8, FRAMES)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


async def test_no_more_requests_are_in_flight_than_allowed(folder: RunFolder) -> None:
    gateway = Gateway()
    await run(folder, gateway, batch=4, in_flight=3).all()
    assert gateway.busiest == 3


async def test_after_a_failure_only_the_missing_batches_are_asked_for(folder: RunFolder) -> None:
    with pytest.raises(Unavailable):
        await run(folder, Gateway(fails_at=24), in_flight=1).all()
    again = Gateway()
    batches = run(folder, again)
    await batches.all()
    assert sorted(again.asked) == [(24, 8), (32, 8), (40, 8), (48, 2)]
    assert batches.frames_resumed == 24
    assert frames_in(folder) == list(range(FRAMES))


async def test_a_damaged_batch_is_asked_for_again(folder: RunFolder) -> None:
    await run(folder, Gateway()).all()
    (folder.root / "batches" / "0000000016.json").write_text('{"pipeline": "po')
    again = Gateway()
    await run(folder, again).all()
    assert again.asked == [(16, 8)]


async def test_the_same_run_again_finds_its_batches(tmp_path: Path, video: Path) -> None:
    for is_first in (True, False):
        with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
            assert not folder.is_other_run
            assert folder.load(0) == (None if is_first else answer(0, 8))
            await run(folder, Gateway()).all()


@pytest.mark.parametrize("change", ["options", "time"])
def test_another_run_of_the_same_video_starts_anew(
    tmp_path: Path, video: Path, change: str
) -> None:
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        folder.save(0, answer(0, 8))
        folder.join()
    if change == "time":
        os.utime(video, ns=(1, 1))
    options = {"stride": 2} if change == "options" else {}
    with RunFolder(tmp_path / "out", fingerprint(video, options), video) as other:
        assert other.is_other_run
        assert other.load(0) is None
        assert not other.results.exists()


@pytest.mark.parametrize("change", ["first byte", "last byte", "length"])
def test_results_of_another_video_are_replaced_only_if_asked_for(
    tmp_path: Path, video: Path, change: str
) -> None:
    out = tmp_path / "out"
    with RunFolder(out, fingerprint(video, {}), video) as folder:
        folder.save(0, answer(0, 8))
        folder.join()
    data = bytearray(video.read_bytes())
    if change == "length":
        data += b"x"
    else:
        data[0 if change == "first byte" else -1] ^= 1
    video.write_bytes(data)
    other = fingerprint(video, {})
    refusal = r"--out: .*out holds the results of another video \(clip.mp4\).*--overwrite"
    with pytest.raises(InvalidInput, match=refusal), RunFolder(out, other, video):
        pass
    assert folder.results.exists()
    assert folder.load(0) == answer(0, 8)
    with RunFolder(out, other, video, overwrite=True) as replaced:
        assert replaced.is_other_run
        assert replaced.load(0) is None


def test_videos_of_one_name_get_folders_of_their_own(tmp_path: Path) -> None:
    videos = [tmp_path / name for name in ("a/clip.mp4", "a/clip.mov", "b/clip.mov", "c/clip.mov")]
    folders = []
    for number, video in enumerate(videos):
        video.parent.mkdir(exist_ok=True)
        video.write_bytes(bytes([number] * 100))
        identity = fingerprint(video, {})
        chosen = default_folder(tmp_path / "results", video, identity)
        folders.append(chosen.name)
        with RunFolder(chosen, identity, video) as folder:
            folder.save(0, answer(0, 8))
    assert folders == ["clip", "clip.mov", "clip.mov-2", "clip.mov-3"]
    again = [default_folder(tmp_path / "results", v, fingerprint(v, {"x": 1})).name for v in videos]
    assert again == folders  # so an interrupted run goes on, and other options replace their own


def test_a_folder_has_one_run_at_a_time(folder: RunFolder, tmp_path: Path, video: Path) -> None:
    folder.save(0, answer(0, 8))
    with (
        pytest.raises(InvalidInput, match=r"--out: another run is writing to .*out"),
        RunFolder(tmp_path / "out", fingerprint(video, {"stride": 2}), video),
    ):
        pass
    assert folder.load(0) == answer(0, 8)


def _first_answer_only(folder: RunFolder) -> None:
    folder.save(0, answer(0, 8))
    raise Unavailable("gone")


def test_a_run_that_fails_at_once_leaves_no_folder(tmp_path: Path, video: Path) -> None:
    (tmp_path / "mine").mkdir()
    for out in ("results/deep/out", "mine"):
        with pytest.raises(Unavailable), RunFolder(tmp_path / out, fingerprint(video, {}), video):
            raise Unavailable("no services")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "mine"]
    with (
        pytest.raises(Unavailable),
        RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder,
    ):
        _first_answer_only(folder)
    assert folder.has_batches()


def test_files_are_of_one_mode_and_whole(folder: RunFolder, tmp_path: Path) -> None:
    folder.save(0, answer(0, 8))
    folder.join()
    (tmp_path / "new").write_text("")
    modes = {path.stat().st_mode for path in folder.root.rglob("*") if path.is_file()}
    assert modes == {(tmp_path / "new").stat().st_mode}


def test_old_overlays_go(folder: RunFolder) -> None:
    (folder.root / "overlay").mkdir()
    for name in ("overlay.mp4", "overlay/frame_000001.jpg", "overlay/mine.jpg", "keypoints.csv"):
        (folder.root / name).write_text("")
    folder.forget_all_but(["keypoints.csv"])
    found = {str(p.relative_to(folder.root)) for p in folder.root.rglob("*") if p.is_file()}
    assert found == {"run.json", "overlay/mine.jpg", "keypoints.csv"}


def test_what_a_killed_run_left_half_written_goes(tmp_path: Path, video: Path) -> None:
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        folder.save(0, answer(0, 8))
    (folder.root / ".partial-1").mkdir()
    (folder.root / ".partial-1" / "keypoints.csv").write_text("half")
    (folder.root / ".partial-2").write_text("half")
    with folder:
        assert {path.name for path in folder.root.iterdir()} == {"run.json", "batches"}


def test_the_joined_results_are_what_postprocessing_reads(folder: RunFolder) -> None:
    for start in (16, 0, 8):
        folder.save(start, answer(start, 8))
    folder.join()
    joined = merge(parse_results(folder.results.read_bytes()), max_frames=100)
    assert joined.frames.frame_index.tolist() == list(range(24))
    assert joined.result == answer(0, 8).model_copy(update={"frames": []})


def test_a_damaged_run_file_is_no_obstacle(tmp_path: Path, video: Path) -> None:
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        folder.save(0, answer(0, 8))
    (tmp_path / "out" / "run.json").write_text("{")
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        assert folder.load(0) is None


@pytest.mark.parametrize("name", ["batches/mine.json", "results.json", "thesis.txt"])
def test_a_folder_of_somebody_else_is_refused_untouched(
    tmp_path: Path, video: Path, name: str
) -> None:
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("{}")
    (tmp_path / "out" / ".hidden").write_text("")
    refusal = rf"--out: .*no run has made \({name.partition('/')[0]}\).*--overwrite"
    with (
        pytest.raises(InvalidInput, match=refusal),
        RunFolder(tmp_path / "out", fingerprint(video, {}), video),
    ):
        pass
    assert theirs.read_text() == "{}"
    assert not (tmp_path / "out" / "run.json").exists()
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video, overwrite=True) as folder:
        folder.save(0, answer(0, 8))
    assert theirs.exists() == (name != "results.json")  # that one has the name of a result


def test_another_run_deletes_batches_alone(tmp_path: Path, video: Path) -> None:
    with RunFolder(tmp_path / "out", fingerprint(video, {}), video) as folder:
        folder.save(0, answer(0, 8))
    theirs = tmp_path / "out" / "batches" / "mine.json"
    theirs.write_text("{}")
    with RunFolder(tmp_path / "out", fingerprint(video, {"stride": 2}), video):
        assert [path.name for path in theirs.parent.iterdir()] == ["mine.json"]


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path, video: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in ("file", "file/out"):
        with (
            pytest.raises(InvalidInput, match=r"--out: cannot write to .*file"),
            RunFolder(tmp_path / out, fingerprint(video, {}), video),
        ):
            pass
