"""Named scenes: who runs where, and how it is filmed. ``film.py`` renders them.

World axes: x to the right of a camera at the side, y away from it, z up; metres.
"""

from dataclasses import dataclass

from podium.lab.athlete.body import Clothes
from podium.lab.athlete.exercise import Exercise, Jumps, Squats
from podium.lab.athlete.posture import Gait

BLUE, YELLOW, GREEN, BLACK, WHITE, PINK = (
    Clothes(),
    Clothes((0.88, 0.72, 0.10), (0.10, 0.12, 0.20)),
    Clothes((0.10, 0.50, 0.25), (0.90, 0.90, 0.88)),
    Clothes((0.10, 0.10, 0.12), (0.10, 0.10, 0.12)),
    Clothes((0.90, 0.90, 0.92), (0.15, 0.25, 0.60)),
    Clothes((0.85, 0.30, 0.50), (0.20, 0.20, 0.25)),
)


_SPRINT = Gait(7.0, 2.1)


@dataclass(frozen=True)
class Runner:
    """One athlete of a scene.

    Attributes:
        start_m: x, y of the mid-hip at time 0.
        gait: The run, or squats or jumps on the spot.
        to_left: Whether the athlete runs to the left, seen from the side.
        begun_s: Time of the gait at time 0, so that athletes need not be in step.
        clothes: Their colours.
        stays: Whether the athlete runs on a treadmill.
    """

    start_m: tuple[float, float]
    gait: Gait | Exercise = _SPRINT
    to_left: bool = False
    begun_s: float = 0.0
    clothes: Clothes = BLUE
    stays: bool = False


@dataclass(frozen=True)
class Scene:
    """Some athletes and a camera.

    Attributes:
        about: Description, for people.
        runners: The athletes.
        share: Height of a standing athlete at the view's distance over height of the frame.
        frames: Number of frames.
        fps: Frames per second.
        view: Place of the camera; a name of ``camera.VIEWS``.
        size_px: Width and height.
        camera_height_m: Height of the camera, instead of the view's own.
        pole_m: x, y of a pole of 10 cm; None: no pole.
        follows: Whether the camera pans with the first runner.
    """

    about: str
    runners: tuple[Runner, ...]
    share: float
    frames: int
    fps: int
    view: str = "side"
    size_px: tuple[int, int] = (1280, 720)
    camera_height_m: float | None = None
    pole_m: tuple[float, float] | None = None
    follows: bool = False


_SLOW = Gait(5.5, 1.9)
_LANES_M = (-3.05, -1.83, -0.61, 0.61, 1.83, 3.05)
_SIX = tuple(
    Runner(
        (-5.6 + 1.55 * lane, _LANES_M[5 - lane]),
        Gait(6.6 + 0.15 * lane, 2.0 + 0.02 * lane, 1.74 + 0.02 * lane),
        begun_s=0.11 * lane,
        clothes=clothes,
    )
    for lane, clothes in enumerate((BLUE, YELLOW, GREEN, BLACK, WHITE, PINK))
)

SCENES = {
    "side-43": Scene("side, .43 of the frame's height, 60 fps", (Runner((-3.0, 0)),), 0.43, 52, 60),
    "side-34-left": Scene(
        "side, .34 of the height, 24 fps, to the left",
        (Runner((4.2, 0), to_left=True),),
        0.34,
        28,
        24,
    ),
    "side-25": Scene("side, .25 of the height, 60 fps", (Runner((-5.6, 0)),), 0.25, 96, 60),
    "side-34-240": Scene("side, .34 of the height, 240 fps", (Runner((-2, 0)),), 0.34, 96, 240),
    "enters-leaves": Scene(
        "side, .34, enters the frame and leaves it", (Runner((-6.0, 0)),), 0.34, 51, 30
    ),
    "pole": Scene(
        "side, .34, a pole in front", (Runner((-3.6, 0)),), 0.34, 36, 30, pole_m=(0.3, -2.0)
    ),
    "crossing": Scene(
        "two cross, .34",
        (
            Runner((-3.6, 0.61), begun_s=0.1),
            Runner((3.6, -0.61), to_left=True, clothes=YELLOW),
        ),
        0.34,
        32,
        30,
    ),
    "overtaking": Scene(
        "one overtakes another, .34",
        (
            Runner((-2.6, 0.61), _SLOW, begun_s=0.2),
            Runner((-4.0, -0.61), Gait(8.2, 2.2), clothes=YELLOW),
        ),
        0.34,
        60,
        60,
    ),
    "six-lanes": Scene("six in lanes, .25, camera at 3 m", _SIX, 0.25, 30, 30, camera_height_m=3.0),
    "panning": Scene(
        "the camera follows, .40, 30 fps", (Runner((-6, 0)),), 0.40, 40, 30, follows=True
    ),
    "front": Scene("front, .40", (Runner((5, 0), to_left=False),), 0.40, 30, 30, view="front"),
    "rear": Scene("rear, .40", (Runner((-5, 0)),), 0.40, 30, 30, view="rear"),
    "treadmill": Scene(
        "treadmill, side, .45", (Runner((0, 0), Gait(4.0, 1.6), stays=True),), 0.45, 45, 30
    ),
    "squats": Scene("squats, side, .60", (Runner((0, 0), Squats()),), 0.60, 120, 30),
    "jumps": Scene("jumps, side, .50", (Runner((0, 0), Jumps()),), 0.50, 140, 60),
}
"""Name -> scene."""
