"""The content of ``measures.json``, and the number of data points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from podium.biomechanics.measures.measure import Measure
from podium.schemas.measures import AthleteMeasures, DataPoints, MeasureEntry

UNKNOWN = "the key points are not known"


def entry_of(measure: Measure) -> MeasureEntry:
    """One measure, without the samples of a series."""
    known = len(measure.known)
    return MeasureEntry(
        name=measure.name,
        label=measure.label,
        unit=measure.unit,
        method=measure.method,
        kind="series" if measure.is_series else "number",
        value=measure.value,
        sd=measure.sd,
        n=known if measure.is_series else measure.n,
        reason=None if known else measure.reason or UNKNOWN,
        row=measure.place.row if measure.is_series else None,
        column=measure.place.column if measure.is_series else None,
    )


def count(athletes: Sequence[AthleteMeasures]) -> DataPoints:
    """Count the data points of all athletes."""
    entries = [entry for athlete in athletes for entry in athlete.measures]
    missing = Counter(entry.reason for entry in entries if entry.reason is not None)
    samples = [entry.n or 0 if entry.kind == "series" else 1 for entry in entries]
    known = [n for n, entry in zip(samples, entries, strict=True) if entry.reason is None]
    return DataPoints(
        known=sum(known),
        measures_known=len(known),
        measures_missing=missing.total(),
        reasons=dict(missing.most_common()),
    )
