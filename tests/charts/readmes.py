"""``python -m tests.charts.readmes``: writes the README files of the charts with helm-docs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.chart_programs import chart_programs
from tests.support.charts import CHART, JOBS, PLATFORM


def written(programs: Path, chart: Path) -> str:
    """The README of a chart, from its template and its values."""
    options = ("--dry-run", "--sort-values-order=file", f"--chart-search-root={chart}")
    command = [programs / "helm-docs", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    for each in (CHART, JOBS, PLATFORM):
        (each / "README.md").write_text(written(chart_programs(), each))
