"""The ground truth beside a rendered clip, and the scores that compare a prediction with it.

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
``camera``            ``focal_px``, ``principal_point_px`` [2], ``rotation`` [3, 3] world to camera,
                      ``position_m`` [3] in the world (x running direction, y left, z up)
``facts``             ``height_m``, ``speed_m_s`` (forward, mid-hip, constant), ``stride_hz``,
                      ``contact_s`` (one foot on the ground)
``knee_flexion_deg``  [T, 2] left, right; 0 is straight
``contact``           [T, 2] left, right; 1 while that foot is on the ground
===================== ============================================================================

Pixels are rounded to 0.01, metres to 0.0001, degrees to 0.01.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FORMAT = "podium-ground-truth/1"
LIMB_JOINTS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
HIPS = (LIMB_JOINTS.index("left_hip"), LIMB_JOINTS.index("right_hip"))


@dataclass(frozen=True)
class GroundTruth:
    """The content of a ground-truth file; the fields are those of the format above."""

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
        """Writes the file."""
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
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def load(path: Path) -> GroundTruth:
    """Reads a ground-truth file.

    Raises:
        ValueError: The file is of another format.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise ValueError(f"{path.name}: format is {content.get('format')!r}, expected {FORMAT!r}")
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


def pck(pred_px: Floats, truth_px: Floats, box: Floats, alpha: float) -> float:
    """Share of correct key points, normalised by the person box (Yang & Ramanan, PAMI 2013).

    A key point is correct when its distance to the truth is below ``alpha * max(width, height)``
    of the true box of its frame. NaN, a key point that was not found, is wrong.

    Args:
        pred_px: [T, J, 2].
        truth_px: [T, J, 2].
        box: [T, 4] xyxy.
        alpha: Usually 0.1.
    """
    side = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    return float(np.mean(np.linalg.norm(pred_px - truth_px, axis=-1) < alpha * side[:, None]))


def mpjpe_mm(pred_m: Floats, truth_m: Floats) -> float:
    """Mean joint distance after both mid-hips are moved to the origin.

    Args:
        pred_m: [T, 12, 3] metres, in the order of ``LIMB_JOINTS``; NaN joints are left out.
        truth_m: [T, 12, 3], same axes.
    """
    hips = list(HIPS)
    pred = pred_m - pred_m[:, hips].mean(axis=1, keepdims=True)
    truth = truth_m - truth_m[:, hips].mean(axis=1, keepdims=True)
    return float(1000 * np.nanmean(np.linalg.norm(pred - truth, axis=-1)))


def pa_mpjpe_mm(pred_m: Floats, truth_m: Floats) -> float:
    """Mean joint distance after the best rotation, scale and shift of every frame (Gower 1975).

    Args:
        pred_m: [T, J, 3] metres; frames with a NaN are left out.
        truth_m: [T, J, 3].
    """
    whole = np.isfinite(pred_m).all(axis=(1, 2))
    pred = pred_m[whole] - pred_m[whole].mean(axis=1, keepdims=True)
    truth = truth_m[whole] - truth_m[whole].mean(axis=1, keepdims=True)
    u, stretch, vt = np.linalg.svd(np.swapaxes(pred, 1, 2) @ truth)
    sign = np.ones_like(stretch)
    sign[:, -1] = np.sign(np.linalg.det(u @ vt))  # a rotation, never a mirror image
    scale = (stretch * sign).sum(axis=1) / (pred**2).sum(axis=(1, 2))
    aligned = scale[:, None, None] * pred @ (u * sign[:, None]) @ vt
    return float(1000 * np.mean(np.linalg.norm(aligned - truth, axis=-1)))
