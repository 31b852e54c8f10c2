"""The requests of a benchmark, and the models that do nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av

from podium.errors import Unprocessable
from podium.models.manifest import Manifest, read_manifest, write_manifest

BATCH_FRAMES = 32


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request."""

    name: str
    media: bytes
    content_type: str
    frames: int  # per request
    stride: int


def workloads(video: Path) -> list[Workload]:
    """A single frame as JPEG, and the video's first frames as one batch at two strides.

    Raises:
        Unprocessable: the video has fewer frames than a batch.
    """
    with av.open(str(video)) as container:
        pictures = list(islice(container.decode(video=0), BATCH_FRAMES))
    if len(pictures) < BATCH_FRAMES:
        raise Unprocessable(f"has {len(pictures)} frames; {BATCH_FRAMES} are needed", field="VIDEO")
    jpeg = _jpeg(pictures[BATCH_FRAMES // 2])
    clip = video.read_bytes()
    batch = ("video/mp4", BATCH_FRAMES)
    return [
        Workload("frame", jpeg, "image/jpeg", 1, 1),
        Workload(f"batch of {BATCH_FRAMES}, stride 4", clip, *batch, 4),
        Workload(f"batch of {BATCH_FRAMES}, stride 1", clip, *batch, 1),
    ]


def _jpeg(frame: av.VideoFrame) -> bytes:
    import cv2

    encoded, data = cv2.imencode(
        ".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, 90]
    )
    if not encoded:
        raise Unprocessable("a frame of it does not encode as JPEG", field="VIDEO")
    return data.tobytes()


def no_op_repository(models: Path, folder: Path) -> Path:
    """Write a repository with models that compute nothing in place of those of ``models``.

    Names, sizes and skeletons are the same, so that the same pipelines run.
    """
    for path in sorted(models.glob("blazepose-*/*/model.yaml")):
        manifest = read_manifest(path)
        target = folder / manifest.name / str(manifest.version)
        target.mkdir(parents=True)
        weights = b"no weights\n"
        (target / manifest.weights).write_bytes(weights)
        write_manifest(target / path.name, _no_op(manifest, hashlib.sha256(weights).hexdigest()))
    return folder


def _no_op(manifest: Manifest, sha256: str) -> Manifest:
    return manifest.model_copy(update={"family": "noop", "sha256": sha256})
