"""Renders a scene of one or several athletes and writes it beside its ground truth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from podium.lab.athlete.body import body
from podium.lab.athlete.camera import Camera, aim
from podium.lab.athlete.exercise import Exercise, exercise
from podium.lab.athlete.gait import JOINTS, Motion, run
from podium.lab.athlete.ground_truth import GroundTruth, save_all
from podium.lab.athlete.mesh import Mesh, capsule, join, paint, place
from podium.lab.athlete.posture import Gait
from podium.lab.athlete.render import SUPERSAMPLE, draw, outline
from podium.lab.athlete.scene import background
from podium.lab.athlete.scenes import Runner, Scene

Floats = NDArray[np.float64]

NOISE = 2.0  # standard deviation of the sensor noise, grey levels
POLE_HEIGHT_M, POLE_RADIUS_M, POLE = 3.0, 0.05, (0.55, 0.56, 0.58)
AIM_HEIGHT_M = 0.95  # the middle of an athlete


@dataclass(frozen=True)
class Performance:
    """A runner in the world, at every frame."""

    runner: Runner
    motion: Motion
    meshes: list[Mesh]


@dataclass(frozen=True)
class Film:
    """A scene, posed and ready to be drawn.

    Attributes:
        scene: What it shows.
        performances: One for each runner.
        cameras: One for each frame.
        seed: Seed of the noise and the scenery.
    """

    scene: Scene
    performances: list[Performance]
    cameras: list[Camera]
    seed: int

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures [H, W, 3] RGB, one after the other."""
        rng = np.random.default_rng(self.seed)
        pole = [_pole(*self.scene.pole_m)] if self.scene.pole_m else []
        empty, seen_by = None, None
        for frame, camera in enumerate(self.cameras):
            if empty is None or camera is not seen_by:
                empty, seen_by = background(camera, SUPERSAMPLE, self.seed), camera
            meshes = [p.meshes[frame] for p in self.performances]
            shown = [mesh for mesh in meshes if _is_in_sight(mesh, camera)]
            picture = draw(empty, join(shown + pole), camera) if shown + pole else _half(empty)
            noisy = picture + NOISE * rng.standard_normal(picture.shape, np.float32)
            yield np.clip(noisy + 0.5, 0, 255).astype(np.uint8)

    def ground_truth(self, video: str) -> list[GroundTruth]:
        """The ground truth of each athlete."""
        return [self._truth_of(performance, video) for performance in self.performances]

    def _truth_of(self, performance: Performance, video: str) -> GroundTruth:
        gait, motion, first = performance.runner.gait, performance.motion, self.cameras[0]
        joints_m = np.stack(
            [c.to_camera(m) for c, m in zip(self.cameras, motion.joints_m, strict=True)]
        )
        boxes = [outline(m, c) for m, c in zip(performance.meshes, self.cameras, strict=True)]
        turns = any(camera is not first for camera in self.cameras)
        return GroundTruth(
            video=video,
            fps=float(self.scene.fps),
            size_px=self.scene.size_px,
            joints=JOINTS,
            keypoints_px=first.project(joints_m),
            joints_m=joints_m,
            boxes_px=np.stack(boxes),
            focal_px=first.focal_px,
            principal_point_px=first.centre_px,
            rotation=np.stack([c.rotation for c in self.cameras]) if turns else first.rotation,
            position_m=first.position_m,
            height_m=gait.height_m,
            speed_m_s=0.0 if performance.runner.stays else gait.speed_m_s,
            stride_hz=gait.stride_hz,
            contact_s=gait.duty / gait.stride_hz,
            knee_flexion_deg=motion.knee_flexion_deg,
            contact=motion.contact,
        )


def shoot(scene: Scene, seed: int = 0) -> Film:
    """Pose all runners in every frame and place the camera."""
    time_s = np.arange(scene.frames) / scene.fps
    performances = [_perform(runner, time_s) for runner in scene.runners]
    return Film(scene, performances, cameras_of(scene, performances[0].motion), seed)


