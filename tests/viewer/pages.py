"""Motion documents of which every drawn point is known, and a browser to look at them."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import uvicorn
from playwright.sync_api import Locator, Page
from starlette.applications import Starlette

from podium.biomechanics.exports.packing import packed_floats, packed_shares, packed_steps
from podium.schemas.motion import (
    Motion,
    MotionAthlete,
    MotionEvent,
    MotionMeasure,
    MotionSkeleton,
    MotionSource,
)
from podium.skeletons import COCO17
from podium.viewer.folder_app import folder_app
from tests.support.waiting import blocking_until

POSE_PX = np.array(
    [
        [0, -60], [3, -63], [-3, -63], [7, -61], [-7, -61], [16, -45], [-16, -45], [24, -22],
        [-24, -22], [27, 0], [-27, 0], [10, 0], [-10, 0], [13, 28], [-13, 28], [14, 58], [-14, 58],
    ],
    float,
)  # fmt: skip


def motion_of(
    times_s: Sequence[float], size: tuple[int, int], *, athletes: int = 1, label: str = "Person"
) -> tuple[Motion, np.ndarray]:
    """Figures that walk to the right; gives the document, and the key points (A, T, 17, 2)."""
    time_s = np.array(times_s, float)
    rows, (width, height) = len(time_s), size
    scale = height / 200
    points = []
    for number in range(athletes):
        x = np.linspace(0.25, 0.7, rows) * width + number * 0.1 * width
        centre = np.stack([x, np.full(rows, 0.55 * height)], axis=1)
        points.append(centre[:, None] + POSE_PX[None] * scale)
    knee = 40 + 30 * np.sin(np.linspace(0, 12, rows))
    motion = Motion(
        source=MotionSource(name="clip.mp4", width=width, height=height, fps=25),
        skeleton=MotionSkeleton(
            name=COCO17.name, joints=list(COCO17.joints), bones=[(a, b) for a, b in COCO17.edges]
        ),
        time_s=packed_floats(time_s, double=True),
        frame_index=packed_floats(np.arange(rows, dtype=float), double=True),
        athletes=[
            MotionAthlete(
                person=number,
                label=f"{label} {number}",
                keypoints_px=packed_steps(of, 0.05),
                scores=packed_shares(np.full((rows, 17), 0.9)),
                joints_m=packed_steps(_in_space(of), 0.0005),
                measures=[
                    MotionMeasure(
                        name="left_knee_flexion_deg", label="left knee flexion", unit="deg",
                        values=packed_floats(knee), plot="Knee flexion", joint="left_knee",
                    ),
                    MotionMeasure(
                        name="right_knee_flexion_deg", label="right knee flexion", unit="deg",
                        values=packed_floats(knee[::-1]), plot="Knee flexion", joint="right_knee",
                    ),
                    MotionMeasure(
                        name="speed", label="Speed", unit="m/s", value=5.5, sd=0.2, n=4, digits=2
                    ),
                    MotionMeasure(name="jump", label="Jump height", unit="m", reason="no flight"),
                ],
                events=[
                    MotionEvent(name="contact", side="left", time_s=float(time_s[rows // 4])),
                    MotionEvent(name="contact", side="left", time_s=float(time_s[rows // 2])),
                ],
            )
            for number, of in enumerate(points)
        ],
    )  # fmt: skip
    return motion, np.stack(points)


def _in_space(points: np.ndarray) -> np.ndarray:
    """A flat figure, metres from its middle, y up."""
    flat = (points - points.mean(axis=1, keepdims=True)) / 100 * [1, -1]
    return np.concatenate([flat, np.zeros_like(flat[..., :1])], axis=-1)


@contextmanager
def served(folder: Path, motion: Motion, video: Path | None) -> Iterator[str]:
    """The viewer of a folder with this motion; gives its address."""
    (folder / "motion.json").write_text(motion.model_dump_json())
    with listening(folder_app(folder, video)) as url:
        yield url


def show(page: Page, row: int) -> None:
    """Move the slider to a row, and wait until the video shows its frame."""
    page.evaluate(
        """async (row) => {
            const video = document.querySelector("video");
            const slider = document.querySelector("input[type=range]");
            const seeked = (done) => video.addEventListener("seeked", done, { once: true });
            const shown = video && new Promise(seeked);
            const before = slider.value;
            slider.value = row;
            slider.dispatchEvent(new Event("input"));
            if (video && String(row) !== before) await shown;
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
        row,
    )


def pixels(page: Page, selector: str, size: tuple[int, int]) -> np.ndarray:
    """What a canvas or a video shows, (H, W, 4) RGBA, at its own size."""
    data = page.evaluate(
        """([selector, width, height]) => {
            const canvas = document.createElement("canvas");
            Object.assign(canvas, { width, height });
            const shown = document.querySelector(selector);
            canvas.getContext("2d").drawImage(shown, 0, 0, width, height);
            return canvas.toDataURL("image/png").split(",")[1];
        }""",
        [selector, *size],
    )
    encoded = np.frombuffer(base64.b64decode(data), np.uint8)
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def shown_row(page: Page) -> int:
    """The row that the slider and the clock show."""
    return int(page.locator(".clock").inner_text().split()[-1])


def wait_for(page: Page, expression: str, within_s: float = 60.0) -> None:
    """Wait until an expression of the page is true (the page's policy forbids Playwright's way)."""
    end = time.monotonic() + within_s
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never: {expression}"
        page.wait_for_timeout(20)


def changed(place: Locator, before: bytes) -> bytes:
    """What a place of the page looks like, once that is no longer as it was."""
    now = before

    def is_other() -> bool:
        nonlocal now
        now = place.screenshot()
        return now != before

    blocking_until(is_other)
    return now


@contextmanager
def listening(app: Starlette) -> Iterator[str]:
    """An application on loopback; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=asyncio.run, args=[server.serve(sockets=[listener])])
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)
