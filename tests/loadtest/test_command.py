"""What the command says when it cannot run, and before any load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psutil
import pytest
from click.testing import CliRunner

import loadtest.__main__
from loadtest.__main__ import command
from podium.lab.athlete import ground_truth
from podium.local.settings import SERVICES
from tests.loadtest import runs
from tests.loadtest.fake_gateway import Reply, as_json, fake_gateway, frames
from tests.loadtest.runs import ROOT, environment


def refused(*args: str) -> str:
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "file.toml"
        path.write_text(text)
        return str(path)

    return write


def test_profiles_that_are_not_there():
    text = refused("--profile", "rampp")
    assert "rampp: no such file" in text
    assert "local, ramp, soak, spike, steady, tiers" in text


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("levels", "--set levels: give FIELD=VALUE"),
        ("levels.0.users=0", "levels.0.users: must be greater than or equal to 1"),
        ("levels.7.users=1", "--set levels.7.users=1: levels has 5 entries"),
        ("levels.one.users=1", "--set levels.one.users=1: give the number of an entry of levels"),
        ("users.LiveFrameUser.fsp=60", "users.LiveFrameUser.fsp: is not known here"),
        ("users.Nobody.fps=60", "users.Nobody"),
        ("settle_s.more=1", "--set settle_s.more=1: settle_s has no fields"),
        ("slo=soft", "slo: "),
        ("levels.0.share_of_capacity=0.5", "levels.0.share_of_capacity: no level before it"),
        ("services.decode=dns://host:abc", "services: decode: dns://host:abc: give http://"),
        ("services.decode=dns://host", "services: decode: dns://host: give http://"),
        ("services.decode=host:8001", "services: decode: host:8001: give http://"),
    ],
)
def test_fields_that_cannot_be(override, says):
    assert says in refused("--set", override)


def test_profiles_that_are_no_toml(file):
    path = file("levels = [")
    assert f"loadtest: {path}: " in refused("--profile", path)


def test_levels_of_users_that_the_profile_lacks(file):
    path = file(
        'levels = [{users = 1, seconds = 1, only = ["LiveFrameUser"]}]\n[users.KinesisConsumerUser]'
    )
    text = refused("--profile", path)
    assert "levels.0.only: LiveFrameUser is not among the users of the profile" in text
    assert "add a table [users.LiveFrameUser]" in text


def test_json_that_is_no_profile(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text("[]")
    text = refused("--profile", str(path), "--set", "settle_s=1")
    assert f"{path}: give an object with the fields of a profile" in text


def test_hosts_that_do_not_answer():
    text = refused("--host", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9/v2/health/ready does not answer (ConnectionError)" in text
    assert "is it the address of a Podium gateway?" in text
    assert "gateway:8000: give a URL such as" in refused("--host", "gateway:8000")
    assert "does not answer (InvalidURL)" in refused("--host", "http://")


def test_names_of_services_that_nobody_knows():
    with fake_gateway({"pose-3d": lambda *_: Reply()}) as gateway:
        override = "services.decode=http://127.0.0.1:9, dns://decode.invalid:8001"
        text = refused("--host", gateway.url, "--profile", "ramp", "--set", override)
    assert "services.decode: dns://decode.invalid:8001 has no address" in text


def test_pipelines_that_are_not_served():
    with fake_gateway({"pose-2d": lambda *_: Reply()}) as gateway:
        text = refused("--host", gateway.url)
    assert "/v2/models/pose-3d/ready answers 404" in text
    assert "the users of the profile ask for the pipeline pose-3d" in text


def test_a_host_takes_the_place_of_the_tiers(tmp_path):
    flags = ("--headless", "--load-profile", "tiers", "--host", "http://127.0.0.1:9")
    locust = [sys.executable, "-m", "locust", "--locustfile", str(ROOT / "loadtest/locustfile.py")]
    done = subprocess.run(
        [*locust, *flags],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    says = "http://127.0.0.1:9/v2/health/ready does not answer"
    assert says in done.stderr
    assert says in refused("--profile", "tiers", "--host", "http://127.0.0.1:9")


def test_a_run_on_services_started_for_it_can_be_made_again(monkeypatch, clip, tmp_path):
    truth = ground_truth.load(clip.with_suffix(".json"))
    urls = []

    def answer(request, _):
        time.sleep(0.1)
        return as_json(frames(truth, request))

    @contextmanager
    def started_here(profile):
        assert not profile.host
        with fake_gateway({"pose-3d": answer}) as gateway:
            urls.append(gateway.url)
            yield profile.model_copy(update={"host": gateway.url})
        assert gateway.requests

    monkeypatch.setattr(loadtest.__main__, "local_stack", started_here)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.toml").write_text(
        "levels = [{users = 1, seconds = 2}]\nsettle_s = 0\n[users.KinesisConsumerUser]\nframes = 4"
    )
    for profile, out in (("first.toml", "one"), ("one/profile.json", "two")):
        result = CliRunner().invoke(command, ["--profile", profile, "--out", out])
        assert result.exit_code == 0, result.output
    one, two = (json.loads((tmp_path / out / "figures.json").read_text()) for out in ("one", "two"))
    assert (one["profile"], two["profile"]) == ("first", "first")
    assert (one["hosts"], two["hosts"]) == ([urls[0]], [urls[1]])
    assert urls[0] != urls[1]


def test_figures_of_an_earlier_run_are_not_shown(monkeypatch, tmp_path):
    (tmp_path / "figures.json").write_text("{}")
    monkeypatch.setattr(loadtest.__main__, "LOCUSTFILE", tmp_path / "none.py")
    with fake_gateway({"pose-3d": lambda *_: Reply()}) as gateway:
        flags = ["--host", gateway.url, "--profile", "ramp", "--out", str(tmp_path)]
        said = refused(*flags)
    assert "Locust ended without a report" in said
    assert "report:" not in said
    assert not (tmp_path / "figures.json").exists()


def still_running(processes):
    """Those that have not ended soon; killed, so that nothing is left of a test that fails."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    for each in alive:
        each.kill()
    return alive


