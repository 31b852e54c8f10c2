"""The programs of the tests that render charts; the others need neither Go nor helm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chart_programs import chart_programs
from tests.support.charts import Helm
from tests.support.custom_resources import CustomResources
from tests.support.go_programs import NoGo

NEED_GO = {"chart_tools", "helm", "custom_resources"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Building the programs takes minutes."""
    for item in items:
        if NEED_GO & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def chart_tools(request: pytest.FixtureRequest) -> Path:
    """The folder with helm, helm-docs and kube-score."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            return chart_programs()
    except NoGo as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def helm(chart_tools: Path) -> Helm:
    """The ``helm`` program."""
    return Helm(chart_tools / "helm")


@pytest.fixture(scope="session")
def custom_resources(chart_tools: Path) -> CustomResources:
    """What the makers of custom resources say of them."""
    return CustomResources()
