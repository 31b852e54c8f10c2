"""The ground truth beside a rendered clip.

The file is one JSON object:

===================== ============================================================================
``format``            ``"podium-ground-truth/1"``
``video``             name of the clip beside the file
``fps``               frames per second
``size_px``           ``[width, height]``
``joints``            J names, in the order of the arrays below
``keypoints_px``      [T, J, 2] pixels of the frame, x right, y down; occluded joints included
``joints_m``          [T, J, 3] metres, camera axes: x right, y down, z away from the camera
``boxes_px``          [T, 4] tight xyxy box around the visible skin, clothes and shoes
``camera``            ``focal_px``, ``principal_point_px`` [2], ``rotation`` [3, 3] world to camera
                      ([T, 3, 3] of a camera that turns), ``position_m`` [3] in the world
                      (x running direction, y left, z up)
``facts``             ``height_m``, ``speed_m_s`` (forward, mid-hip, constant), ``stride_hz``
                      (of squats and jumps: repetitions), ``contact_s`` (one foot on the ground;
                      0 of squats and jumps)
``knee_flexion_deg``  [T, 2] left, right; 0 is straight
``contact``           [T, 2] left, right; 1 while that foot is on the ground
===================== ============================================================================

With several athletes, or one who is not always in the frame, the file is ``{"format":
"podium-ground-truth/2", "athletes": [...]}``; each athlete is an object as above. Key points and
boxes may then lie outside the frame.

Pixels are rounded to 0.01, metres to 0.0001, degrees to 0.01.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from podium.lab.scores import LIMB_JOINTS

Floats = NDArray[np.float64]

FORMAT = "podium-ground-truth/1"
FORMAT_OF_SEVERAL = "podium-ground-truth/2"


@dataclass(frozen=True)
class GroundTruth:
    """The content of a ground-truth file; its fields are described above."""

    video: str
    fps: float
    size_px: tuple[int, int]
    joints: tuple[str, ...]
    keypoints_px: Floats
    joints_m: Floats
    boxes_px: Floats
    focal_px: float
    principal_point_px: Floats
    rotation: Floats
    position_m: Floats
    height_m: float
    speed_m_s: float
    stride_hz: float
    contact_s: float
    knee_flexion_deg: Floats
    contact: NDArray[np.bool_]

    def limb_keypoints_px(self) -> Floats:
        """[T, 12, 2] in the order of ``LIMB_JOINTS``."""
        return self.keypoints_px[:, [self.joints.index(name) for name in LIMB_JOINTS]]

    def limb_joints_m(self) -> Floats:
        """[T, 12, 3] in the order of ``LIMB_JOINTS``."""
        return self.joints_m[:, [self.joints.index(name) for name in LIMB_JOINTS]]

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")

    def to_json(self) -> str:
        """The JSON object, one line for each member."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "video": self.video,
            "fps": self.fps,
            "size_px": self.size_px,
            "joints": self.joints,
            "camera": {
                "focal_px": round(self.focal_px, 4),
                "principal_point_px": self.principal_point_px.tolist(),
                "rotation": self.rotation.round(8).tolist(),
                "position_m": self.position_m.round(6).tolist(),
            },
            "facts": {
                "height_m": self.height_m,
                "speed_m_s": self.speed_m_s,
                "stride_hz": self.stride_hz,
                "contact_s": round(self.contact_s, 6),
            },
            "boxes_px": self.boxes_px.round(2).tolist(),
            "knee_flexion_deg": self.knee_flexion_deg.round(2).tolist(),
            "contact": self.contact.astype(int).tolist(),
            "keypoints_px": self.keypoints_px.round(2).tolist(),
            "joints_m": self.joints_m.round(4).tolist(),
        }
        lines = (
            f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in content.items()
        )
        return "{\n" + ",\n".join(lines) + "\n}"


def save_all(athletes: Sequence[GroundTruth], path: Path) -> None:
    """Write a file of several athletes."""
    objects = ",\n".join(athlete.to_json() for athlete in athletes)
    path.write_text(
        f'{{"format": "{FORMAT_OF_SEVERAL}", "athletes": [\n{objects}\n]}}\n', encoding="utf-8"
    )


def load_all(path: Path) -> list[GroundTruth]:
    """Read a file of one or several athletes.

    Raises:
        ValueError: The file is of another format.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    several = content.get("format") == FORMAT_OF_SEVERAL
    return [_read(entry, path) for entry in (content["athletes"] if several else [content])]


def load(path: Path) -> GroundTruth:
    """Read a ground-truth file of one athlete.

    Raises:
        ValueError: The file is of another format.
    """
    return _read(json.loads(path.read_text(encoding="utf-8")), path)


def _read(content: Any, path: Path) -> GroundTruth:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path.name}: is not of the format {FORMAT!r}")
    camera, facts = content["camera"], content["facts"]
    return GroundTruth(
        video=content["video"],
        fps=content["fps"],
        size_px=tuple(content["size_px"]),
        joints=tuple(content["joints"]),
        keypoints_px=np.array(content["keypoints_px"]),
        joints_m=np.array(content["joints_m"]),
        boxes_px=np.array(content["boxes_px"]),
        focal_px=camera["focal_px"],
        principal_point_px=np.array(camera["principal_point_px"]),
        rotation=np.array(camera["rotation"]),
        position_m=np.array(camera["position_m"]),
        height_m=facts["height_m"],
        speed_m_s=facts["speed_m_s"],
        stride_hz=facts["stride_hz"],
        contact_s=facts["contact_s"],
        knee_flexion_deg=np.array(content["knee_flexion_deg"]),
        contact=np.array(content["contact"], dtype=np.bool_),
    )
