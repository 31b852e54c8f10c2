"""How many users there are and how fast they ask, over processes and gateways."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from podium.lab.athlete import ground_truth
from tests.loadtest.fake_gateway import as_json, fake_gateway, frames
from tests.loadtest.runs import load_test

pytestmark = pytest.mark.slow

TAKES_S = 0.5
WEIGHTS = {"gold": 6, "silver": 3, "bronze": 1}
USERS, FRAMES = 20, 4
PROFILE = f"""
levels = [
  {{users = {USERS}, seconds = 6, name = "all"}},
  {{users = {USERS}, seconds = 6, name = "half", share_of_capacity = 0.5}},
]
settle_s = 1
[users.KinesisConsumerUser]
frames = {FRAMES}
"""


@pytest.fixture(scope="module")
def run(clip, tmp_path_factory):
    """Two processes, and three gateways that answer after the same time, however many ask."""
    truth = ground_truth.load(clip.with_suffix(".json"))

    def answer(request, _):
        time.sleep(TAKES_S)
        return as_json(frames(truth, request))

    with ExitStack() as stack:
        gateways = {
            name: stack.enter_context(fake_gateway({"pose-3d": answer})) for name in WEIGHTS
        }
        tiers = [
            f'[tiers.{name}]\nhost = "{gateway.url}"\nweight = {WEIGHTS[name]}'
            for name, gateway in gateways.items()
        ]
        cwd = tmp_path_factory.mktemp("shapes")
        outcome = load_test(cwd, "\n".join([PROFILE, *tiers]), None, "--workers", "2")
        yield {name: len(gateway.requests) for name, gateway in gateways.items()}, outcome


def test_no_call_is_lost_between_the_processes(run):
    asked, outcome = run
    assert int(outcome.figures["verdicts"][0]["found"]) == sum(asked.values())
    assert outcome.figures["best"]["generator_share"] > 0
    assert outcome.figures["failures"] == []


def test_a_paced_level_gets_its_share_of_what_was_reached(run):
    _, outcome = run
    everything, half = outcome.figures["levels"]
    most = USERS * FRAMES / TAKES_S
    assert 0.6 * most < everything["frames_per_s"] <= most
    assert half["frames_per_s"] == pytest.approx(0.5 * everything["frames_per_s"], rel=0.2)


def test_tiers_get_users_by_their_weights(run):
    asked, outcome = run
    for name, weight in WEIGHTS.items():
        assert asked[name] / sum(asked.values()) == pytest.approx(weight / 10, abs=0.05)
    assert {row["tier"] for row in outcome.figures["callers"]} == set(WEIGHTS)
    assert "| gold | " in outcome.report
