"""One chunk of a request: decode, find, crop, estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from podium.errors import FramesGone, Unavailable, Unprocessable
from podium.pipelines.camera import camera_of
from podium.pipelines.follow import follow
from podium.pipelines.observer import Observer, timed
from podium.pipelines.persons import Persons, in_frame_pixels
from podium.pipelines.plan import Plan
from podium.pipelines.regions import ROOMY
from podium.pipelines.search import find_persons
from podium.pipelines.sequence import follow_in_sequence
from podium.pipelines.slices import slices
from podium.schemas.intrinsics import Intrinsics
from podium.stages import Stages
from podium.types import Float32, FrameBatch, FrameRange, Int64, Media, Poses2D, Poses3D
from podium.vision.boxes import box_of_roi

_DECODE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive frames of the request."""

    plan: Plan
    batch: FrameBatch
    persons: Persons
    failed: dict[int, str]  # frame index -> why an engine refused it

    @property
    def is_whole_picture(self) -> bool:
        """Whether the media has only this frame: nothing is followed over time."""
        return self.batch.source.frame_count == 1


@dataclass(frozen=True, slots=True)
class ChunkWork:
    """The work on a chunk; one object serves all chunks of a request.

    Args:
        stages: The services.
        media: The video or picture.
        intrinsics: Intrinsics of its camera; None: unknown.
        observer: Told of each stage call.
    """

    stages: Stages
    media: Media
    intrinsics: Intrinsics | None
    observer: Observer

    async def run(self, plan: Plan, frames: FrameRange) -> Chunk:
        """Decode and estimate; decode again if the replica has lost its frames.

        Raises:
            PodiumError: a stage failed, or the frames were lost repeatedly.
        """
        for attempt in range(1, _DECODE_ATTEMPTS + 1):
            with timed(self.observer, "decode"):
                batch = await self.stages.decode.decode(
                    self.media,
                    frames,
                    stride=plan.detection.stride,
                    letterbox=plan.models.detector.letterbox,
                )
            try:
                return await self._estimate(plan, batch)
            except FramesGone as error:
                if attempt == _DECODE_ATTEMPTS:
                    raise Unavailable(f"decode: {error.message}") from None
            except BaseException:  # a stage failed, or the client disconnected
                self.stages.decode.release(batch.frames)
                raise
        raise AssertionError("unreachable")

    async def _estimate(self, plan: Plan, batch: FrameBatch) -> Chunk:
        models = plan.models
        with timed(self.observer, "detection"):
            found = await find_persons(
                self.stages, plan.detection, models.detector.letterbox, models.pose, batch
            )
        failed = {int(batch.image_frame[row]): why for row, why in found.failed.items()}
        is_single = len(batch.frame_index) == 1  # cut only once, so that call releases the frame

        async def cut(
            position: Int64, rois: Float32, scores: Float32
        ) -> tuple[Int64, Persons, Int64]:
            rows, persons, refused = await self._cut(
                plan, batch, position, rois, scores, release=is_single
            )
            failed.update({int(batch.frame_index[position[row]]): w for row, w in refused.items()})
            return rows, persons, np.array(list(refused), np.int64)

        searched = np.searchsorted(batch.frame_index, batch.image_frame)
        detections = found.image_index, found.rois, found.scores
        if plan.pose.regions == "sequential":
            persons = await follow_in_sequence(
                cut,
                searched,
                *detections,
                frame_count=len(batch.frame_index),
                shape=(models.pose.roi_scale, models.pose.roi_aspect),
            )
        else:
            persons = await follow(
                cut,
                searched,
                *detections,
                frame_count=len(batch.frame_index),
                hold=models.judges_presence,
                roomy=models.pose.roi_scale >= ROOMY,
            )
        if not is_single or not len(found.rois):
            self.stages.decode.release(batch.frames)
        shown = set(persons.frame_index.tolist())
        return Chunk(
            plan, batch, persons, {frame: w for frame, w in failed.items() if frame not in shown}
        )

    async def _cut(
        self,
        plan: Plan,
        batch: FrameBatch,
        position: Int64,
        rois: Float32,
        scores: Float32,
        *,
        release: bool,
    ) -> tuple[Int64, Persons, dict[int, str]]:
        """As ``follow.Cut``, but with the reason for each refused row."""
        crop = plan.models.pose.crop
        kept: list[Int64] = []
        parts, failed = list[Persons](), dict[int, str]()
        shown = np.flatnonzero(batch.frame_ok[position])
        for part in slices(len(shown), crop.height * crop.width * 3):
            rows = shown[part]
            frame_index = batch.frame_index[position[rows]]
            of_part, persons, refused = await self._poses(
                plan,
                batch,
                frame_index,
                rois[rows],
                scores[rows],
                release=release and part.stop == len(shown),
            )
            kept.append(rows[of_part])
            parts.append(persons)
            failed |= {int(rows[row]): why for row, why in refused.items()}
        if not parts:
            nobody = Persons.nobody(plan.models.joint_count, in_3d=plan.pose.stage == "pose3d")
            return np.zeros(0, np.int64), nobody, failed
        return np.concatenate(kept), Persons.concatenate(parts), failed

    async def _poses(
        self,
        plan: Plan,
        batch: FrameBatch,
        frame_index: Int64,
        rois: Float32,
        scores: Float32,
        *,
        release: bool,
    ) -> tuple[Int64, Persons, dict[int, str]]:
        """The rows that show a person, these persons, and the refused rows with reasons."""
        pose, models = plan.pose, plan.models
        with timed(self.observer, "crop"):
            crops = await self.stages.decode.crop(
                batch.frames, frame_index, rois, models.pose.crop, release=release
            )
        poses: Poses2D | Poses3D
        try:
            with timed(self.observer, pose.stage):
                if pose.stage == "pose2d":
                    poses = await self.stages.pose2d.estimate(pose.model, crops.images)
                else:
                    camera = self._camera(batch, rois) if models.pose.needs_camera else ()
                    poses = await self.stages.pose3d.estimate(pose.model, crops.images, *camera)
        except Unprocessable as error:  # the engine refuses all rows
            nobody = Persons.nobody(models.joint_count, in_3d=pose.stage == "pose3d")
            return np.zeros(0, np.int64), nobody, dict.fromkeys(range(len(rois)), error.message)
        persons = in_frame_pixels(frame_index, rois, scores, crops.transforms, poses)
        refused = np.isin(np.arange(len(rois)), list(poses.failed))
        shown = ~refused
        if models.judges_presence:
            shown &= persons.scores >= pose.min_presence
        rows = np.flatnonzero(shown)
        return rows, persons.rows(rows), dict(poses.failed)

    def _camera(self, batch: FrameBatch, rois: Float32) -> tuple[Float32, Float32]:
        """The box that each crop shows (M, 4), frame pixels, and the intrinsics (4,)."""
        return box_of_roi(rois), camera_of(self.intrinsics, batch.frame_size)
