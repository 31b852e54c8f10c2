"""Cutting a run into batches, keeping the answers, going on after an interruption."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from podium.client.batches import BatchRun, plan
from podium.client.run_folder import RunFolder, fingerprint
from podium.errors import InvalidInput, Unavailable
from podium.postprocess.frame_results import parse_results
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
def folder(tmp_path: Path, video: Path) -> RunFolder:
    return RunFolder(tmp_path / "out", fingerprint(video, {}), video)


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


async def test_the_same_run_again_finds_its_batches(
    folder: RunFolder, tmp_path: Path, video: Path
) -> None:
    await run(folder, Gateway()).all()
    same = RunFolder(tmp_path / "out", fingerprint(video, {}), video)
    assert not same.is_other_run
    assert same.load(0) == answer(0, 8)


@pytest.mark.parametrize("change", ["options", "first byte", "last byte", "time", "length"])
def test_another_run_in_the_same_folder_starts_anew(
    folder: RunFolder, tmp_path: Path, video: Path, change: str
) -> None:
    folder.save(0, answer(0, 8))
    folder.join()
    facts, data = video.stat(), bytearray(video.read_bytes())
    if change == "first byte":
        data[0] ^= 1
    if change == "last byte":
        data[-1] ^= 1
    if change == "length":
        data += b"x"
    video.write_bytes(data)
    later_ns = facts.st_mtime_ns + (1 if change == "time" else 0)
    os.utime(video, ns=(facts.st_atime_ns, later_ns))

    options = {"stride": 2} if change == "options" else {}
    other = RunFolder(tmp_path / "out", fingerprint(video, options), video)
    assert other.is_other_run
    assert other.load(0) is None
    assert not other.results.exists()


def test_the_joined_results_are_what_postprocessing_reads(folder: RunFolder) -> None:
    for start in (16, 0, 8):
        folder.save(start, answer(start, 8))
    folder.join()
    assert parse_results(folder.results.read_bytes()) == [answer(start, 8) for start in (0, 8, 16)]


def test_a_damaged_run_file_is_no_obstacle(folder: RunFolder, tmp_path: Path, video: Path) -> None:
    folder.save(0, answer(0, 8))
    (tmp_path / "out" / "run.json").write_text("{")
    assert RunFolder(tmp_path / "out", fingerprint(video, {}), video).load(0) is None


def test_files_of_others_in_the_output_folder_stay(tmp_path: Path, video: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.json").write_text("{}")
    RunFolder(tmp_path / "out", fingerprint(video, {}), video)
    RunFolder(tmp_path / "out", fingerprint(video, {"stride": 2}), video)
    assert (tmp_path / "out" / "notes.json").exists()


@pytest.mark.parametrize("name", ["batches/mine.json", "results.json"])
def test_a_folder_of_somebody_else_is_refused_untouched(
    tmp_path: Path, video: Path, name: str
) -> None:
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("{}")
    with pytest.raises(InvalidInput, match=rf"--out: .*out holds {name.partition('/')[0]}"):
        RunFolder(tmp_path / "out", fingerprint(video, {}), video)
    assert theirs.read_text() == "{}"
    assert not (tmp_path / "out" / "run.json").exists()


def test_another_run_deletes_batches_alone(folder: RunFolder, tmp_path: Path, video: Path) -> None:
    folder.save(0, answer(0, 8))
    theirs = tmp_path / "out" / "batches" / "mine.json"
    theirs.write_text("{}")
    RunFolder(tmp_path / "out", fingerprint(video, {"stride": 2}), video)
    assert [path.name for path in theirs.parent.iterdir()] == ["mine.json"]


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path, video: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"--out: cannot write to .*file"):
        RunFolder(tmp_path / "file", fingerprint(video, {}), video)