def write_scene(
    scene: Scene, folder: Path, name: str, *, crf: int = 18, seed: int = 0
) -> tuple[Path, Path]:
    """Write ``name.mp4`` (H.264) and ``name.json``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    video, truth = folder / f"{name}.mp4", folder / f"{name}.json"
    film = shoot(scene, seed)
    encode(film.frames(), video, scene.size_px, scene.fps, crf)
    save_all(film.ground_truth(video.name), truth)
    return video, truth


def encode(
    pictures: Iterable[NDArray[np.uint8]], video: Path, size_px: tuple[int, int], fps: int, crf: int
) -> None:
    """Write pictures [H, W, 3] RGB as H.264."""
    with av.open(str(video), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        # One thread, so that the same frames always give the same bytes.
        stream.options = {"crf": str(crf), "preset": "slow", "threads": "1"}
        stream.time_base = Fraction(1, fps)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _perform(runner: Runner, time_s: Floats) -> Performance:
    motion = _moves(runner.gait, time_s + runner.begun_s)
    turn, shift = _way(runner, time_s)
    meshes = [
        place(body(runner.gait, motion, frame, runner.clothes), turn, shift[frame])
        for frame in range(len(time_s))
    ]
    return Performance(runner, motion.placed(turn, shift), meshes)


def motion_of(runner: Runner, time_s: Floats) -> Motion:
    """The movement in world axes at times [T]; a run's mid-hip is over ``start_m`` at time 0."""
    return _moves(runner.gait, time_s + runner.begun_s).placed(*_way(runner, time_s))


def _moves(what: Gait | Exercise, time_s: Floats) -> Motion:
    return run(what, time_s) if isinstance(what, Gait) else exercise(what, time_s)


def _way(runner: Runner, time_s: Floats) -> tuple[Floats, Floats]:
    """Rotation [3, 3] and shift [T, 3] of the run in the world."""
    turn = Rotation.from_euler("z", 180 if runner.to_left else 0, degrees=True).as_matrix()
    back = np.zeros((len(time_s), 3))
    back[:, 0] = -runner.gait.speed_m_s * (runner.begun_s + runner.stays * time_s)
    return turn, back @ turn.T + np.array([*runner.start_m, 0.0])


def cameras_of(scene: Scene, followed: Motion) -> list[Camera]:
    """The camera at every frame; the same object if it does not move."""
    middle = np.array([0.0, 0.0, AIM_HEIGHT_M])
    targets = np.tile(middle, (scene.frames, 1))
    if scene.follows:
        hips = (followed.joint("left_hip") + followed.joint("right_hip")) / 2
        targets[:, 0] = hips[:, 0]
    cameras: list[Camera] = []
    for target in targets:
        if cameras and not scene.follows:
            cameras.append(cameras[0])
            continue
        cameras.append(
            aim(
                scene.view,
                scene.size_px,
                middle_m=middle,
                target_m=target,
                body_px=scene.share * scene.size_px[1],
                body_m=scene.runners[0].gait.height_m,
                height_m=scene.camera_height_m,
            )
        )
    return cameras


def _is_in_sight(mesh: Mesh, camera: Camera) -> bool:
    box, (width, height) = outline(mesh, camera), camera.size_px
    return bool(box[2] > 0 and box[3] > 0 and box[0] < width and box[1] < height)


def _pole(x_m: float, y_m: float) -> Mesh:
    foot, top = np.array([x_m, y_m, 0.0]), np.array([x_m, y_m, POLE_HEIGHT_M])
    radii = ((0.0, POLE_RADIUS_M, POLE_RADIUS_M), (1.0, POLE_RADIUS_M, POLE_RADIUS_M))
    return paint(capsule(foot, top, np.array([0.0, -1.0, 0.0]), radii)[0], POLE)


def _half(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[0] // SUPERSAMPLE, picture.shape[1] // SUPERSAMPLE
    cut = picture.reshape(height, SUPERSAMPLE, width, SUPERSAMPLE, 3)
    return np.asarray(cut.mean(axis=(1, 3)), np.uint8)
