"""Corrects the results of a video by hand: they are postprocessed again."""

from __future__ import annotations

import hashlib
from functools import partial

from podium.jobs import results
from podium.jobs.environment import Environment
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import collecting
from podium.jobs.steps.collect import keep_files, postprocessed
from podium.schemas.corrections import CorrectionFile
from podium.schemas.summary import OutputFile


def correct(env: Environment, video_id: int, corrections: CorrectionFile) -> None:
    """Replace the files of a video by those of the corrected results.

    The frame results stay as they are; the corrections are kept beside them.

    Raises:
        NotFound: there is no such video.
        PodiumError: postprocessing refuses, for example because the video is deleted or a
            correction names an event that does not exist; then nothing changes.
    """
    video = env.database.read(SYSTEM, partial(collecting.collected_video, video_id=video_id))
    text = corrections.model_dump_json()
    done = postprocessed(env, video, {**video.options, "corrections": text})
    key, content = f"{video.results_folder}/{results.CORRECTIONS}", text.encode()
    env.objects.put(key, content)
    kept = OutputFile(
        name=results.CORRECTIONS,
        uri=env.objects.address(key),
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="application/json",
    )
    keep_files(env, video, [*done.files, kept])
