"""Detects persons on the detector images of a batch, and again in tiles when they are small."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from podium.errors import Unprocessable
from podium.pipelines.slices import slices
from podium.pipelines.spec import DetectionStep
from podium.stages import Stages
from podium.stages.pose import PoseFacts
from podium.types import (
    Bool,
    CropSpec,
    Detections,
    FailedRows,
    Float32,
    FrameBatch,
    Int32,
    Int64,
    Letterbox,
    UInt8,
)
from podium.vision.boxes import (
    clip_boxes,
    roi_of_box,
    suppress,
    transform_boxes,
    transform_rois,
)

_SMALL = 0.3
"""A region below this share of the letterbox is small. In tiles, BlazePose finds athletes from
about a quarter of the height of a landscape frame; without tiles it places small ones badly."""

_SURE = 0.88
"""BlazePose scores large enough athletes above this; its detections of small ones in the whole
frame, whose regions have arbitrary sizes, score below."""

_SAME_PERSON_IOU = 0.65
"""Overlap of tight boxes. It is not used for regions, squares larger than the body: those of two
people with their hips close together overlap almost completely."""

_SAME_HIPS, _SAME_SIZE = 0.15, 1.5
"""Two regions are of one person, seen in two tiles, if their centres are closer than this (in
sides) and the ratio of their sides is smaller than this."""

_MIN_ASPECT, _MAX_ASPECT = 1.2, 4.0
"""A nearly square frame would be its own tile; a very long one would have very many."""


@dataclass(frozen=True, slots=True)
class Found:
    """Regions of interest in frame pixels."""

    image_index: Int64  # (K,) detector image of the batch
    rois: Float32  # (K, 5)
    scores: Float32  # (K,)
    boxes: Float32 | None = None  # (K, 4) tight boxes, from detectors that give no regions
    failed: FailedRows = field(default_factory=dict)  # refused detector images

    def rows(self, kept: Int64 | Bool) -> Found:
        """Only the given rows."""
        boxes = None if self.boxes is None else self.boxes[kept]
        return replace(
            self,
            image_index=self.image_index[kept],
            rois=self.rois[kept],
            scores=self.scores[kept],
            boxes=boxes,
        )


async def find_persons(
    stages: Stages, step: DetectionStep, letterbox: Letterbox, pose: PoseFacts, batch: FrameBatch
) -> Found:
    """Detect on the letterboxed frames; where that finds too little, also on tiles of them.

    Args:
        stages: The services that detect and cut tiles.
        step: Model, threshold and when to use tiles.
        letterbox: Letterbox of the detector; tiles have its size and border.
        pose: Facts of the pose model, to make regions of plain boxes.
        batch: Detector images and their transforms to the frames.
    """
    detections = await _detect(stages, step.model, batch.images)
    failed = dict(detections.failed)
    size = batch.frame_size
    found = _in_frame(detections, batch.transforms, detections.image_index, pose, size)
    tiles = _tiles(batch, found, letterbox, step)
    if len(tiles.rois):
        crops = await stages.decode.crop(
            batch.frames,
            batch.image_frame[tiles.image_index],
            tiles.rois,
            CropSpec(letterbox.size, letterbox.size, "constant"),
        )
        detections = await _detect(stages, step.model, crops.images)
        failed |= {int(tiles.image_index[row]): reason for row, reason in detections.failed.items()}
        in_tiles = _in_frame(
            detections, crops.transforms, tiles.image_index[detections.image_index], pose, size
        )
        found = _merge(_outweighed(found, in_tiles), in_tiles)
    return replace(_best(found, step), failed=failed)


async def _detect(stages: Stages, model: str, images: UInt8) -> Detections:
    """Detect in calls of bounded size; ``failed`` names the images that the engine refuses."""
    parts: list[Detections] = []
    for rows in slices(len(images), images[:1].nbytes):
        try:
            part = await stages.detection.detect(model, images[rows])
        except Unprocessable as error:  # the engine refuses all rows
            part = _nothing(dict.fromkeys(range(rows.stop - rows.start), error.message))
        if rows.start:
            part = replace(
                part,
                image_index=part.image_index + rows.start,
                failed={row + rows.start: reason for row, reason in part.failed.items()},
            )
        parts.append(part)
    return _join(parts)


def _in_frame(
    detections: Detections,
    transforms: Float32,
    image_index: Int64,
    pose: PoseFacts,
    frame_size: Int32,
) -> Found:
    to_frame = transforms[detections.image_index]
    if detections.rois is not None:
        return Found(image_index, transform_rois(detections.rois, to_frame), detections.scores)
    boxes = clip_boxes(transform_boxes(detections.boxes, to_frame), *frame_size.tolist())
    inside = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1))
    rois = roi_of_box(boxes[inside], pose.roi_scale, pose.roi_aspect)
    return Found(image_index[inside], rois, detections.scores[inside], boxes[inside])


def _tiles(batch: FrameBatch, found: Found, letterbox: Letterbox, step: DetectionStep) -> Found:
    """The tiles to search, as square regions; none if the frame is nearly square or very long."""
    width, height = (int(side) for side in batch.frame_size)
    short, long = min(width, height), max(width, height)
    if step.tiles == "never" or not _MIN_ASPECT < long / short < _MAX_ASPECT:
        images = np.zeros(0, np.int64)
    elif step.tiles == "always":
        images = np.arange(len(batch.image_frame))
    else:
        sure = found.scores >= (step.min_score if found.boxes is not None else _SURE)
        large = np.zeros(len(batch.image_frame), np.float64)
        np.maximum.at(large, found.image_index[sure], found.rois[sure, 3])
        images = np.flatnonzero(large < _SMALL * long)
    if not len(images):
        return Found(images, np.zeros((0, 5), np.float32), np.zeros(0, np.float32))
    count = math.ceil(2 * long / short) - 1  # neighbours overlap by at least a half
    along = np.linspace(short / 2, long - short / 2, count)
    across = np.full(count, short / 2)
    centers = np.column_stack([along, across] if width > height else [across, along])
    sides = np.full((count, 2), short)
    rois = np.column_stack([centers, sides, np.zeros(count)]).astype(np.float32)
    return Found(
        np.repeat(images, count),
        np.tile(rois, (len(images), 1)),
        np.ones(len(images) * count, np.float32),
    )


def _nothing(failed: FailedRows) -> Detections:
    """Detections without persons."""
    none = np.zeros(0, np.float32)
    return Detections(none.reshape(0, 4), none, np.zeros(0, np.int64), none.reshape(0, 5), failed)


def _join(parts: list[Detections]) -> Detections:
    """Detections of consecutive images."""
    if len(parts) < 2:
        return parts[0] if parts else _nothing({})
    rois = [p.rois for p in parts if p.rois is not None]
    return Detections(
        np.concatenate([p.boxes for p in parts]),
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.image_index for p in parts]),
        np.concatenate(rois) if len(rois) == len(parts) else None,
        {row: reason for p in parts for row, reason in p.failed.items()},
    )


def _outweighed(found: Found, in_tiles: Found) -> Found:
    """Drop doubtful detections of the whole frame where a tile has a certain one."""
    if found.boxes is not None:
        return found
    searched = in_tiles.image_index[in_tiles.scores >= _SURE]
    return found.rows((found.scores >= _SURE) | ~np.isin(found.image_index, searched))


def _merge(a: Found, b: Found) -> Found:
    boxes = None
    if a.boxes is not None and b.boxes is not None:
        boxes = np.concatenate([a.boxes, b.boxes])
    return Found(
        np.concatenate([a.image_index, b.image_index]),
        np.concatenate([a.rois, b.rois]),
        np.concatenate([a.scores, b.scores]),
        boxes,
    )


def _best(found: Found, step: DetectionStep) -> Found:
    """Drop low scores, duplicates from overlapping tiles, and the lowest above the limit."""
    found = found.rows(found.scores >= step.min_score)
    if found.boxes is None:
        kept = _of_different_hips(found)
    else:
        kept = suppress(found.boxes, found.scores, found.image_index, _SAME_PERSON_IOU)
    best: list[int] = []
    for image in np.unique(found.image_index[kept]):
        rows = kept[found.image_index[kept] == image]
        best += rows[np.argsort(-found.scores[rows], kind="stable")][: step.max_persons].tolist()
    return found.rows(np.array(best, np.int64))


def _of_different_hips(found: Found) -> Int64:
    """Rows to keep, without duplicates: regions of one image with nearly the same hips and size."""
    kept: list[int] = []
    for row in np.argsort(-found.scores, kind="stable").tolist():
        others = [k for k in kept if found.image_index[k] == found.image_index[row]]
        if not others:
            kept.append(row)
            continue
        here, there = found.rois[row], found.rois[others]
        apart = np.linalg.norm(there[:, :2] - here[:2], axis=1)
        side = (there[:, 3] + here[3]) / 2
        resized = np.abs(np.log(there[:, 3] / here[3]))
        if not ((apart < _SAME_HIPS * side) & (resized < math.log(_SAME_SIZE))).any():
            kept.append(row)
    return np.sort(np.array(kept, np.int64))
