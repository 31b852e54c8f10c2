"""Estimates the pose of every person on every frame of a chunk, in at most three rounds of crops.

1. Detection frames are cropped at the detected regions. A pose that agrees with its region
   (``regions.py``) is good; the others are guesses.
2. The frames between are cropped at regions interpolated from the good poses; so are the detection
   frames whose pose was a guess.
3. Poses that still disagree with their region or with their neighbours in time are cropped once
   more, at regions interpolated from good neighbours. Those that then still disagree are dropped:
   the track has a gap there.

Where two bodies overlap, each is cropped off to the far side of the other (``regions.aside``).

So a chunk takes at most three calls, whatever its length, and no frame waits for the previous one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from podium.pipelines.ownership import SAME_BODY_OKS, owned
from podium.pipelines.persons import Persons
from podium.pipelines.regions import (
    SETTLED,
    aside,
    between,
    deviation,
    in_line,
    neighbours,
    within,
)
from podium.types import Bool, Float32, Float64, Int64
from podium.vision.bodies import same_bodies, suppress_bodies
from podium.vision.interpolation import along, associate, spread

_FEW = 3
"""With at least this many detection frames, a person found on only one of them is dropped."""

_BESIDE = 0.5
"""Distance of two regions' centres, in sides, below which one person may hide the other."""

Cut = Callable[[Int64, Float32, Float32], Awaitable[tuple[Int64, Persons, Int64]]]
"""Crops regions (M, 5) with scores (M,) from the frames at positions (M,) of the chunk and
estimates poses. Returns the rows that show a person, these persons, and the rows that the engine
refused."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """Poses of a chunk, with the regions of their crops."""

    tracks: Int64  # (M,) number of the person within the chunk
    position: Int64  # (M,) frame within the chunk
    cut: Float32  # (M, 5) regions of the crops
    persons: Persons  # M rows

    def rows(self, kept: Int64 | Bool) -> Sightings:
        """Only the given rows."""
        kept = np.arange(len(self.tracks))[kept]
        return Sightings(
            self.tracks[kept], self.position[kept], self.cut[kept], self.persons.rows(kept)
        )

    def joined(self, other: Sightings) -> Sightings:
        """Both, ordered by frame."""
        position = np.concatenate([self.position, other.position])
        both = Sightings(
            np.concatenate([self.tracks, other.tracks]),
            position,
            np.concatenate([self.cut, other.cut]),
            Persons.concatenate([self.persons, other.persons]),
        )
        return both.rows(np.argsort(position, kind="stable"))

    @property
    def settled(self) -> Bool:
        """Which poses (M,) agree with their region."""
        return within(deviation(self.cut, self.persons.rois), SETTLED)

    @property
    def is_good(self) -> Bool:
        """Which poses (M,) agree with their region and with their neighbours in time."""
        settled = self.settled
        return settled & in_line(self.tracks, self.position, self.persons.rois, settled)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where persons are expected."""

    tracks: Int64  # (M,)
    position: Int64  # (M,) frame within the chunk
    rois: Float32  # (M, 5)
    scores: Float32  # (M,)


@dataclass(frozen=True, slots=True)
class _Look:
    """Crops regions, off to the side of others where bodies overlap.

    Args:
        cut: Crops regions and estimates poses.
        roomy: Whether crops have room enough to be moved.
    """

    cut: Cut
    roomy: bool

    async def at(self, wanted: Wanted, which: Int64 | Bool) -> tuple[Sightings, Int64]:
        """Poses of some of the wanted persons, and the rows that the engine refused."""
        moved = aside(wanted.position, wanted.rois) if self.roomy else wanted.rois
        return await self._through(moved, wanted, np.arange(len(wanted.tracks))[which])

    async def centred(self, wanted: Wanted) -> tuple[Sightings, Int64]:
        """Poses in the middle of the regions, as a detector gives them: their place is rough."""
        return await self._through(wanted.rois, wanted, np.arange(len(wanted.tracks)))

    async def _through(
        self, crops: Float32, wanted: Wanted, which: Int64
    ) -> tuple[Sightings, Int64]:
        rows, persons, refused = await self.cut(
            wanted.position[which], crops[which], wanted.scores[which]
        )
        kept = which[rows]
        seen = Sightings(wanted.tracks[kept], wanted.position[kept], wanted.rois[kept], persons)
        return seen, which[refused]


