"""What the command says when it cannot run, and before any load."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from loadtest.__main__ import command
from tests.loadtest.fake_gateway import Reply, fake_gateway


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
        ("levels.0.users=0", "levels.0.users: Input should be greater than or equal to 1"),
        ("levels.7.users=1", "--set levels.7.users=1: levels has 5 entries"),
        ("levels.one.users=1", "--set levels.one.users=1: give the number of an entry of levels"),
        ("users.LiveFrameUser.fsp=60", "users.LiveFrameUser.fsp: Extra inputs are not permitted"),
        ("users.Nobody.fps=60", "users.Nobody"),
        ("settle_s.more=1", "--set settle_s.more=1: settle_s has no fields"),
        ("slo=soft", "slo: "),
    ],
)
def test_fields_that_cannot_be(override, says):
    assert says in refused("--set", override)


def test_profiles_that_are_no_toml(file):
    path = file("levels = [")
    assert f"loadtest: {path}: " in refused("--profile", path)


def test_hosts_that_do_not_answer():
    text = refused("--host", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9/v2/health/ready does not answer (ConnectionError)" in text
    assert "is it the address of a Podium gateway?" in text
    assert "gateway:8000: give a URL such as" in refused("--host", "gateway:8000")
    assert "does not answer (InvalidURL)" in refused("--host", "http://")


def test_pipelines_that_are_not_served():
    with fake_gateway({"pose-2d": lambda *_: Reply()}) as gateway:
        text = refused("--host", gateway.url)
    assert "/v2/models/pose-3d/ready answers 404" in text
    assert "the users of the profile ask for the pipeline pose-3d" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("currency = [", "prices file"),
        ('currency = "USD"\nregion = "x"\nas_of = "y"\ninstances = {}', "instances"),
        (
            'currency = "USD"\nregion = "x"\nas_of = "y"\n[instances.a]\nper_hour = -1\nvcpus = 4',
            "instances.a.per_hour: Input should be greater than 0",
        ),
    ],
)
def test_prices_that_cannot_be(file, content, says):
    assert says in refused("--prices", file(content))


def test_prices_that_are_not_there(tmp_path):
    assert "No such file" in refused("--prices", str(tmp_path / "none.toml"))
