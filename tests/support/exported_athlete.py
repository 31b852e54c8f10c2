"""The rendered athlete, measured once for all tests of exports."""

import functools

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.measures.registry import measure
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import filmed

GAP = slice(30, 50)
"""Frames on which the left wrist is not seen; too long to fill."""


@functools.cache
def exported_athlete():
    gait, trajectory = filmed(fps=60)
    trajectory.keypoints[GAP, BLAZEPOSE33.index["left_wrist"], 2] = 0.0
    return measure(trajectory, BLAZEPOSE33, AnalysisOptions(athlete_height_m=gait.height_m))
