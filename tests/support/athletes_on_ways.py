"""A pose model for tests of following: it sees athletes on straight ways, as BlazePose would."""

import numpy as np

from podium.pipelines.persons import Persons

FRAMES = 32
SEARCHED = np.array([0, 4, 8, 12, 16, 20, 24, 28, 31])


def region(x, side=300.0, y=360.0):
    return np.array([x, y, side, side, 0], np.float32)


class Athletes:
    """A pose model that sees athletes on straight ways: from afar it folds, and says nonsense.

    A crop within a fifth of a side of an athlete shows them as they are; one within half a side
    shows something of about the size and place of the crop; any other shows nobody.
    """

    def __init__(self, *ways):
        self.ways = ways  # each: frame -> x, or None where hidden
        self.cuts = []

    async def __call__(self, position, rois, scores):
        rows, said = [], []
        for row, (frame, roi) in enumerate(zip(position.tolist(), rois, strict=True)):
            places = [x for x in (way(frame) for way in self.ways) if x is not None]
            if not places:
                continue
            x = min(places, key=lambda place: abs(place - roi[0]))
            off = np.hypot(x - roi[0], 360 - roi[1]) / roi[2]
            if off < 0.2 and abs(np.log(roi[2] / 300)) < 0.2:
                said.append(region(x))
            elif off < 0.5:
                said.append(region(roi[0] + 0.2 * roi[2], roi[2] * 0.9, roi[1] + 0.1 * roi[2]))
            else:
                continue
            rows.append(row)
        rows = np.array(rows, np.int64)
        self.cuts.append(len(position))
        found = np.array(said, np.float32).reshape(-1, 5)
        body = np.linspace(-0.4, 0.4, 17, dtype=np.float32)
        keypoints = np.ones((len(rows), 17, 3), np.float32)
        keypoints[..., :2] = found[:, None, :2] + body[None, :, None] * found[:, None, 2:3]
        boxes = np.concatenate(
            [found[:, :2] - 0.4 * found[:, 2:4], found[:, :2] + 0.4 * found[:, 2:4]], axis=1
        )
        persons = Persons(
            position[rows],
            np.full(len(rows), -1),
            boxes,
            np.ones(len(rows), np.float32),
            keypoints,
            None,
            found,
        )
        return rows, persons, np.zeros(0, np.int64)
