"""The tables of values in the charts' README files are those of their ``values.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.charts.readmes import written
from tests.support.charts import CHART, JOBS, PLATFORM


@pytest.mark.parametrize("chart", [CHART, JOBS, PLATFORM], ids=lambda chart: chart.name)
def test_the_readme_is_what_helm_docs_writes(chart_tools: Path, chart: Path) -> None:
    assert (chart / "README.md").read_text() == written(chart_tools, chart), "make charts-docs"


@pytest.mark.parametrize("chart", [CHART, JOBS, PLATFORM], ids=lambda chart: chart.name)
def test_every_value_is_explained(chart_tools: Path, chart: Path) -> None:
    rows = [line for line in written(chart_tools, chart).splitlines() if line.startswith("| ")]
    assert [row for row in rows if row.endswith("|  |")] == []
