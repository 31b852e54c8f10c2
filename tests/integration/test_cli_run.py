"""``podium run`` as people call it: a process, real services, real files."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.local.stack import Stack

FILES = {
    "keypoints.csv", "biomechanics.csv", "measures.csv", "events.csv", "cycles.csv",
    "measures.json", "summary.json", "motion.json", "overlay.mp4", "report.html", "results.json",
    "run.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def environment(model_repository: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PODIUM_MODELS": str(model_repository),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }


def podium_run(
    environment: dict[str, str], video: Path, out: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podium", "run", str(video), "--out", str(out), *options],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
        check=False,
    )


@dataclass(frozen=True)
class Finished:
    """What a run has printed and written."""

    result: subprocess.CompletedProcess[str]
    out: Path


@pytest.fixture(scope="module")
def finished(
    environment: dict[str, str], clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """A run of the whole clip in one process."""
    out = tmp_path_factory.mktemp("finished") / "out"
    result = podium_run(environment, clip, out, "--batch", "16")
    assert result.returncode == 0, result.stderr
    return Finished(result, out)


def frames_in(out: Path) -> list[dict[str, Any]]:
    results = json.loads((out / "results.json").read_bytes())
    return [frame for result in results for frame in result["frames"]]


def keypoints_in(out: Path) -> np.ndarray[Any, Any]:
    return np.array([frame["persons"][0]["keypoints"] for frame in frames_in(out)])


def test_a_run_writes_everything(finished: Finished, clip: Path) -> None:
    result, out = finished.result, finished.out
    assert {path.name for path in out.iterdir() if path.is_file()} == FILES
    assert [frame["index"] for frame in frames_in(out)] == list(range(60))
    with (out / "keypoints.csv").open() as file:
        assert {int(row["frame"]) for row in csv.DictReader(file)} == set(range(60))

    for name in FILES - {"run.json"}:
        assert str(out / name) in result.stdout
    assert "60 (100%)" in result.stdout
    pck = re.search(r"PCK@0\.1 \(box\)\D*([\d.]+)", result.stdout)
    mpjpe = re.search(r"MPJPE \(hip-centred\)\D*(\d+) mm", result.stdout)
    assert pck is not None
    assert mpjpe is not None
    assert float(pck[1]) >= 0.97
    assert float(mpjpe[1]) < 150
    with (out / "events.csv").open() as file:
        events = [(row["side"], row["event"], int(row["frame"])) for row in csv.DictReader(file)]
    expected = contacts_in(clip)
    assert [event[:2] for event in events] == [event[:2] for event in expected]
    assert all(abs(a[2] - b[2]) <= 1 for a, b in zip(events, expected, strict=True))
    with (out / "measures.csv").open() as file:
        cadence = next(row for row in csv.DictReader(file) if row["measure"] == "cadence_steps_min")
    assert abs(float(cadence["value"]) - 240) <= 1.96 * float(cadence["sd"]) <= 8


def contacts_in(clip: Path) -> list[tuple[str, str, int]]:
    """Side, event and frame of all stances that begin and end within the clip: the truth."""
    on_ground = np.array(json.loads(clip.with_suffix(".json").read_bytes())["contact"])
    events = []
    for side, contact in zip(("left", "right"), on_ground.T, strict=True):
        on, off = (np.flatnonzero(np.diff(contact) == way) + 1 for way in (1, -1))
        events += [(side, "contact", int(frame)) for frame in on if (off > frame).any()]
        events += [(side, "toe_off", int(frame)) for frame in off if (on < frame).any()]
    return sorted(events, key=lambda event: event[2])


def test_every_placement_answers_the_same_to_the_bit(
    environment: dict[str, str], stack: Stack, clip: Path, finished: Finished, tmp_path: Path
) -> None:
    placements = {
        "services": ("--services",),
        "gateway": ("--gateway", stack.gateway_url, "--uri", clip.as_uri()),
    }
    for name, options in placements.items():
        out = tmp_path / name
        result = podium_run(environment, clip, out, "--batch", "16", "--no-overlay", *options)
        assert result.returncode == 0, result.stderr
        assert frames_in(out) == frames_in(finished.out)
        for table in ("keypoints.csv", "measures.csv"):
            assert (out / table).read_bytes() == (finished.out / table).read_bytes()


def test_an_interrupted_run_goes_on_where_it_stopped(
    environment: dict[str, str], clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--batch", "6", "--in-flight", "1", "--no-overlay")
    command = [sys.executable, "-m", "podium", "run", str(clip), "--out", str(out), *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("batches/*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    kept = {path: path.stat().st_mtime_ns for path in out.glob("batches/*.json")}
    assert 2 <= len(kept) < 10
    assert not (out / "results.json").exists()

    again = podium_run(environment, clip, out, *options)
    assert again.returncode == 0, again.stderr
    assert f"{6 * len(kept)} of 60 frames were done before" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [frame["index"] for frame in frames_in(out)] == list(range(60))

    other = podium_run(environment, clip, out, *options, "--stride", "2", "--count", "6")
    assert "starting anew" in other.stdout
    assert [frame["index"] for frame in frames_in(out)] == list(range(6))


def test_uploaded_excerpts_give_what_the_whole_video_gives(
    environment: dict[str, str], stack: Stack, clip: Path, tmp_path: Path
) -> None:
    options = ("--gateway", stack.gateway_url, "--start", "7", "--count", "18", "--batch", "9")
    uploaded, named = tmp_path / "uploaded", tmp_path / "named"
    for out, extra in ((uploaded, ()), (named, ("--uri", clip.as_uri()))):
        result = podium_run(environment, clip, out, *options, *extra)
        assert result.returncode == 0, result.stderr
        assert {path.name for path in out.iterdir() if path.is_file()} == FILES
    assert [frame["index"] for frame in frames_in(uploaded)] == list(range(7, 25))
    times = [[frame["time_s"] for frame in frames_in(out)] for out in (uploaded, named)]
    assert times[0] == pytest.approx(times[1])
    np.testing.assert_allclose(keypoints_in(uploaded), keypoints_in(named), atol=1e-3)


def test_a_picture_is_a_video_of_one_frame(
    environment: dict[str, str], stack: Stack, shared_data: Path, tmp_path: Path
) -> None:
    picture = shared_data / "real" / "000000000785.jpg"
    result = podium_run(environment, picture, tmp_path / "out", "--gateway", stack.gateway_url)
    assert result.returncode == 0, result.stderr
    assert len(frames_in(tmp_path / "out")) == 1
    assert (tmp_path / "out" / "keypoints.csv").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("--pipeline", "pose-9d"), "pose-9d"), (("--start", "60"), "60 frame")],
)
def test_a_mistake_is_one_clear_line(
    environment: dict[str, str],
    stack: Stack,
    clip: Path,
    tmp_path: Path,
    *,
    options: tuple[str, ...],
    expected: str,
) -> None:
    """What only the gateway knows; `test_cli_run_input.py` has the rest."""
    gateway = ("--gateway", stack.gateway_url)
    result = podium_run(environment, clip, tmp_path / "out", *gateway, *options)
    assert result.returncode == 1
    error = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(error) == 1
    assert error[0].startswith("error: ")
    assert expected in error[0]


def test_any_name_of_a_file_can_be_run(
    environment: dict[str, str], clip: Path, tmp_path: Path
) -> None:
    """Latin-1, a comma, a per cent sign, and the longest name that there is."""
    name = b"100m, heat 2 \xe9 100%.mp4".rjust(255, b"n")
    video = tmp_path / os.fsdecode(name)
    video.write_bytes(clip.read_bytes())
    result = subprocess.run(
        [sys.executable, "-m", "podium", "run", video, "--count", "4"],
        capture_output=True,
        cwd=tmp_path,
        env=environment | {"PYTHONIOENCODING": "ascii"},
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (out,) = (tmp_path / "results").iterdir()
    assert os.fsencode(out.name) == name.removesuffix(b".mp4")
    assert {path.name for path in out.iterdir() if path.is_file()} == FILES
    assert len(frames_in(out)) == 4