async def follow(
    cut: Cut,
    searched: Int64,
    image_index: Int64,
    rois: Float32,
    scores: Float32,
    *,
    frame_count: int,
    hold: bool,
    roomy: bool = True,
) -> Persons:
    """Persons on all frames of a chunk; their track ids are numbers within the chunk.

    Args:
        cut: Crops regions and estimates poses.
        searched: (D,) ascending positions of the detection frames within the chunk.
        image_index: (K,) row of ``searched`` for each detection.
        rois: (K, 5) regions of the detections, frame pixels.
        scores: (K,) scores of the detections.
        frame_count: Number of frames in the chunk.
        hold: Whether to try regions where the person may be gone, because the pose model can
            tell that nobody is there.
        roomy: Whether crops have room around the body, so that they may be moved aside.
    """
    order = np.argsort(image_index, kind="stable")
    image_index, rois, scores = image_index[order], rois[order], scores[order]
    look = _Look(cut, roomy)
    everybody = Wanted(np.full(len(rois), -1, np.int64), searched[image_index], rois, scores)
    found, refused = await look.centred(everybody)
    if roomy and len(twice := _showing_one_body_twice(found)):
        found = found.joined((await look.at(everybody, np.isin(everybody.position, twice)))[0])
    detected = _each_body_once(searched, found)
    if frame_count == 1:
        return detected.persons.with_tracks(detected.tracks)
    if not len(detected.tracks):  # the engine may refuse some frames and accept others
        numbers = associate(searched, image_index[refused], rois[refused])
        refused = refused[numbers >= 0]
        wanted = Wanted(
            *spread(
                numbers[numbers >= 0],
                searched[image_index[refused]],
                rois[refused],
                scores[refused],
                searched,
                frame_count=frame_count,
                hold=hold,
            )
        )
        around, _ = await look.at(wanted, ~np.isin(wanted.position, searched))
        return around.persons.with_tracks(around.tracks)
    if len(searched) >= _FEW:
        detected = detected.rows(_lengths(detected.tracks) > 1)
    good = detected.is_good
    for track in np.unique(detected.tracks):  # a person without any good pose is followed, too
        of_track = detected.tracks == track
        good |= of_track & ~(good & of_track).any()
    sure = detected.rows(good)
    wanted = Wanted(
        *spread(
            sure.tracks,
            sure.position,
            sure.persons.rois,
            sure.persons.scores,
            searched,
            frame_count=frame_count,
            hold=hold,
        )
    )
    wanted = _with_hidden(sure, wanted, frame_count)
    done = np.isin(
        _key(wanted.tracks, wanted.position),
        _key(sure.tracks, sure.position),
    )
    around, _ = await look.at(wanted, ~done)
    everything = await _mended(look, sure.joined(around))
    persons = everything.persons.with_tracks(everything.tracks)
    apart = deviation(everything.cut, persons.rois)
    merit = persons.scores - apart[:, 0] - apart[:, 1] + 0.002 * _lengths(everything.tracks)
    return persons.rows(
        owned(everything.tracks, everything.position, persons, merit.astype(np.float32))
    )


def _showing_one_body_twice(seen: Sightings) -> Int64:
    """Frames in which two crops show one body."""
    doubled = []
    frames, counts = np.unique(seen.position, return_counts=True)
    for frame in frames[counts > 1]:
        rows = np.flatnonzero(seen.position == frame)
        keypoints, boxes = seen.persons.keypoints[rows], seen.persons.boxes[rows]
        if np.triu(same_bodies(keypoints, boxes, SAME_BODY_OKS), 1).any():
            doubled.append(frame)
    return np.array(doubled, np.int64)


