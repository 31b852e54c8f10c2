"""The file of API keys and the limits per key."""

import hashlib

import pytest
import yaml
from click.testing import CliRunner

from podium.cli import cli
from podium.errors import SetupError
from podium.gateway.app import create_app
from podium.gateway.settings import GatewaySettings
from podium.serving.http.keys import TokenBucket, load_keys, new_key

HASH = hashlib.sha256(b"secret").hexdigest()


def keys_file(tmp_path, value):
    path = tmp_path / "keys.yaml"
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return path


def test_new_keys_are_strong_and_hashed():
    pairs = [new_key() for _ in range(100)]
    assert len({key for key, _ in pairs}) == 100
    for key, sha256 in pairs:
        assert len(key.removeprefix("podium_")) == 43  # 256 bits in base 64
        assert hashlib.sha256(key.encode()).hexdigest() == sha256


def test_a_file_of_keys(tmp_path):
    entries = [
        {"id": "a", "sha256": HASH, "requests_per_minute": 3},
        {"id": "b", "sha256": "0" * 64},
    ]
    a, b = load_keys(keys_file(tmp_path, entries))
    assert (a.id, a.requests_per_minute, a.bytes_per_minute) == ("a", 3, None)
    assert (b.id, b.requests_per_minute) == ("b", None)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("", "file"),
        ("[]", "no keys"),
        ("{", "not YAML"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
        ([{"id": "a"}], "0.sha256"),
        ([{"id": "a b", "sha256": HASH}], "0.id"),
        ([{"id": "a", "sha256": "podium_the-key-itself"}], "0.sha256"),
        ([{"id": "a", "sha256": HASH, "requests_per_minute": 0}], "0.requests_per_minute"),
        ([{"id": "a", "sha256": HASH, "key": "x"}], "0.key"),
        ([{"id": "a", "sha256": HASH}, {"id": "a", "sha256": "0" * 64}], "same id"),
        ([{"id": "a", "sha256": HASH}, {"id": "b", "sha256": HASH.upper()}], "same sha256"),
    ],
)
def test_a_wrong_file_is_named_without_its_secrets(tmp_path, content, names):
    with pytest.raises(SetupError) as error:
        load_keys(keys_file(tmp_path, content))
    assert names in error.value.message
    assert error.value.message.startswith("PODIUM_API_KEYS: ")
    assert "the-key-itself" not in error.value.message


def test_a_missing_file(tmp_path):
    with pytest.raises(SetupError, match="No such file"):
        load_keys(tmp_path / "none.yaml")


def test_a_bucket_lets_its_rate_through():
    clock = [0.0]
    bucket = TokenBucket(60, lambda: clock[0])
    passed = 0
    for tenth in range(1800):  # three minutes, ten tries a second
        clock[0] = tenth / 10
        if bucket.wait_s(1) == 0:
            bucket.take(1)
            passed += 1
    assert passed == pytest.approx(60 + 180, abs=1)  # a minute's worth at once, then the rate


def test_a_bucket_says_how_long_its_debt_lasts():
    clock = [0.0]
    bucket = TokenBucket(600, lambda: clock[0])  # 10 per second
    assert bucket.wait_s() == 0
    bucket.take(1600)
    assert bucket.wait_s() == pytest.approx(100)
    clock[0] = 99.9
    assert bucket.wait_s() == pytest.approx(0.1)
    clock[0] = 100.1
    assert bucket.wait_s() == 0


def test_a_key_from_the_command_line_fits_the_file(tmp_path):
    result = CliRunner().invoke(cli, ["keys", "new", "club-a", "--requests-per-minute", "5"])
    assert result.exit_code == 0
    (entry,) = load_keys(keys_file(tmp_path, result.stdout))
    assert (entry.id, entry.requests_per_minute) == ("club-a", 5)
    key = result.stderr.split()[-1]
    assert hashlib.sha256(key.encode()).hexdigest() == entry.sha256
    assert key not in result.stdout


def test_a_name_that_the_file_would_refuse():
    assert CliRunner().invoke(cli, ["keys", "new", "a b"]).exit_code == 2


@pytest.mark.parametrize(
    ("host", "keys", "warnings"),
    [("127.0.0.1", False, 0), ("::1", False, 0), ("192.0.2.1", False, 1), ("::", True, 0)],
)
def test_an_open_door_is_mentioned_once(tmp_path, caplog, host, keys, warnings):
    path = keys_file(tmp_path, [{"id": "a", "sha256": HASH}]) if keys else None
    create_app(GatewaySettings(host=host, api_keys=path))
    assert sum("PODIUM_API_KEYS" in record.message for record in caplog.records) == warnings
