"""The registry of measures: functions from a movement to measures, registered by a decorator.

A new measure is one function in one file of this package::

    @measured()
    def stride_length(movement: Movement) -> Iterator[Measure]:
        yield Measure(name="stride_length_m", label="Stride length", unit="m", ...)

Tables, summary, report, exports and plots iterate over the yielded measures. A function yields
measures with the same names for every trajectory of a skeleton, also if they are unknown
(``value=None`` and a ``reason``): the columns and the data dictionary depend on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from podium.biomechanics.analysis import Analysis, AnalysisOptions, analyse
from podium.biomechanics.events.movement import Movement, movement_of
from podium.biomechanics.measures.measure import Measure
from podium.biomechanics.measures.moving_camera import of_still_camera
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.checkpoints import checkpoint
from podium.schemas.corrections import PersonCorrections
from podium.skeletons import Skeleton


@dataclass(frozen=True, slots=True)
class Measured:
    """One athlete: the movement and its measures."""

    movement: Movement
    measures: tuple[Measure, ...]

    @property
    def analysis(self) -> Analysis:
        """The key points and the angles of the athlete."""
        return self.movement.analysis


Maker = Callable[[Movement], Iterable[Measure]]

_makers: list[tuple[int, Maker]] = []


def measured(order: int = 100) -> Callable[[Maker], Maker]:
    """Register a function that yields measures.

    Args:
        order: Functions of a lower order come first in tables and reports.
    """

    def register(maker: Maker) -> Maker:
        _makers.append((order, maker))
        dictionary.cache_clear()
        return maker

    return register


def unregister(maker: Maker) -> None:
    """Remove a function from the registry."""
    _makers[:] = [entry for entry in _makers if entry[1] is not maker]
    dictionary.cache_clear()


def measure(
    trajectory: Trajectory,
    skeleton: Skeleton,
    options: AnalysisOptions,
    corrections: PersonCorrections | None = None,
) -> Measured:
    """Run the whole of biomechanics for a trajectory: the analysis, the events, the measures.

    Raises:
        InvalidInput: a correction names an event or a key point that the athlete does not have.
    """
    own = corrections or PersonCorrections(person=trajectory.person)
    analysis = analyse(trajectory, skeleton, options, own.keypoints)
    movement = movement_of(analysis, own.events)
    return Measured(movement, measures_of(movement))


def measures_of(movement: Movement) -> tuple[Measure, ...]:
    """Every measure of one athlete, in the order of registration.

    Raises:
        ValueError: two measures have the same name.
    """
    ordered = sorted(_makers, key=lambda entry: entry[0])
    measures: list[Measure] = []
    for _, maker in ordered:
        checkpoint()
        measures += of_still_camera(movement, maker(movement))
    names = [found.name for found in measures]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"more than one measure is called {', '.join(twice)}")
    return tuple(measures)


@lru_cache
def dictionary(skeleton: Skeleton) -> tuple[Measure, ...]:
    """Every measure of an athlete with this skeleton, without values."""
    return measure(_nobody(skeleton), skeleton, AnalysisOptions()).measures


def _nobody(skeleton: Skeleton) -> Trajectory:
    """A trajectory with one frame that shows nothing."""
    joints = len(skeleton)
    return Trajectory(
        person=0,
        frame_index=np.zeros(1, np.int64),
        time_s=np.zeros(1),
        boxes=np.zeros((1, 4)),
        scores=np.zeros(1),
        keypoints=np.zeros((1, joints, 3)),
        keypoints_3d=np.full((1, joints, 3), np.nan),
    )
