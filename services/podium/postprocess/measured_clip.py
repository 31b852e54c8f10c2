"""Chooses the athletes and measures them; all documents are written from this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from podium.biomechanics.analysis import AnalysisOptions
from podium.biomechanics.exports.tables import open_tables
from podium.biomechanics.measures.registry import Measured, dictionary, measure
from podium.biomechanics.persons.selection import select
from podium.biomechanics.persons.trajectories import Trajectory
from podium.biomechanics.signals.camera_motion import CameraMotion
from podium.biomechanics.signals.filters import Smoothing
from podium.errors import InvalidInput
from podium.postprocess.frame_results import Clip
from podium.postprocess.measure_list import entry_of
from podium.schemas.corrections import CorrectionFile
from podium.schemas.measures import AthleteMeasures
from podium.schemas.postprocess import PostprocessOptions

UNCORRECTED = CorrectionFile()


@dataclass(frozen=True, slots=True)
class MeasuredClip:
    """A clip and its athletes; every document is written from this."""

    name: str  # name of the video, for people
    clip: Clip
    options: PostprocessOptions
    found: tuple[Trajectory, ...]  # all persons
    athletes: tuple[Measured, ...]  # the chosen ones, without measures that are only for tables
    listed: tuple[AthleteMeasures, ...]  # every measure of each athlete, without samples
    corrections: CorrectionFile = UNCORRECTED  # which are applied


def measure_clip(
    name: str,
    clip: Clip,
    found: Sequence[Trajectory],
    options: PostprocessOptions,
    tables_folder: Path,
    *,
    check: Callable[[], None] = lambda: None,
    corrections: CorrectionFile = UNCORRECTED,
) -> MeasuredClip:
    """Choose the athletes, measure each and write the tables.

    The tables are written here because all series of all athletes would need too much memory.

    Args:
        name: Name of the video, for people.
        clip: The merged results.
        found: All persons of the clip.
        options: Options of the analysis and of the files.
        tables_folder: Folder for ``keypoints.csv`` and the other tables.
        check: Called between athletes and tables; ends the work by raising.
        corrections: Corrections by hand.

    Raises:
        InvalidInput: a correction names a person, an event or a key point that does not exist.
    """
    athletes: list[Measured] = []
    listed: list[AthleteMeasures] = []
    with open_tables(tables_folder, dictionary(clip.skeleton)) as tables:
        for athlete in measured_athletes(clip, found, options, corrections):
            check()
            for table in tables:
                check()
                table.add(athlete)
            entries = [entry_of(m) for m in athlete.measures]
            person = athlete.analysis.trajectory.person
            listed.append(AthleteMeasures(person=person, measures=entries))
            shown = tuple(m for m in athlete.measures if m.shown != "tables")
            athletes.append(Measured(athlete.movement, shown))
    check()
    return MeasuredClip(
        name, clip, options, tuple(found), tuple(athletes), tuple(listed), corrections
    )


def measured_athletes(
    clip: Clip,
    found: Sequence[Trajectory],
    options: PostprocessOptions,
    corrections: CorrectionFile = UNCORRECTED,
) -> Iterator[Measured]:
    """Each chosen athlete of a clip, with every measure."""
    facts = clip.result.source
    settings = analysis_options(options, (facts.width, facts.height), clip.camera)
    for trajectory in chosen(found, options, corrections):
        yield measure(trajectory, clip.skeleton, settings, corrections.of(trajectory.person))


def chosen(
    found: Sequence[Trajectory], options: PostprocessOptions, corrections: CorrectionFile
) -> list[Trajectory]:
    """The persons to analyse: those that were chosen by hand, or by the rule of the options.

    Raises:
        InvalidInput: a correction names a person who was not found.
    """
    by_hand = corrections.athletes
    named = {*(by_hand or ()), *(each.person for each in corrections.persons)}
    for person in sorted(named - {each.person for each in found}):
        raise InvalidInput(f"there is no person {person} in the run", field="corrections.json")
    if by_hand is None:
        return select(found, options.athlete)
    return [each for each in found if each.person in by_hand]


def analysis_options(
    options: PostprocessOptions,
    frame_size: tuple[int, int],
    camera: CameraMotion | None = None,
) -> AnalysisOptions:
    """The options of the analysis."""
    return AnalysisOptions(
        smoothing=Smoothing(options.filter, options.cutoff_hz),
        max_gap_frames=options.max_gap_frames,
        athlete_height_m=options.athlete_height_m,
        athlete_mass_kg=options.athlete_mass_kg,
        known_distance=options.known_distance,
        view=options.view,
        frame_size=frame_size,
        camera=camera,
        camera_tilt_deg=options.camera_tilt_deg,
        intrinsics=options.intrinsics,
    )