def _each_body_once(searched: Int64, found: Sightings) -> Sightings:
    """The poses on detection frames without duplicates, numbered by person."""
    rois, persons = found.cut, found.persons
    if len(rois) == 1:  # one person on one picture has no other to be told from
        return Sightings(np.zeros(1, np.int64), found.position, rois, persons)
    image_index = np.searchsorted(searched, found.position)
    apart = deviation(rois, persons.rois)
    merit = persons.scores - apart[:, 0] - apart[:, 1]
    kept = suppress_bodies(
        persons.keypoints, persons.boxes, merit.astype(np.float32), image_index, SAME_BODY_OKS
    )
    persons, image_index, rois = persons.rows(kept), image_index[kept], rois[kept]
    settled = within(deviation(rois, persons.rois), SETTLED)
    tracks = np.full(len(kept), -1, np.int64)
    tracks[settled] = associate(searched, image_index[settled], persons.rois[settled])
    seen = Sightings(tracks, searched[image_index], rois, persons)
    others = np.flatnonzero(~settled & ~_beside_known(seen, settled))
    numbers = associate(searched, image_index[others], persons.rois[others])
    others, numbers = others[numbers >= 0], numbers[numbers >= 0]
    tracks[others] = numbers + 1 + tracks[settled].max(initial=-1)
    return seen.rows(tracks >= 0)


def _beside_known(seen: Sightings, settled: Bool) -> Bool:
    """Which poses (M,) lie at a person with settled poses: bad poses of that person."""
    beside = np.zeros(len(settled), np.bool_)
    for track in np.unique(seen.tracks[seen.tracks >= 0]).tolist():
        own = np.flatnonzero(settled & (seen.tracks == track))
        way = along(seen.position, seen.position[own], seen.persons.rois[own].astype(np.float64))
        apart = np.linalg.norm(seen.cut[:, :2] - way[:, :2], axis=1)
        beside |= apart < np.minimum(way[:, 2], seen.cut[:, 2])
    return beside


async def _mended(look: _Look, seen: Sightings) -> Sightings:
    """Crop the bad poses once more, between good ones; drop those that stay bad."""
    good = seen.is_good
    rows, pairs = neighbours(seen.tracks, seen.position, good)
    bad = ~good[rows]
    if not bad.any():
        return seen
    rows, pairs = rows[bad], pairs[bad]
    order = np.argsort(rows)  # by frame
    rows, pairs = rows[order], pairs[order]
    expected = seen.persons.rois.copy()
    expected[rows] = between(seen.position, seen.persons.rois, rows, pairs)
    wanted = Wanted(seen.tracks, seen.position, expected, np.ones(len(seen.tracks), np.float32))
    again, _ = await look.at(wanted, rows)
    whole = seen.rows(good).joined(again)
    return whole.rows(whole.is_good)


def _with_hidden(sure: Sightings, wanted: Wanted, frame_count: int) -> Wanted:
    """Add regions where hidden persons may be.

    Of two persons who run side by side a detector may see only one. The other is searched for
    along the extension of their motion, as long as that stays close to another person.

    Args:
        sure: Good poses on detection frames.
        wanted: Regions that will be cropped anyway.
        frame_count: Number of frames in the chunk.
    """
    found: list[tuple[int, int, Float64]] = []
    for track in np.unique(sure.tracks).tolist():
        own = np.flatnonzero(sure.tracks == track)
        if len(own) < 2:
            continue
        own = own[np.argsort(sure.position[own], kind="stable")]
        at, knots = sure.position[own], sure.persons.rois[own].astype(np.float64)
        looked = wanted.position[wanted.tracks == track]
        for frames, ends in (
            (range(int(looked.max()) + 1, frame_count), slice(-2, None)),
            (range(int(looked.min()) - 1, -1, -1), slice(0, 2)),
        ):
            for frame in frames:
                region = along(np.array([frame]), at[ends], knots[ends])[0]
                here = (wanted.position == frame) & (wanted.tracks != track)
                apart = np.linalg.norm(wanted.rois[here, :2] - region[:2], axis=1)
                if not (apart < _BESIDE * region[2]).any():
                    break
                found.append((track, frame, region))
    if not found:
        return wanted
    tracks, position, regions = zip(*found, strict=True)
    return Wanted(
        np.concatenate([wanted.tracks, tracks]),
        np.concatenate([wanted.position, position]),
        np.concatenate([wanted.rois, np.stack(regions).astype(np.float32)]),
        np.concatenate([wanted.scores, np.ones(len(found), np.float32)]),
    )


def _key(tracks: Int64, position: Int64) -> Int64:
    return np.asarray((tracks << 32) + position)


def _lengths(tracks: Int64) -> Int64:
    """For each row, the number of rows (M,) of its person."""
    _, inverse, counts = np.unique(tracks, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse])
