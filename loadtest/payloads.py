"""Payloads of the users: clips and frames of the rendered athlete, made once and cached."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import cv2

from loadtest.profile import Size
from podium.lab.athlete import ground_truth
from podium.lab.athlete.clip import make, write
from podium.lab.athlete.ground_truth import GroundTruth
from podium.lab.athlete.posture import Gait

CACHE = Path("results") / "loadtest" / "payloads"
BUNDLED = Path(__file__).parent.parent / "services/podium/lab/athlete/clips/sprint.mp4"

_SIZES_PX: dict[Size, tuple[int, int]] = {"360p": (640, 360), "1080p": (1920, 1080)}
_FRAMES = 60
_FPS = 60
_CRF = 18
_JPEG_QUALITY = 90
_JPEG_STEP = 4


@dataclass(frozen=True)
class Clip:
    """One second of the athlete, 60 frames, with ground truth.

    Attributes:
        path: The video (H.264).
        video: Its bytes.
        truth: Its ground truth.
        jpegs: Index -> JPEG, for every fourth frame.
    """

    path: Path
    video: bytes
    truth: GroundTruth
    jpegs: dict[int, bytes]

    @property
    def frame_count(self) -> int:
        """Frames of the video."""
        return len(self.truth.keypoints_px)


def clip(size: Size, cache: Path = CACHE) -> Clip:
    """The clip in this size; it is rendered (up to a minute) unless it is cached."""
    folder = cache / size
    if not folder.is_dir():
        _make(size, folder)
    pictures = sorted(folder.glob("*.jpg"))
    path = (folder / "sprint.mp4").absolute()
    return Clip(
        path=path,
        video=path.read_bytes(),
        truth=ground_truth.load(folder / "sprint.json"),
        jpegs={int(picture.stem): picture.read_bytes() for picture in pictures},
    )


def _make(size: Size, folder: Path) -> None:
    """Write to a temporary folder first, as several workers may do this at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{size}-"))
    made.chmod(0o755)
    if size == "720p":
        for suffix in (".mp4", ".json"):
            shutil.copyfile(BUNDLED.with_suffix(suffix), made / f"sprint{suffix}")
    else:
        athlete = make(Gait(), "side", frames=_FRAMES, fps=_FPS, size_px=_SIZES_PX[size])
        write(athlete, made, "sprint", _CRF)
    _write_jpegs(made)
    try:
        os.rename(made, folder)  # noqa: PTH104 - unlike Path.rename it never replaces
    except OSError:  # another worker was faster
        shutil.rmtree(made)


def _write_jpegs(folder: Path) -> None:
    with av.open(str(folder / "sprint.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % _JPEG_STEP == 0:
                picture = frame.to_ndarray(format="bgr24")
                quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
                cv2.imwrite(str(folder / f"{index:03}.jpg"), picture, quality)
