"""Decodes a video and estimates poses with MediaPipe's own Python API, as its guide does.

Run by ``beside_mediapipe`` with an interpreter that has the package; imports nothing of Podium.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main(video: str, mode: str) -> None:
    """Print the number of frames and of poses. ``mode`` is ``tracking`` or ``static``."""
    cv2: Any = importlib.import_module("cv2")
    mediapipe: Any = importlib.import_module("mediapipe")
    reader, frames, poses = cv2.VideoCapture(video), 0, 0
    with mediapipe.solutions.pose.Pose(
        static_image_mode=mode == "static", model_complexity=1
    ) as pose:
        while True:
            ok, picture = reader.read()
            if not ok:
                break
            found = pose.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            frames += 1
            poses += found.pose_landmarks is not None
    sys.stdout.write(f"{frames} {poses}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
