"""The surface of the body around the joints of one frame: skin, clothes, shoes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.lab.athlete.exercise import Exercise
from podium.lab.athlete.gait import Motion
from podium.lab.athlete.head import head
from podium.lab.athlete.mesh import Mesh, Profile, capsule, join, loft, paint, stitch, unit
from podium.lab.athlete.posture import Gait

Floats = NDArray[np.float64]

Colour = tuple[float, float, float]  # RGB, 0..1

SKIN: Colour = (0.78, 0.56, 0.43)
BIB: Colour = (0.93, 0.93, 0.91)
SHOE, SOLE = (0.95, 0.42, 0.08), (0.88, 0.88, 0.86)

# Metres for a body of 1.8 m: fraction of the length, half width, half depth.
THIGH: Profile = ((0, 0.080, 0.088), (0.3, 0.078, 0.088), (0.7, 0.062, 0.068), (1, 0.050, 0.055))
SHANK: Profile = ((0, 0.049, 0.053), (0.28, 0.053, 0.061), (0.7, 0.037, 0.041), (1, 0.031, 0.037))
UPPER_ARM: Profile = ((0, 0.056, 0.058), (0.4, 0.047, 0.052), (1, 0.036, 0.038))
FOREARM: Profile = ((0, 0.037, 0.039), (0.3, 0.040, 0.042), (1, 0.024, 0.029))
HAND: Profile = ((0, 0.024, 0.030), (0.5, 0.031, 0.043), (1, 0.022, 0.034))
# Height along the trunk (0 mid-hip, 1 middle of the shoulders), half width, half depth.
TRUNK: Profile = (
    (-0.20, 0.060, 0.050),
    (-0.12, 0.125, 0.095),
    (0.02, 0.168, 0.122),
    (0.22, 0.150, 0.105),
    (0.40, 0.142, 0.100),
    (0.65, 0.168, 0.118),
    (0.85, 0.178, 0.115),
    (0.97, 0.160, 0.090),
    (1.06, 0.090, 0.070),
    (1.12, 0.058, 0.060),
)


@dataclass(frozen=True)
class Clothes:
    """Colours of an athlete, to tell athletes apart."""

    shirt: Colour = (0.10, 0.27, 0.66)
    shorts: Colour = (0.62, 0.12, 0.14)


CLOTHES = Clothes()


def body(gait: Gait | Exercise, motion: Motion, frame: int, clothes: Clothes = CLOTHES) -> Mesh:
    """The dressed body [Q quads] in one frame, in world axes."""
    size = gait.height_m / 1.8
    parts = [_trunk(motion, frame, size, clothes), head(motion, frame, size)]
    for side in ("left", "right"):
        parts += _leg(motion, frame, side, size, clothes) + _arm(motion, frame, side, size)
    return join(parts)


def _scaled(profile: Profile, size: float) -> Profile:
    return tuple((place, size * width, size * depth) for place, width, depth in profile)


def _arm(motion: Motion, frame: int, side: str, size: float) -> list[Mesh]:
    names = ("shoulder", "elbow", "wrist")
    shoulder, elbow, wrist = (motion.joint(f"{side}_{name}")[frame] for name in names)
    fist = wrist + 0.075 * size * unit(wrist - elbow)
    # The elbow's hinge axis stays well defined because a runner's elbow is never straight.
    hinge = np.cross(elbow - shoulder, wrist - elbow)
    limbs = ((shoulder, elbow, UPPER_ARM), (elbow, wrist, FOREARM), (wrist, fist, HAND))
    return [
        paint(capsule(start, end, np.cross(hinge, end - start), _scaled(profile, size))[0], SKIN)
        for start, end, profile in limbs
    ]


def _leg(motion: Motion, frame: int, side: str, size: float, clothes: Clothes) -> list[Mesh]:
    names = ("hip", "knee", "ankle", "heel", "foot_index")
    hip, knee, ankle, heel, toe = (motion.joint(f"{side}_{name}")[frame] for name in names)
    front = unit(toe - heel)
    thigh, places = capsule(hip, knee, front, _scaled(THIGH, size))
    colours = np.where(places[1:, None] < 0.5, clothes.shorts, SKIN)
    shank, _ = capsule(knee, ankle, front, _scaled(SHANK, size))
    return [
        stitch(thigh, np.repeat(colours[:, None], thigh.shape[1], axis=1)),
        paint(shank, SKIN),
        _shoe(ankle, heel, toe, size),
    ]


def _shoe(ankle: Floats, heel: Floats, toe: Floats, size: float) -> Mesh:
    forward = unit(toe - heel)
    across = unit(np.cross(ankle - heel, forward))  # to the athlete's left
    up = np.cross(forward, across)
    # Along heel to toe: place, half width, height of the upper above the sole.
    table = np.array(
        [
            (-0.13, 0.004, 0.03),
            (-0.10, 0.030, 0.07),
            (0.05, 0.036, 0.105),
            (0.28, 0.038, 0.100),
            (0.50, 0.042, 0.070),
            (0.75, 0.049, 0.052),
            (0.95, 0.044, 0.042),
            (1.06, 0.028, 0.032),
            (1.10, 0.004, 0.020),
        ]
    )
    widths, heights = table[:, 1] * size, table[:, 2] * size
    centres = heel + table[:, :1] * (toe - heel) + (heights / 2 - 0.02 * size)[:, None] * up
    radii = np.stack([widths, heights / 2], axis=1)
    rings, angle = loft(centres, across, up, radii)
    colours = np.where((np.sin(angle) < -0.55)[None, :, None], SOLE, SHOE)
    return stitch(rings, np.repeat(colours, len(rings) - 1, axis=0))


def _trunk(motion: Motion, frame: int, size: float, clothes: Clothes) -> Mesh:
    def middle(joint: str) -> Floats:
        left, right = (motion.joint(f"{side}_{joint}")[frame] for side in ("left", "right"))
        return np.asarray((left + right) / 2)

    table = np.array(TRUNK)
    place = np.linspace(table[0, 0], table[-1, 0], 44)
    radii = size * np.stack([np.interp(place, table[:, 0], table[:, k]) for k in (1, 2)], axis=1)
    turn = np.clip(place, 0, 1)[:, None]
    left = (1 - turn) * motion.pelvis[frame, :, 1] + turn * motion.thorax[frame, :, 1]
    front = (1 - turn) * motion.pelvis[frame, :, 0] + turn * motion.thorax[frame, :, 0]
    bottom, top = middle("hip"), middle("shoulder")
    centres = bottom + place[:, None] * (top - bottom)
    rings, angle = loft(centres, -left, front, radii, corners=36)
    band = place[:-1, None, None]
    facing = np.abs(np.sin(angle))[None, :, None]
    colours = np.where(band < 0.14, clothes.shorts, np.where(band < 1.0, clothes.shirt, SKIN))
    bib = (band > 0.45) & (band < 0.75) & (facing > 0.62)
    armhole = (band > 0.72) & (band < 1.0) & (facing < 0.30)
    return stitch(rings, np.where(armhole, SKIN, np.where(bib, BIB, colours)))
