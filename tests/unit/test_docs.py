"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium.cli.settings import markdown

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        page
        for folder in ("docs", "charts", "k8s")
        for page in sorted((ROOT / folder).rglob("*.md"))
    ),
]


def test_every_setting_is_documented():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert markdown() in page, "run `podium settings` and put what it prints into the page"
    assert "|  |\n" not in markdown(), "a setting has no docstring"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
