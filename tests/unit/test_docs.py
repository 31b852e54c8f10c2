"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium.biomechanics.exports.tables import open_tables
from podium.biomechanics.measures.registry import dictionary
from podium.cli import measures
from podium.cli.settings import markdown
from podium.schemas.postprocess import PostprocessOptions
from podium.skeletons import skeleton

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
    printed = markdown()
    assert printed in page, "run `podium settings` and put what it prints into the page"
    assert "|  |\n" not in printed, "a setting has no docstring"


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


def test_every_column_is_documented(tmp_path):
    with open_tables(tmp_path, dictionary(skeleton("blazepose33"))):
        pass
    page = (ROOT / "docs" / "results.md").read_text()
    for table in sorted(tmp_path.iterdir()):
        [part] = re.findall(rf"^## {re.escape(table.name)}\n(.*?)^## ", page, re.M | re.S)
        columns = set(table.read_text().strip().split(","))
        assert columns <= set(re.findall(r"`([^`]+)`", part)), table.name


def test_every_option_of_postprocessing_is_documented():
    page = (ROOT / "docs" / "http.md").read_text()
    for name, field in PostprocessOptions.model_fields.items():
        meaning = re.escape(" ".join(str(field.description).split()))
        assert re.search(rf"^\| `{name}` \|.*\| {meaning} \|$", page, re.M), name
