"""Renders a clip and writes it beside its ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from podium.lab.athlete.body import body
from podium.lab.athlete.camera import Camera, fit
from podium.lab.athlete.film import NOISE, encode
from podium.lab.athlete.gait import JOINTS, Motion, run
from podium.lab.athlete.ground_truth import GroundTruth
from podium.lab.athlete.mesh import Mesh
from podium.lab.athlete.posture import Gait
from podium.lab.athlete.render import SUPERSAMPLE, draw, outline
from podium.lab.athlete.scene import background


@dataclass(frozen=True)
class Clip:
    """A run seen by one camera.

    Attributes:
        gait: The run.
        motion: The body at every frame, world axes.
        meshes: The skin at every frame, world axes.
        camera: Static, fitted so that the athlete stays in the frame.
        fps: Frames per second.
        seed: Seed of the noise and the scenery.
    """

    gait: Gait
    motion: Motion
    meshes: list[Mesh]
    camera: Camera
    fps: int
    seed: int

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures [H, W, 3] RGB, one after the other."""
        empty = background(self.camera, SUPERSAMPLE, self.seed)
        rng = np.random.default_rng(self.seed)
        for mesh in self.meshes:
            picture = draw(empty, mesh, self.camera).astype(np.float32)
            picture += NOISE * rng.standard_normal(picture.shape, np.float32)
            yield np.clip(picture + 0.5, 0, 255).astype(np.uint8)

    def ground_truth(self, video: str) -> GroundTruth:
        """The ground truth of the pictures."""
        joints_m = self.camera.to_camera(self.motion.joints_m)
        return GroundTruth(
            video=video,
            fps=float(self.fps),
            size_px=self.camera.size_px,
            joints=JOINTS,
            keypoints_px=self.camera.project(joints_m),
            joints_m=joints_m,
            boxes_px=np.stack([outline(mesh, self.camera) for mesh in self.meshes]),
            focal_px=self.camera.focal_px,
            principal_point_px=self.camera.centre_px,
            rotation=self.camera.rotation,
            position_m=self.camera.position_m,
            height_m=self.gait.height_m,
            speed_m_s=self.gait.speed_m_s,
            stride_hz=self.gait.stride_hz,
            contact_s=self.gait.duty / self.gait.stride_hz,
            knee_flexion_deg=self.motion.knee_flexion_deg,
            contact=self.motion.contact,
        )


def make(
    gait: Gait, view: str, *, frames: int, fps: int, size_px: tuple[int, int], seed: int = 0
) -> Clip:
    """Pose the athlete in every frame and fit the camera.

    Raises:
        ValueError: The view is unknown, or speed and stride frequency do not make a run.
    """
    motion = run(gait, np.arange(frames) / fps)
    meshes = [body(gait, motion, frame) for frame in range(frames)]
    corners = np.concatenate([mesh.quads_m.reshape(-1, 3) for mesh in meshes])
    return Clip(gait, motion, meshes, fit(view, size_px, corners), fps, seed)


def write(clip: Clip, folder: Path, name: str, crf: int) -> tuple[Path, Path]:
    """Write ``name.mp4`` (H.264) and ``name.json``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    video, truth = folder / f"{name}.mp4", folder / f"{name}.json"
    encode(clip.frames(), video, clip.camera.size_px, clip.fps, crf)
    clip.ground_truth(video.name).save(truth)
    return video, truth
