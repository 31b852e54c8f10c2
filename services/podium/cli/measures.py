"""``podium measures``: prints the data dictionary, or measures a run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

_SKELETON = "blazepose33"


def _known(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from podium.skeletons import SKELETONS

    if value not in SKELETONS:
        raise click.BadParameter(f"there is no '{value}'; there are {', '.join(SKELETONS)}")
    return value


@click.command("measures")
@click.argument("run", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--skeleton",
    default=_SKELETON,
    callback=_known,
    show_default=True,
    help="Key points of the model.",
)
def command(run: Path | None, skeleton: str) -> None:
    """Print every measure that an athlete may have, or measure a finished RUN again.

    Without RUN: names, units and methods as Markdown. With the folder of a run: writes its tables,
    summary, motion and report again, as corrected by RUN/corrections.json, which `podium view RUN`
    writes. There, time_s is a time in events.csv; without it the event is added, without
    corrected_s removed; athletes are the persons to analyse instead of those of the options:

    \b
      {"athletes": [0], "persons": [{"person": 0,
        "events": [
          {"event": "contact", "side": "left", "time_s": 0.51, "corrected_s": 0.5}],
        "keypoints": [
          {"frame": 12, "keypoint": "left_knee", "corrected_px": [604.5, 388]}]}]}
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    if run is None:
        click.echo(markdown(skeleton))
        return
    from podium.postprocess.remeasuring import remeasure

    for path in remeasure(run):
        click.echo(path)


def markdown(name: str = _SKELETON) -> str:
    """The measures of a skeleton as tables."""
    from podium.biomechanics.measures.registry import dictionary
    from podium.skeletons import skeleton

    measures = dictionary(skeleton(name))
    numbers = [m for m in measures if not m.is_series]
    of_row: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for m in measures:
        if m.is_series:
            place = m.place
            of_row.setdefault((place.kind, place.row), []).append((place.column, m.unit, m.method))
    groups: dict[tuple[str, tuple[tuple[str, str, str], ...]], list[str]] = {}
    for (kind, row), cells in of_row.items():
        groups.setdefault((kind, tuple(cells)), []).append(row)
    return "\n".join(
        [
            f"{len(numbers)} numbers and {len(measures) - len(numbers)} series per athlete "
            f"({name}).",
            "",
            "## Numbers",
            "",
            "| measure | unit | what it is | how it is found |",
            "|---|---|---|---|",
            *(f"| `{m.name}` | {m.unit} | {m.label} | {m.method} |" for m in numbers),
            "",
            "## Series",
            "",
            "In `biomechanics.csv`, a row per frame, `kind` and `name`.",
            *(line for group, names in groups.items() for line in _group(group, names)),
        ]
    )


def _group(
    group: tuple[str, Sequence[tuple[str, str, str]]], names: Sequence[str]
) -> Iterator[str]:
    kind, cells = group
    yield ""
    yield f"`{kind}`: {', '.join(f'`{name}`' for name in names)}"
    yield ""
    yield "| column | unit | how it is found |"
    yield "|---|---|---|"
    for column, unit, method in cells:
        yield f"| `{column}` | {unit} | {method} |"
