"""A ZIP of everything through the real services: each file gets what it deserves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from podium.jobs.sql.database import Database
from podium.jobs.timing import Timing
from podium.local.stack import Stack
from tests.support.job_world import make_world, zipped
from tests.support.videos import only_audio, write_video


def test_a_zip_of_everything(
    stack: Stack, sqlite: Database, results_root: Path, tmp_path: Path, clip: Path
) -> None:
    timing = Timing(batch_frames=20, check_every_s=0.2)
    world = make_world(sqlite, results_root / "jobs", stack.gateway_url, timing)
    empty = write_video(tmp_path / "empty.mp4", 12).read_bytes()
    upload = zipped(
        tmp_path / "training.zip",
        {
            "heat 1/sprint.mp4": clip.read_bytes(),
            "notes.txt": b"wind +0.8",
            "text.mp4": b"this is not a video at all, whatever it is called",
            "broken.mp4": empty[: len(empty) // 2],
            "frameless.mp4": clip.read_bytes()[:3000],
            "audio.mp4": only_audio(tmp_path / "audio.mp4").read_bytes(),
            "nobody.mp4": empty,
            "athletes.json": b'{"lane": 4}',
        },
    )
    job_id = world.submit(upload, job_parameters={"postprocess": {"overlay": False}})
    with world.controller(workers=2):
        job = world.wait(job_id, timeout_s=240)
    assert job.job_status == "partially_succeeded", job.error_message
    assert [other["name"] for other in job.other_files] == ["notes.txt", "athletes.json"]
    videos = {video.video_name: video for video in world.videos(job_id)}
    reasons = {
        name: (video.video_status, video.error_message or "") for name, video in videos.items()
    }
    assert reasons["heat 1/sprint.mp4"] == ("succeeded", "")
    assert reasons["nobody.mp4"] == ("succeeded", "")
    assert any("No person was found" in note for note in videos["nobody.mp4"].warnings)
    for name, why in {
        "text.mp4": "is not media that Podium reads",
        "broken.mp4": "damaged or cut off",
        "frameless.mp4": "none of its frames can be decoded",
        "audio.mp4": "has no video in it, only audio",
    }.items():
        state, message = reasons[name]
        assert (state, why in message) == ("failed", True), message
        assert name in (job.error_message or "")

    [other] = [file for file in job.other_files if file["name"] == "athletes.json"]
    assert json.loads(b"".join(world.env.objects.read(other["path"]))) == {"lane": 4}
    told = {video["video_name"]: video for video in world.manifest(job_id)["videos"]}
    files = {file["name"]: file["path"] for file in told["heat 1/sprint.mp4"]["files"]}
    assert {"keypoints.csv", "biomechanics.csv", "summary.json", "report.html"} <= set(files)
    table = b"".join(world.env.objects.read(files["keypoints.csv"])).decode()
    frames = {int(row["frame"]) for row in csv.DictReader(io.StringIO(table))}
    assert len(frames) > 50
    merged = json.loads(b"".join(world.env.objects.read(files["results.json"])))
    assert [frame["index"] for batch in merged for frame in batch["frames"]] == list(range(60))
