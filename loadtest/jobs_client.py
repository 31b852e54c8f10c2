"""The api of jobs as a client sees it, and clips for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import requests

from podium.schemas.states import TERMINAL


def clip(path: Path, frames: int) -> Path:
    """Write a video of 64x64 pixels, H.264, 25 frames/s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for n in range(frames):
            picture = np.full((64, 64, 3), n % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


class Api:
    """Asks with one key.

    Args:
        url: Of the api.
        key: An API key.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"x-api-key": key}
        self._session = requests.Session()
        self._session.headers.update(self.headers)

    def upload(self, path: Path) -> int:
        """Upload a file by a form; gives the id of the upload."""
        data = path.read_bytes()
        upload = self._post("/v1/uploads", {"upload_name": path.name, "size_bytes": len(data)})
        sent = requests.post(
            upload["url"], data=upload["fields"], files={"file": data}, timeout=600
        )
        sent.raise_for_status()
        self._post(f"/v1/uploads/{upload['id']}/complete", None)
        return int(upload["id"])

    def job(
        self, upload_id: int, batch_frames: int, pipeline_id: int = 1, **postprocess: Any
    ) -> dict[str, Any]:
        """Make a job and wait for it; gives it as it is at its end.

        Args:
            upload_id: Of the video.
            batch_frames: Frames per frame batch.
            pipeline_id: Of the pipeline.
            postprocess: Options of postprocessing.

        Raises:
            ClickException: it did not succeed.
        """
        body = {
            "input": {"upload_id": upload_id}, "pipeline_id": pipeline_id,
            "job_parameters": {"batch_frames": batch_frames, "postprocess": postprocess},
        }  # fmt: skip
        job: dict[str, Any] = self._post("/v1/jobs", body)
        while job["job_status"] not in TERMINAL:
            time.sleep(0.05)
            job = self.get(f"/v1/jobs/{job['id']}")
        if job["job_status"] != "succeeded":
            raise click.ClickException(f"the job {job['job_status']}: {job['error']}")
        return job

    def job_s(self, path: Path, batch_frames: int) -> float:
        """Seconds from create_job to the end."""
        upload_id = self.upload(path)
        started = time.monotonic()
        self.job(upload_id, batch_frames)
        return time.monotonic() - started

    def get(self, path: str) -> Any:
        """The object at a path."""
        answer = self._session.get(f"{self.url}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: Any) -> Any:
        answer = self._session.post(f"{self.url}{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()
