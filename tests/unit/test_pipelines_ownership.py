"""Of two persons at one place, the body belongs to the one whose posture goes on."""

import numpy as np

from podium.pipelines.ownership import owned
from podium.pipelines.persons import Persons


def posture(phase):
    """A body (17, 2) whose limbs swing with a phase, about its middle, in sides."""
    rng = np.random.default_rng(1)
    still, swing, lift = (rng.uniform(-most, most, (17, 2)) for most in (0.35, 0.1, 0.1))
    return still + swing * np.sin(phase) + lift * np.cos(phase)


def persons_of(rows):
    """Persons of rows (frame, track, x, phase)."""
    frame, track, x, phase = (np.array(column) for column in zip(*rows, strict=True))
    rois = np.array([[at, 300, 300, 300, 0] for at in x], np.float32)
    points = np.stack([posture(p) for p in phase]) * 300 + rois[:, None, :2]
    keypoints = np.concatenate([points, np.ones((len(rows), 17, 1))], axis=2).astype(np.float32)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1).astype(np.float32)
    return Persons(frame, track, boxes, np.ones(len(rows), np.float32), keypoints, None, rois)


def kept(rows, merit):
    persons = persons_of(rows)
    found = owned(persons.track_ids, persons.frame_index, persons, np.array(merit, np.float32))
    return [(rows[k][0], rows[k][1]) for k in found.tolist()]


def rows_of(frames):
    """Two athletes out of step; in the middle both crops show the one in front, number 1."""
    rows = []
    for frame in frames:
        is_hidden = 6 <= frame < 12
        front, rear = 0.4 * frame, 0.4 * frame + np.pi
        x = 300 + 20 * (frame - 9)
        rows.append((frame, 0, x if is_hidden else 300, front if is_hidden else rear))
        rows.append((frame, 1, x, front))
    return rows


def test_the_one_in_front_keeps_the_body_whatever_the_places_say():
    rows = rows_of(range(20))
    merit = [1.0 if track == 0 else 0.9 for _, track, _, _ in rows]
    found = kept(rows, merit)
    assert [track for frame, track in found if 6 <= frame < 12] == [1] * 6
    assert sum(track == 0 for _, track in found) == 14


def test_a_chunk_that_begins_while_one_hides_the_other_is_settled_backwards():
    rows = [row for row in rows_of(range(20)) if row[0] >= 8]
    merit = [1.0 if track == 0 else 0.9 for _, track, _, _ in rows]
    assert [track for frame, track in kept(rows, merit) if frame < 12] == [1] * 4


def test_nothing_else_is_left_out():
    rows = [
        (frame, track, 300 + 900 * track, 0.4 * frame) for frame in range(5) for track in (0, 1)
    ]
    assert len(kept(rows, [1.0] * 10)) == 10
    assert kept([(0, 0, 300, 0.0), (0, 1, 301, 0.0)], [0.5, 0.9]) == [(0, 1)]
