"""The whole analysis of one trajectory: read this file first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from podium.biomechanics.body.angles import (
    Angle,
    angle_in_plane,
    angles_of,
    angular_velocity,
)
from podium.biomechanics.body.facing import facing
from podium.biomechanics.body.floor import Floor, floor_of
from podium.biomechanics.body.scale import Scale, scale
from podium.biomechanics.body.track import Cleaning, Track, clean_plane, clean_space
from podium.biomechanics.body.view import is_side_view
from podium.biomechanics.fit.primary import Looks, Primary, Source, moves_across, primary
from podium.biomechanics.fit.result import BodyFit
from podium.biomechanics.fit.trajectory import fit_body
from podium.biomechanics.persons.corrected import corrected_keypoints
from podium.biomechanics.persons.sides import Exchanges, undo_exchanges
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.camera_motion import CameraMotion
from podium.biomechanics.signals.filters import Smoothing
from podium.biomechanics.signals.kinematics import velocity
from podium.biomechanics.signals.timeline import pauses
from podium.schemas.corrections import KeypointCorrection
from podium.schemas.known_distance import KnownDistance
from podium.schemas.postprocess import View
from podium.skeletons import Skeleton
from podium.types import Bool, Float64


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """Options of the analysis."""

    smoothing: Smoothing = field(default_factory=Smoothing)
    max_gap_frames: int = 10
    athlete_height_m: float | None = None
    athlete_mass_kg: float | None = None
    known_distance: KnownDistance | None = None
    view: View | None = None  # None: as detected
    frame_size: tuple[int, int] | None = None  # pixels; None: the extent of the key points
    camera: CameraMotion | None = None  # None: unknown
    camera_tilt_deg: float | None = None  # None: as the floor shows it
    intrinsics: tuple[float, float, float, float] | None = None  # fx, fy, cx, cy in pixels


@dataclass(frozen=True, slots=True)
class AngleSeries:
    """One angle over time, each (T,).

    ``chosen`` is the angle to use; ``plane_deg`` is the angle in the picture, in any view;
    ``fit_deg`` is that of the fitted body, NaN where it is unusable or missing.
    """

    angle: Angle
    chosen: Primary
    velocity_deg_s: Float64  # of ``chosen``
    plane_deg: Float64
    fit_deg: Float64


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is derived from one trajectory."""

    trajectory: Trajectory  # with corrected left and right
    exchanges: Exchanges
    skeleton: Skeleton
    plane: Track  # D = 2, pixels
    space: Float64  # (T, J, 3) metres, cleaned and smoothed like those in the picture
    breaks: Bool  # (T,) True: not the continuation of the frame before
    facing: Float64  # (T,) +1 right, -1 left
    scale: Scale
    floor: Floor  # as the feet show it
    tilt: Floor  # which the camera is taken to have: as the user said, or that of the floor
    velocity: Float64  # (T, J, 2) px/s
    fit: BodyFit  # of the raw key points
    angles: tuple[AngleSeries, ...]
    smoothing: Smoothing
    sideways: bool  # seen from the side, so that ways in the picture are those on the ground
    camera: CameraMotion | None = None  # None: unknown
    athlete_mass_kg: float | None = None
    view: View | None = None  # as the user said

    @property
    def level(self) -> Track:
        """``plane`` as a level camera would see it, turned about the top left of the picture."""
        return self.plane.levelled(self.tilt)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn of one person."""

    trajectory: Trajectory  # with corrected left and right
    skeleton: Skeleton
    keypoints: Float64  # (T, J, 2) measured or filled ones; NaN where there are none
    filled: Bool  # (T, J) interpolated, not measured


def shown(
    trajectory: Trajectory,
    skeleton: Skeleton,
    options: AnalysisOptions,
    corrections: Sequence[KeypointCorrection] = (),
) -> Shown:
    """What ``analyse`` will show of a person, in a fraction of the time: nothing is fitted."""
    trajectory, _ = undo_exchanges(trajectory, skeleton)
    trajectory, by_hand = corrected_keypoints(trajectory, skeleton, corrections)
    plane = clean_plane(trajectory, _cleaning(options, pauses(trajectory.time_s), by_hand))
    return Shown(trajectory, skeleton, _shown(trajectory, plane), plane.filled)


def shown_keypoints(analysis: Analysis) -> Float64:
    """Key points (T, J, 2) to draw: measured or filled ones; NaN where there are none."""
    return _shown(analysis.trajectory, analysis.plane)


def _shown(trajectory: Trajectory, plane: Track) -> Float64:
    measured = trajectory.seen & ~plane.outliers
    raw = np.where(measured[..., None], trajectory.keypoints[..., :2], np.nan)
    return np.where(plane.filled[..., None], plane.positions, raw)


def analyse(
    trajectory: Trajectory,
    skeleton: Skeleton,
    options: AnalysisOptions,
    corrections: Sequence[KeypointCorrection] = (),
) -> Analysis:
    """Correct exchanged sides, reject outliers, fill short gaps, smooth, fit the body, and so on.

    Key points outside of the picture count as not seen. Only smoothed positions are differentiated
    (see ``kinematics.velocity``).

    Raises:
        InvalidInput: a correction by hand names a key point that the trajectory does not have.
    """
    if options.frame_size is not None:
        trajectory = trajectory.within(options.frame_size)
    trajectory, exchanges = undo_exchanges(trajectory, skeleton)
    trajectory, by_hand = corrected_keypoints(trajectory, skeleton, corrections)
    time_s = trajectory.time_s
    breaks = pauses(time_s)
    height_px = trajectory.height_px
    how = _cleaning(options, breaks, by_hand)
    plane, space = clean_plane(trajectory, how), clean_space(trajectory, how)
    faces = facing(plane.positions, time_s, skeleton)
    turns = np.append(False, np.diff(faces) != 0)
    sideways = is_side_view(plane.positions, skeleton, options.view)
    if options.camera is not None and options.camera.moves:
        floor = Floor(None, reason="the camera moves")
    else:
        floor = floor_of(plane.positions, time_s, skeleton, sideways=sideways)
    said_deg = options.camera_tilt_deg
    tilt = floor if said_deg is None else Floor(said_deg, 0.0, said=True)
    level = plane.levelled(tilt)
    fit = _fit(trajectory, skeleton, options, tilt)
    sideways = moves_across(fit, sideways) if options.view is None else sideways
    looks = Looks(sideways, options.view)
    return Analysis(
        trajectory=trajectory,
        exchanges=exchanges,
        skeleton=skeleton,
        plane=plane,
        space=space,
        breaks=breaks,
        facing=faces,
        scale=scale(
            plane.positions,
            space,
            faces,
            skeleton,
            box_height_px=height_px,
            athlete_height_m=options.athlete_height_m,
            known_distance=options.known_distance,
        ),
        floor=floor,
        tilt=tilt,
        velocity=velocity(plane.positions, plane.filtered[..., None], time_s, breaks),
        angles=tuple(
            _series(angle, level, faces, skeleton, fit, looks=looks, breaks=breaks | turns)
            for angle in angles_of(skeleton)
        ),
        smoothing=options.smoothing,
        camera=options.camera,
        sideways=sideways,
        view=options.view,
        athlete_mass_kg=options.athlete_mass_kg,
        fit=fit,
    )


def _cleaning(options: AnalysisOptions, breaks: Bool, by_hand: Bool) -> Cleaning:
    return Cleaning(options.smoothing, options.max_gap_frames, breaks, trusted=by_hand)


def _fit(
    trajectory: Trajectory, skeleton: Skeleton, options: AnalysisOptions, tilt: Floor
) -> BodyFit:
    size = options.frame_size
    if size is None:
        reach = np.nan_to_num(trajectory.keypoints[..., :2], nan=1.0).max(axis=(0, 1), initial=1.0)
        size = (int(reach[0]), int(reach[1]))
    landmarks, camera = trajectory.keypoints_3d, options.camera
    pixels = trajectory.keypoints[..., :2]
    if camera is not None and camera.can_be_removed:
        pixels = camera.removed(pixels, trajectory.time_s)
    if tilt.is_tilted:
        pixels = tilt.levelled(pixels, (size[0] / 2, size[1] / 2))
        across = tilt.levelled(landmarks[..., :2])
        landmarks = np.concatenate([across, landmarks[..., 2:]], axis=-1)
    return fit_body(
        pixels,
        np.nan_to_num(trajectory.keypoints[..., 2]),
        trajectory.time_s,
        skeleton,
        size,
        landmarks_m=landmarks if np.isfinite(landmarks).any() else None,
        intrinsics=options.intrinsics,
        height_m=options.athlete_height_m,
        moving_camera=camera is not None and camera.moves and not camera.can_be_removed,
    )


def _series(
    angle: Angle,
    level: Track,
    faces: Float64,
    skeleton: Skeleton,
    fit: BodyFit,
    *,
    looks: Looks,
    breaks: Bool,
) -> AngleSeries:
    in_plane = angle_in_plane(angle, level.positions, faces, skeleton)
    usable = np.where(level.filtered[..., None], level.positions, np.nan)
    steady = angle_in_plane(angle, usable, faces, skeleton)
    if angle.name in fit.angles.names:
        chosen = primary(angle.name, in_plane, fit, looks)
        fitted = fit.angles.of(angle.name)
        steady = np.where(chosen.source == Source.PICTURE, steady, chosen.degrees)
    else:
        chosen, fitted = _in_picture(in_plane), _nowhere(in_plane)
    changes = np.append(False, np.diff(chosen.source) != 0)
    return AngleSeries(
        angle=angle,
        chosen=chosen,
        velocity_deg_s=angular_velocity(steady, fit.time_s, breaks | changes, angle.period_deg),
        plane_deg=in_plane,
        fit_deg=fitted,
    )


def _in_picture(degrees: Float64) -> Primary:
    """An angle that exists only in the picture."""
    source = np.where(np.isfinite(degrees), Source.PICTURE, Source.NONE).astype(np.uint8)
    return Primary(degrees, _nowhere(degrees), source, "")


def _nowhere(like: Float64) -> Float64:
    """NaN in the shape of another array; takes no memory."""
    return np.broadcast_to(np.nan, like.shape)
