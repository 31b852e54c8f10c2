"""Every lock has what `pyproject.toml` asks for: a lock that nobody made anew is found here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MADE_OF = dict(
    re.findall(r"^EXTRAS\.([\w-]+) *:= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
)
"""Lock -> the extras whose packages it has."""


def asked_for(extras: list[str]) -> Iterator[Requirement]:
    """What the package and some of its extras need directly."""
    of_extras = PROJECT["project"]["optional-dependencies"]
    for text in [*PROJECT["project"]["dependencies"], *(t for e in extras for t in of_extras[e])]:
        requirement = Requirement(text)
        if requirement.name == "podium":
            yield from asked_for(sorted(requirement.extras))
        else:
            yield requirement


@pytest.mark.parametrize("lock", MADE_OF)
def test_a_lock_has_what_its_extras_need(lock: str) -> None:
    extras = MADE_OF[lock].replace("$(EXTRAS.local)", MADE_OF["local"]).split()
    text = (ROOT / "services" / "requirements" / f"{lock}.txt").read_text()
    pinned = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if line[:1].isalnum()]
    versions: dict[str, set[str]] = {}
    for each in pinned:
        name = canonicalize_name(each.name)
        versions.setdefault(name, set()).add(str(each.specifier).removeprefix("=="))
    wanted = list(asked_for(extras))
    assert len(wanted) > 4
    lacking = [
        str(each)
        for each in wanted
        if not any(map(each.specifier.contains, versions.get(canonicalize_name(each.name), ())))
    ]
    assert lacking == [], "make lock"
