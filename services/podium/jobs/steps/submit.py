"""``submit``: divides a video into frame batches and offers them to the workers."""

from __future__ import annotations

from functools import partial

from podium.jobs.environment import Environment
from podium.jobs.observing.oplog import action
from podium.jobs.principal import SYSTEM
from podium.jobs.sql import batches, submitting

_AT_ONCE = 500


def submit(env: Environment, video_id: int) -> int:
    """Create the frame batches of a video and offer the new ones; returns their number.

    The order is: rows, stream, mark as submitted. So after a crash the next call continues, and a
    batch that is announced twice is still done once.

    Raises:
        NotFound: there is no such video.
        Unavailable: the stream does not accept them.
    """
    with action(env.log, "submit", video_id=video_id) as outcome:
        frames, now = env.timing.batch_frames, env.now()
        offer = env.database.write(
            SYSTEM, partial(submitting.make, video_id=video_id, usual_frames=frames, now=now)
        )
        for first in range(0, len(offer.ids), _AT_ONCE):
            ids = offer.ids[first : first + _AT_ONCE]
            if env.stream is not None:
                env.stream.put(offer.queue, offer.priority, ids)
            env.database.write(SYSTEM, partial(batches.mark_submitted, ids=ids, now=env.now()))
        outcome["batches"] = len(offer.ids)
        return len(offer.ids)
