"""A whole run against the real services, and its report."""

from __future__ import annotations

import re
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.loadtest.runs import load_test, services

PROFILE = """
levels = [
  {users = 1, seconds = 3, only = ["KinesisConsumerUser"]},
  {users = 2, seconds = 3, only = ["KinesisConsumerUser"]},
  {users = 3, seconds = 3, only = ["KinesisConsumerUser"]},
  {users = 4, seconds = 6, name = "all kinds"},
]
settle_s = 0.5
instance = "m5.xlarge"
[slo]
max_latency_disagreement = 0.05
[users.KinesisConsumerUser]
frames = 8
[users.LiveFrameUser]
[users.BatchVideoUser]
pipeline = "pose-2d"
[users.OipClientUser]
frames = 4
"""


def frames_answered(url):
    with urllib.request.urlopen(f"{url}/metrics") as response:
        families = text_string_to_metric_families(response.read().decode())
    samples = [s for family in families for s in family.samples]
    return sum(s.value for s in samples if s.name == "podium_frames_total")


@pytest.fixture(scope="module")
def run(stack, tmp_path_factory):
    before = frames_answered(stack.gateway_url)
    cwd = tmp_path_factory.mktemp("run")
    outcome = load_test(cwd, PROFILE + services(stack.urls), stack.gateway_url)
    assert outcome.code == 0, outcome.printed
    return outcome, frames_answered(stack.gateway_url) - before


def test_all_kinds_of_users_are_served_and_their_answers_are_right(run):
    outcome, _ = run
    assert outcome.figures["failures"] == []
    rows = [row["user"] for row in outcome.figures["callers"] if row["level"] == "all kinds"]
    assert {"KinesisConsumerUser", "LiveFrameUser", "OipClientUser"} <= set(rows)
    # Whole clips may take longer than the level; nobody else asks for their pipeline.
    assert {each["pipeline"] for each in outcome.figures["agreements"]} == {"pose-2d", "pose-3d"}


def test_generator_and_gateway_agree(run):
    outcome, answered = run
    figures = outcome.figures
    for agreement in figures["agreements"]:
        assert agreement["calls"] == agreement["requests"]
        assert agreement["generator_ms"] == pytest.approx(agreement["gateway_ms"], rel=0.05)
    # Throughput over all levels, and what was finished between and after them.
    counted = sum(level["frames_per_s"] * level["seconds"] for level in figures["levels"])
    assert 0.6 * answered < counted <= answered


def test_the_report_has_tables_and_plots(run):
    outcome, _ = run
    best, capacity = outcome.figures["best"], outcome.figures["capacity"]
    assert [row["machine"] for row in capacity] == [
        "m5.xlarge",
        "m5.2xlarge",
        "m5.4xlarge",
        "g4dn.xlarge",
    ]
    assert [row["measured"] for row in capacity] == [True, False, False, False]
    assert capacity[0]["frames_per_s"] == best["frames_per_s"]
    assert capacity[0]["cpu_s_per_frame"] > 0.001
    for row in capacity:
        assert f"| {row['machine']} | " in outcome.report
        assert row["machine"] in outcome.printed
    assert {stage["name"] for stage in outcome.figures["stages"]} >= {"decode", "detection"}
    assert all(stage["infer_ms"] > 0 for stage in outcome.figures["stages"])
    assert "knee" in outcome.printed
    html = (outcome.folder / "report.html").read_text()
    assert html.count('<img src="data:image/svg+xml;base64,') == 6
    assert not re.search(r"\b(nan|inf|None)\b", outcome.report)
