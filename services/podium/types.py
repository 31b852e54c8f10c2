"""The arrays that pass between the stages, as frozen records with their shapes.

Persons are flat: M persons over N frames are M rows, and ``frame_index`` names the frame of each
row. So arrays of different frames, people and requests can be concatenated without padding.

Coordinates are pixels of the source frame unless a name or a comment says otherwise: x to the
right, y down, the centre of the top left pixel at (0, 0). Boxes are ``xyxy``. 3D is in metres in
camera axes (x right, y down, z away from the camera), relative to the middle of the hips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = Float32 | Float64
Bool = NDArray[np.bool_]

FailedRows = Mapping[int, str]
"""Row of the request -> why the engine refused it. Its outputs are NaN or missing."""

Anchor = Literal["center", "top_left"]
Border = Literal["constant", "replicate"]


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The square image of a detector: the frame resized with its aspect kept, the rest filled."""

    size: int  # S, pixels of the square image
    anchor: Anchor = "center"
    fill: int = 0  # grey level of the border, 0-255


@dataclass(frozen=True, slots=True)
class CropSpec:
    """The shape of the crops of a pose model."""

    height: int
    width: int
    border: Border = "constant"


@dataclass(frozen=True, slots=True)
class Media:
    """The media: its bytes or its address; exactly one is set."""

    data: bytes | None = None
    uri: str | None = None
    capture_fps: float | None = None  # frames per second of filming; None: from the metadata


@dataclass(frozen=True, slots=True)
class FrameRange:
    """A range of frames of the source: ``count`` frames ``start``, ``start + step``, ..."""

    start: int = 0
    count: int | None = None  # None: to the end, as far as the limits allow
    step: int = 1


@dataclass(frozen=True, slots=True)
class FrameHandle:
    """Identifies frames that a decode replica keeps for a few seconds."""

    handle: str
    address: str  # base URL of the replica; "" in process
    expires_ms: int  # time from now for which the frames are kept


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Decoded frames: their facts, detector images of some, and the handle of the pixels."""

    frames: FrameHandle
    frame_index: Int64  # (N,) ordinal in the source, presentation order
    time_s: Float64  # (N,) time of filming, from the first frame of the source
    frame_ok: Bool  # (N,) False: the source declares this frame but it does not decode
    frame_size: Int32  # (2,) width, height after rotation metadata
    images: UInt8  # (D, S, S, 3) RGB, letterboxed
    image_frame: Int64  # (D,) the frame_index of each image
    transforms: Float32  # (D, 2, 3) image pixels -> frame pixels
    source: SourceFacts


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts of the whole source; rates and times are those of filming."""

    frame_count: int  # declared or counted; 1 for a picture
    fps: float  # average frame rate; 0 for a picture
    duration_s: float
    complete: bool = True  # False: the source ends before the frames that it declares
    slow_motion: float = 1.0  # how many times slower it plays than it was filmed; times are true
    notes: tuple[str, ...] = ()  # assumptions, as sentences for people


@dataclass(frozen=True, slots=True)
class Crops:
    """Person crops cut out of the kept frames."""

    images: UInt8  # (M, H, W, 3) RGB
    transforms: Float32  # (M, 2, 3) crop pixels -> frame pixels


@dataclass(frozen=True, slots=True)
class Detections:
    """Persons found on detector images, in pixels of those images."""

    boxes: Float32  # (K, 4) xyxy
    scores: Float32  # (K,)
    image_index: Int64  # (K,) row of ``images``
    rois: Float32 | None = None  # (K, 5) cx, cy, w, h, rotation (rad, clockwise on screen)
    failed: FailedRows = field(default_factory=dict)  # images that the engine refused


@dataclass(frozen=True, slots=True)
class Poses2D:
    """2D key points of M crops."""

    keypoints: Float32  # (M, J, 3) x, y in crop pixels, score 0-1
    presence: Float32 | None = None  # (M,) probability that the crop shows a person
    failed: FailedRows = field(default_factory=dict)  # crops that the engine refused
    rois: Float32 | None = None  # (M, 5) region for the person's next crop, crop pixels


@dataclass(frozen=True, slots=True)
class Poses3D:
    """3D key points of M crops, in crop axes (the caller undoes the crop's rotation)."""

    keypoints_3d: Float32  # (M, J, 3) metres, hip-centred
    keypoints: Float32  # (M, J, 3) x, y in crop pixels, score 0-1
    scores: Float32  # (M, J)
    presence: Float32 | None = None  # (M,)
    root_depth: Float32 | None = None  # (M,) metres from the camera
    failed: FailedRows = field(default_factory=dict)  # crops that the engine refused
    rois: Float32 | None = None  # (M, 5) region for the person's next crop, crop pixels
