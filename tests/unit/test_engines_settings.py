"""What a model service tells its engine, and that it does not start where that cannot be."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from podium.errors import SetupError
from podium.serving.hosting import model_service
from podium.serving.hosting.model_service import ModelServiceSettings, create_model_service


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_service, "available_cpus", lambda: 8)


@pytest.mark.parametrize(
    ("settings", "in_flight", "threads", "max_rows"),
    [
        ({}, 1, 8, 1),
        ({"workers": 3}, 3, 2, 1),
        ({"workers": 16}, 16, 1, 1),
        ({"workers": 2, "threads": 3}, 2, 3, 1),
        ({"provider": "cuda"}, 2, 4, 8),
        ({"provider": "tensorrt", "max_batch": 32, "workers": 1}, 1, 8, 32),
    ],
)
def test_what_is_left_open_fits_the_container(
    settings: dict[str, object], in_flight: int, threads: int, max_rows: int
) -> None:
    engine = ModelServiceSettings.model_validate(settings).engine()
    assert (engine.in_flight, engine.threads, engine.max_rows) == (in_flight, threads, max_rows)


def test_more_threads_than_processors_are_worth_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        ModelServiceSettings(workers=3, threads=3).engine()
    assert "3 workers of 3 threads are more than the 8 processors" in caplog.text


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_service_that_cannot_run_where_it_was_told_to_does_not_start(
    model_repository: Path, provider: str
) -> None:
    settings = ModelServiceSettings.model_validate(
        {"models": str(model_repository), "provider": provider}
    )
    with pytest.raises(SetupError, match=rf"provider {provider}: .* PODIUM_PROVIDER=cpu"):
        create_model_service("detection", settings)
