"""Events of a job as a reader sees them that asks for what comes after the last."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from podium.jobs.principal import SYSTEM
from podium.jobs.sql import events
from podium.jobs.sql.database import Database
from tests.support.job_world import make_world
from tests.support.videos import write_video

WRITERS, EACH = 4, 12


def test_none_is_missed_while_several_are_written(database: Database, tmp_path: Path) -> None:
    world = make_world(database, tmp_path, None)
    job_id = world.submit(write_video(tmp_path / "v.mp4", 5))
    project_id = world.job(job_id).project_id

    def one(session: Session, data: dict[str, int]) -> None:
        kind, now = "job.progress", world.env.now()
        events.add(session, kind, project_id=project_id, job_id=job_id, data=data, now=now)
        time.sleep(random.uniform(0, 0.01))  # noqa: S311 - others begin and end meanwhile

    def write(writer: int) -> None:
        for number in range(EACH):
            data = {"writer": writer, "number": number}
            database.write(SYSTEM, partial(one, data=data))

    writers = [threading.Thread(target=write, args=[writer]) for writer in range(WRITERS)]
    for thread in writers:
        thread.start()
    read: list[events.Event] = []
    is_over = False
    while not is_over:
        is_over = not any(thread.is_alive() for thread in writers)
        last = read[-1].id if read else 0
        read += database.read(SYSTEM, partial(events.after, job_id=job_id, last_id=last))
    told = sorted((event.data["writer"], event.data["number"]) for event in read)
    assert told == [(writer, number) for writer in range(WRITERS) for number in range(EACH)]
