"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium.cli import measures
from podium.cli.settings import markdown

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        page
        for folder in ("docs", "charts", "k8s", "loadtest")
        for page in sorted((ROOT / folder).rglob("*.md"))
    ),
]


def test_every_setting_is_documented():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert markdown() in page, "run `podium settings` and put what it prints into the page"
    assert "|  |\n" not in markdown(), "a setting has no docstring"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text()), target


def anchors(text):
    """What its headings are called in addresses: letters, digits and hyphens, in lower case."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in plain}


def test_every_measure_is_documented():
    page = (ROOT / "docs" / "measures.md").read_text()
    assert measures.markdown() in page, "put what `podium measures` prints into docs/measures.md"
