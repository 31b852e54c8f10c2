"""Decoding and pose of one clip, by Podium and by MediaPipe's Python API, in turn.

``python -m loadtest.beside_mediapipe --mediapipe-python PYTHON``, where PYTHON is an interpreter of
an environment of its own that has the package (it needs an older NumPy)::

    uv venv mediapipe && uv pip install --python mediapipe/bin/python mediapipe==0.10.21

Each run is a new process, imports and models included. Both use the landmark model "full".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av

_CLIP = Path("services/podium/lab/athlete/clips/sprint.mp4")
_KINDS = ("podium", "tracking", "static")


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind at one length: medians of the rounds."""

    kind: str
    frames: int
    poses: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.wall_s


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.beside_mediapipe")
    parser.add_argument("--mediapipe-python", type=Path, help="interpreter that has mediapipe")
    parser.add_argument("--video", type=Path, default=_CLIP)
    parser.add_argument("--repeats", type=int, nargs="+", default=[1, 10], help="of the clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--podium", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.podium is not None:
        frames, poses = asyncio.run(_podium(given.podium.absolute()))
        sys.stdout.write(f"{frames} {poses}\n")
        return
    if given.mediapipe_python is None:
        parser.error("--mediapipe-python is needed")
    figures: list[Figures] = []
    with tempfile.TemporaryDirectory() as scratch:
        for repeats in given.repeats:
            clip = Path(scratch) / f"{repeats}.mp4"
            repeat(given.video, clip, repeats)
            figures += _in_turn(clip, given.mediapipe_python, given.rounds)
    lines = [f"{'':10}{'frames':>8}{'poses':>8}{'wall s':>9}{'CPU-s':>9}{'frames/s':>10}"]
    lines += [
        f"{each.kind:10}{each.frames:8}{each.poses:8}{each.wall_s:9.2f}{each.cpu_s:9.2f}"
        f"{each.per_s:10.1f}"
        for each in figures
    ]
    sys.stdout.write("\n".join([*lines, ""]))
    if given.json is not None:
        rows = [{**asdict(each), "frames_per_s": each.per_s} for each in figures]
        given.json.write_text(json.dumps({"processors": os.cpu_count(), "results": rows}, indent=1))


def _in_turn(clip: Path, python: Path, rounds: int) -> list[Figures]:
    commands = {
        "podium": [sys.executable, "-m", "loadtest.beside_mediapipe", "--podium", str(clip)],
        **{
            mode: [str(python), str(Path(__file__).with_name("mediapipe_pose.py")), str(clip), mode]
            for mode in _KINDS[1:]
        },
    }
    measured: dict[str, list[Figures]] = {kind: [] for kind in _KINDS}
    for _ in range(rounds):
        for kind, command in commands.items():
            measured[kind].append(_once(kind, command))
    return [_median(each) for each in measured.values()]


def _once(kind: str, command: Sequence[str]) -> Figures:
    before, started = _children_s(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - built above
    wall_s = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{kind} failed:\n{done.stderr[-2000:]}")
    frames, poses = map(int, done.stdout.split()[-2:])
    return Figures(kind, frames, poses, wall_s, _children_s() - before)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _median(of: Sequence[Figures]) -> Figures:
    wall_s = statistics.median(each.wall_s for each in of)
    cpu_s = statistics.median(each.cpu_s for each in of)
    return Figures(of[0].kind, of[0].frames, of[0].poses, wall_s, cpu_s)


async def _podium(clip: Path) -> tuple[int, int]:
    """The frames and poses of a clip, by the pipeline that ``podium run`` runs."""
    from podium.local.in_process import local_stages
    from podium.local.model_folder import default_models
    from podium.pipelines.ranges import PipelineLimits
    from podium.pipelines.run import PipelineRun
    from podium.pipelines.spec import PipelineRequest, shipped_and
    from podium.types import Media

    with local_stages(default_models(), (clip,)) as stages:
        answer = await PipelineRun(
            stages,
            shipped_and(None)["pose-3d"],
            Media(uri=clip.as_uri()),
            PipelineRequest(athlete="all"),  # a repeated clip shows one person each time
            PipelineLimits(max_frames=1 << 20),
        ).answer()
    document = json.loads(answer.to_json())
    return len(document["frames"]), sum(bool(frame["persons"]) for frame in document["frames"])


def repeat(clip: Path, to: Path, times: int) -> None:
    """Write the packets of a clip several times, one after the other."""
    with av.open(str(to), "w") as written:
        stream = None
        after = 0
        for _ in range(times):
            with av.open(str(clip)) as read:
                source = read.streams.video[0]
                stream = stream or written.add_stream_from_template(source)
                end = 0
                for packet in read.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts, packet.dts = packet.pts + after, packet.dts + after
                    packet.stream = stream
                    written.mux(packet)
                after += end


if __name__ == "__main__":
    main()
