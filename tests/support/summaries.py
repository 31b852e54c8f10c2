"""A ``summary.json`` of nothing, for gateways that are played."""

from podium.schemas.measures import DataPoints
from podium.schemas.results import SourceResult
from podium.schemas.summary import AppliedOptions, FrameCounts, Summary

EMPTY_SUMMARY = Summary(
    podium_version="1",
    pipeline="pose-2d",
    models={},
    skeleton="coco17",
    source=SourceResult(width=8, height=8, fps=25, frame_count=1, duration_s=0),
    options=AppliedOptions(),
    frames=FrameCounts(
        first=None,
        last=None,
        count=0,
        rate_hz=0,
        with_person=0,
        without_person=0,
        undecodable=0,
        failed=0,
        missing=0,
    ),
    persons_found=0,
    persons=[],
    data_points=DataPoints(known=0, measures_known=0, measures_missing=0, reasons={}),
    assumptions=[],
    conventions=[],
)
