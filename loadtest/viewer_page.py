"""What a long clip costs in the viewer: ``python -m loadtest.viewer_page --json FILE``.

Ten minutes at 30 frames/s with two athletes (33 key points in the picture and in space, 16 curves
each) and their video are opened in Chromium and scrubbed. Times are of the wall, and of the
processor for the page's main thread: on a machine that does other work, only the second says what
the page costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import psutil
import uvicorn
from playwright.sync_api import CDPSession, Page, sync_playwright

from podium.biomechanics.exports.packing import packed_floats, packed_shares, packed_steps
from podium.schemas.motion import (
    Motion,
    MotionAthlete,
    MotionEvent,
    MotionMeasure,
    MotionSkeleton,
    MotionSource,
)
from podium.skeletons import BLAZEPOSE33
from podium.viewer.folder_app import MOTION_FILE, folder_app

_FRAMES = 18_000
_RATE = 30
_SIZE = (640, 360)
_ATHLETES = 2
_CURVES = 16
_SCRUBS = 300
_OPEN = "document.querySelector('.clock')?.textContent.includes('frame')"
_SCRUB = """async (count) => {
    const slider = document.querySelector("input[type=range]");
    const clock = document.querySelector(".clock");
    const begun = performance.now();
    let wrong = 0;
    for (let at = 0; at < count; at++) {
        slider.value = (at * 7919) % (Number(slider.max) + 1);
        slider.dispatchEvent(new Event("input"));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        if (!clock.textContent.endsWith(` ${slider.value}`)) wrong += 1;
    }
    return { seconds: (performance.now() - begun) / 1000, wrong };
}"""


def _motion() -> Motion:
    """Two figures that move smoothly."""
    rng = np.random.default_rng(0)
    time_s = np.arange(_FRAMES) / _RATE
    joints = len(BLAZEPOSE33)
    sway = np.sin(time_s[:, None, None] * rng.uniform(1, 6, (1, joints, 3)))

    def athlete(person: int) -> MotionAthlete:
        still = rng.uniform([200, 60], [440, 300], (joints, 2))
        curves = [
            MotionMeasure(
                name=f"left_curve_{n}_deg",
                label=f"Curve {n}",
                unit="deg",
                values=packed_floats(40 + 30 * np.sin(time_s * (1 + n / 7))),
                plot=f"Curve {n // 2}",
            )
            for n in range(_CURVES)
        ]
        return MotionAthlete(
            person=person,
            label=f"Person {person}",
            keypoints_px=packed_steps(still + 20 * sway[..., :2], 0.05),
            scores=packed_shares(np.full((_FRAMES, joints), 0.9)),
            joints_m=packed_steps(rng.uniform(-0.8, 0.8, (joints, 3)) + 0.1 * sway, 0.0005),
            measures=curves,
            events=[
                MotionEvent(name="contact", side="left", time_s=float(at)) for at in time_s[::_RATE]
            ],
        )

    width, height = _SIZE
    return Motion(
        source=MotionSource(name="long.mp4", width=width, height=height, fps=_RATE),
        skeleton=MotionSkeleton(
            name=BLAZEPOSE33.name,
            joints=list(BLAZEPOSE33.joints),
            bones=[(int(a), int(b)) for a, b in BLAZEPOSE33.edges],
        ),
        time_s=packed_floats(time_s, double=True),
        frame_index=packed_floats(np.arange(_FRAMES, dtype=float), double=True),
        athletes=[athlete(person) for person in range(_ATHLETES)],
    )


def _write_video(path: Path) -> None:
    """A gradient that moves, H.264 with a key frame a second."""
    width, height = _SIZE
    ramp = np.tile(np.arange(2 * width) * 255 // (2 * width), (height, 1)).astype(np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = _RATE
        for number in range(_FRAMES):
            grey = np.ascontiguousarray(ramp[:, number % width : number % width + width])
            picture = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


@contextmanager
def _served(folder: Path, video: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(folder_app(folder, video), log_config=None))
        thread = threading.Thread(target=asyncio.run, args=[server.serve(sockets=[listener])])
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(60)


def _thread_s() -> float:
    """Processor time of the main thread of the busiest page so far."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                main = next(each for each in process.threads() if each.id == process.pid)
                found.append(float(main.user_time + main.system_time))
    return max(found, default=0.0)


def _heap_mb(devtools: CDPSession) -> float:
    devtools.send("HeapProfiler.collectGarbage")
    usage = devtools.send("Runtime.getHeapUsage")
    used = float(usage["usedSize"]) + float(usage.get("backingStorageSize", 0))
    return round(used / 1e6, 1)


def _measured(page: Page, url: str) -> dict[str, Any]:
    devtools = page.context.new_cdp_session(page)
    before, begun = _thread_s(), time.monotonic()
    page.goto(url, wait_until="commit", timeout=600_000)
    while not page.evaluate(_OPEN):
        time.sleep(0.02)
    opened_s, opened_cpu_s = time.monotonic() - begun, _thread_s() - before
    page.wait_for_selector(".chart .main-svg", timeout=600_000)
    charts_cpu_s, memory_open = _thread_s() - before, _heap_mb(devtools)
    page.wait_for_timeout(1000)
    before = _thread_s()
    scrubbed = page.evaluate(_SCRUB, _SCRUBS)
    each_cpu_ms = 1000 * (_thread_s() - before) / _SCRUBS
    return {
        "open_s": round(opened_s, 2),
        "open_cpu_s": round(opened_cpu_s, 2),
        "open_with_charts_cpu_s": round(charts_cpu_s, 2),
        "redraws_per_s": round(_SCRUBS / scrubbed["seconds"], 1),
        "redraw_cpu_ms": round(each_cpu_ms, 2),
        "redraws_of_another_row": scrubbed["wrong"],
        "heap_mb_opened": memory_open,
        "heap_mb_scrubbed": _heap_mb(devtools),
    }


@click.command()
@click.option("--json", "target", type=click.Path(path_type=Path), required=True)
def main(target: Path) -> None:
    """Measure, and write the figures."""
    browser_path = shutil.which("chromium")
    if browser_path is None:
        raise click.ClickException("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch)
        (folder / MOTION_FILE).write_text(_motion().model_dump_json())
        _write_video(folder / "long.mp4")
        size_mb = (folder / MOTION_FILE).stat().st_size / 1e6
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        with _served(folder, folder / "long.mp4") as url:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            figures = _measured(page, url)
            page.goto("about:blank")
        figures = {
            "frames": _FRAMES,
            "athletes": _ATHLETES,
            "motion_json_mb": round(size_mb, 1),
            "chromium": browser.version,
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
            **figures,
        }
        browser.close()
    target.write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(target.read_text())


if __name__ == "__main__":
    main()