def test_a_run_that_is_stopped_before_its_load_stops_the_services(model_repository, tmp_path):
    process = subprocess.Popen(
        runs.command("--out", str(tmp_path / "report")),
        cwd=tmp_path,
        env=environment() | {"PODIUM_MODELS": str(model_repository)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        services = []
        end = time.monotonic() + 60
        while len(services) < len(SERVICES):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
            services = psutil.Process(process.pid).children()
        time.sleep(0.5)  # the last one has come back from its start
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2
    assert "loadtest: stopped before there was a report" in said
    assert still_running(services) == []


def test_a_second_ctrl_c_ends_the_load_at_once(tmp_path):
    asked, over = threading.Event(), threading.Event()

    def no_answer(*_):
        asked.set()
        over.wait(60)

    (tmp_path / "profile.toml").write_text(
        "levels = [{users = 2, seconds = 60}]\n[users.KinesisConsumerUser]"
    )
    with fake_gateway({"pose-3d": no_answer}) as gateway:
        flags = ("--profile", "profile.toml", "--host", gateway.url, "--out", "report")
        process = subprocess.Popen(
            runs.command(*flags, "--workers", "2"),
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert asked.wait(60)
            load = psutil.Process(process.pid).children(recursive=True)
            assert len(load) >= 3, "Locust and its workers"
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            while "stopping; the report comes" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        finally:
            over.set()
            process.kill()
    assert process.returncode == 2
    assert still_running(load) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("currency = [", "prices file"),
        ('currency = "USD"\nregion = "x"\nas_of = "y"\ninstances = {}', "instances"),
        (
            'currency = "USD"\nregion = "x"\nas_of = "y"\n[instances.a]\nper_hour = -1\nvcpus = 4',
            "instances.a.per_hour: must be greater than 0",
        ),
    ],
)
def test_prices_that_cannot_be(file, content, says):
    assert says in refused("--prices", file(content))


def test_prices_that_are_not_there(tmp_path):
    assert "No such file" in refused("--prices", str(tmp_path / "none.toml"))
