"""The files that a page of the viewer needs: its modules, the style sheet, plotly.js."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from podium.errors import SetupError

STATIC = Path(__file__).parent / "static"


@cache
def modules() -> dict[str, str]:
    """Import name of each module, such as ``podium/viewer.js`` -> its text."""
    paths = sorted(STATIC.rglob("*.js"))
    return {f"podium/{path.relative_to(STATIC).as_posix()}": _text(path) for path in paths}


@cache
def style() -> str:
    """The style sheet."""
    return _text(STATIC / "viewer.css")


@cache
def plotly_js() -> str:
    """The text of plotly.js from the package ``plotly``, which is not imported.

    Raises:
        SetupError: the package is not installed; the message has the remedy.
    """
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise SetupError("the viewer needs plotly.js: pip install 'podium[postprocess]'")
    return _text(Path(spec.origin).parent / "package_data" / "plotly.min.js")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
