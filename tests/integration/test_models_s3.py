"""A model repository under s3://: a real server of the protocol, real locks, real processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from podium.cli import cli
from podium.environment import read_group
from podium.errors import InvalidInput, NotFound, SetupError, Unavailable
from podium.models.fetch import fetch
from podium.models.repository import ModelRepository
from podium.models.s3_repository import open_repository
from podium.models.settings import RepositorySettings
from podium.storage import download
from podium.storage.s3 import S3Connection
from tests.support.faulty_proxy import FaultyProxy
from tests.support.model_folders import DETECTOR
from tests.support.s3_server import s3_server

BYTES = 1_000_000


@pytest.fixture(scope="module")
def s3_url():
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_url, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1")
    client.create_bucket(Bucket="models")
    yield client
    for entry in client.list_objects_v2(Bucket="models").get("Contents", []):
        client.delete_object(Bucket="models", Key=entry["Key"])
    client.delete_bucket(Bucket="models")
    client.close()


@pytest.fixture
def proxy(s3_url, monkeypatch):
    monkeypatch.setattr(download, "_PAUSE_S", 0.001)
    with FaultyProxy(s3_url) as proxy:
        yield proxy


@pytest.fixture
def settings(proxy, tmp_path, monkeypatch):
    """Settings as a service has them, in the environment for processes of the tests too."""
    for name, value in {
        "S3_ENDPOINT": proxy.url,
        "S3_ALLOW_HTTP": "true",
        "CACHE_DIR": str(tmp_path / "cache"),
        "CACHE_BYTES": str(100 * BYTES),
        "MAX_FILE_BYTES": str(10 * BYTES),
    }.items():
        monkeypatch.setenv(f"PODIUM_MODELS_{name}", value)
    return read_group(RepositorySettings)


def weights(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(BYTES)


def upload(bucket, model: str, version: int, data: bytes, prefix: str = "prod/", **facts) -> None:
    digest = hashlib.sha256(data).hexdigest()
    manifest = {**DETECTOR, "name": model, "version": version, "sha256": digest, **facts}
    folder = f"{prefix}{model}/{version}"
    bucket.put_object(Bucket="models", Key=f"{folder}/model.onnx", Body=data)
    bucket.put_object(Bucket="models", Key=f"{folder}/model.yaml", Body=yaml.safe_dump(manifest))


def cached(settings: RepositorySettings) -> list[str]:
    """What the cache has, below the folder of the repository."""
    assert settings.cache_dir is not None
    return sorted("/".join(path.parts[-3:]) for path in settings.cache_dir.glob("*/*/*/*"))


@pytest.mark.parametrize("prefix", ["prod/", ""])
def test_versions_lie_side_by_side_and_are_downloaded_once(bucket, proxy, settings, prefix):
    for version in (2, 10):
        upload(bucket, "finder", version, weights(version), prefix)
    upload(bucket, "other", 1, weights(1), prefix)
    bucket.put_object(Bucket="models", Key=f"{prefix}README.md", Body=b"hello")
    bucket.put_object(Bucket="models", Key=f"{prefix}finder/11/model.onnx", Body=b"no manifest yet")
    bucket.put_object(
        Bucket="models", Key="production/finder/12/model.yaml", Body=b"not below prod"
    )
    repository = open_repository(f"s3://models/{prefix}".rstrip("/"), settings)
    assert repository.folders() == [("finder", 2), ("finder", 10), ("other", 1)]
    assert repository.versions("finder") == [2, 10]
    assert repository.versions("find") == []
    assert repository.resolve("finder@latest").reference == "finder@10"
    assert proxy.gets(".onnx") == []

    held = repository.resolve("finder@2").hold()
    assert held.path.read_bytes() == weights(2)
    again = open_repository(f"s3://models/{prefix}", settings).resolve("finder@2").hold()
    assert again.path == held.path
    assert len(proxy.gets(".onnx")) == 1
    assert cached(settings) == ["finder/2/model.onnx", "finder/2/model.yaml"]


def test_a_broken_download_continues(bucket, proxy, settings):
    upload(bucket, "finder", 1, weights(1))
    stored = open_repository("s3://models/prod", settings).resolve("finder")
    proxy.cut_after = [600_000] + [0] * 50
    with pytest.raises(Unavailable, match=r"broke off after \d+ bytes.*continues where it was"):
        stored.hold()
    assert cached(settings) == [f"finder/.1-{stored.manifest.sha256[:12]}.partial/model.onnx"]
    proxy.cut_after = []
    proxy.log.clear()
    assert stored.hold().path.read_bytes() == weights(1)
    (asked,) = proxy.gets(".onnx")
    assert int(asked.removeprefix("bytes=").removesuffix("-")) >= 500_000
    assert cached(settings) == ["finder/1/model.onnx", "finder/1/model.yaml"]


def test_a_download_that_breaks_often_gets_there(bucket, proxy, settings):
    upload(bucket, "finder", 1, weights(1))
    proxy.cut_after = [300_000] * 3
    stored = open_repository("s3://models/prod", settings).resolve("finder")
    assert stored.hold().path.read_bytes() == weights(1)
    assert len(proxy.gets(".onnx")) == 4


def test_a_file_that_is_replaced_meanwhile_is_downloaded_anew(bucket, proxy, s3_url, tmp_path):
    bucket.put_object(Bucket="models", Key="x.onnx", Body=weights(1))
    replaced = []

    def replace_it(sent: int) -> None:
        if sent > BYTES / 2 and not replaced:
            replaced.append(bucket.put_object(Bucket="models", Key="x.onnx", Body=weights(2)))

    proxy.on_chunk = replace_it
    proxy.cut_after = [900_000]
    store = S3Connection(proxy.url, allow_http=True).bucket("models")
    remote = download.RemoteFile(store, "x.onnx", "s3://models/x.onnx")
    download.download(remote, tmp_path / "x", max_bytes=BYTES)
    assert (tmp_path / "x").read_bytes() == weights(2)


def test_half_of_another_file_is_noticed_and_downloaded_anew(bucket, settings):
    upload(bucket, "finder", 1, weights(1))
    stored = open_repository("s3://models/prod", settings).resolve("finder")
    partial = stored.folder.with_name(f".1-{stored.manifest.sha256[:12]}.partial")
    partial.mkdir(parents=True)
    for rubbish in (b"?" * 1000, b"?" * BYTES, b"?" * (BYTES + 1)):
        partial.mkdir(exist_ok=True)
        (partial / "model.onnx").write_bytes(rubbish)
        assert stored.hold().path.read_bytes() == weights(1)
        shutil.rmtree(stored.folder)


def test_damage_at_the_source_is_never_loaded(bucket, settings):
    upload(bucket, "finder", 1, weights(1), sha256="0" * 64)
    stored = open_repository("s3://models/prod", settings).resolve("finder")
    for _ in range(2):
        with pytest.raises(SetupError, match=r"model.onnx of finder@1 is damaged.*000000000000"):
            stored.hold()
        assert cached(settings) == []


@pytest.mark.parametrize("left", [BYTES, BYTES - 1, 0])
def test_damage_in_the_cache_is_repaired(bucket, proxy, settings, left):
    """A flipped byte, a file cut short, an empty one."""
    upload(bucket, "finder", 1, weights(1))
    repository = open_repository("s3://models/prod", settings)
    path = repository.resolve("finder").hold().path
    path.write_bytes(b"?" * left)
    assert repository.resolve("finder").hold().path.read_bytes() == weights(1)
    assert len(proxy.gets(".onnx")) == 2


def test_an_empty_file_at_the_source_is_damage(bucket, settings):
    upload(bucket, "finder", 1, b"", sha256=hashlib.sha256(weights(1)).hexdigest())
    with pytest.raises(SetupError, match="damaged where it comes from"):
        open_repository("s3://models/prod", settings).resolve("finder").hold()


def test_a_version_that_changes_is_downloaded_again(bucket, settings):
    upload(bucket, "finder", 1, weights(1))
    repository = open_repository("s3://models/prod", settings)
    first = repository.resolve("finder").hold()
    upload(bucket, "finder", 1, weights(2))
    assert repository.resolve("finder").hold().path.read_bytes() == weights(2)
    assert first.path.read_bytes() == weights(2)
    assert cached(settings) == ["finder/1/model.onnx", "finder/1/model.yaml"]


def test_a_folder_is_filled_before_a_service_starts(bucket, proxy, settings, tmp_path):
    for version in (1, 2):
        upload(bucket, "finder", version, weights(version))
    upload(bucket, "other", 1, weights(3))
    folder = tmp_path / "models"
    fetched = fetch("s3://models/prod", folder, ["finder@latest", "other@1"], settings)
    assert fetched == [folder / "finder" / "2", folder / "other" / "1"]
    assert ModelRepository(folder).folders() == [("finder", 2), ("other", 1)]
    assert [
        model.verified_weights().read_bytes() for model in ModelRepository(folder).models()
    ] == [
        weights(2),
        weights(3),
    ]
    proxy.log.clear()
    assert fetch("s3://models/prod", folder, ["finder@latest", "other@1"], settings) == fetched
    assert proxy.gets(".onnx") == []
    with pytest.raises(SetupError, match="no version 7, only 1, 2"):
        fetch("s3://models/prod", folder, ["finder@7"], settings)
    with pytest.raises(InvalidInput, match="from: must look like s3://"):
        fetch(str(folder), folder, [], settings)


def test_the_command_that_fills_a_folder(bucket, settings, tmp_path):
    for version in (1, 2):
        upload(bucket, "finder", version, weights(version))
    upload(bucket, "broken", 1, weights(3), sha256="0" * 64)

    def run(*names: str) -> Result:
        line = ["models", "fetch", "--from", "s3://models/prod", "--into", str(tmp_path / "m")]
        return CliRunner().invoke(cli, [*line, *names])

    assert run("finder@1").exception is None
    assert ModelRepository(tmp_path / "m").folders() == [("finder", 1)]
    failed = run()
    assert isinstance(failed.exception, SetupError)
    assert "model.onnx of broken@1 is damaged" in failed.exception.message
    assert ModelRepository(tmp_path / "m").folders() == [("finder", 1), ("finder", 2)]


def test_the_module_that_fills_a_folder_in_a_container(bucket, settings, tmp_path, monkeypatch):
    upload(bucket, "finder", 1, weights(1))
    upload(bucket, "broken", 1, weights(3), sha256="0" * 64)
    monkeypatch.setenv("PODIUM_MODELS", "s3://models/prod")
    line = [sys.executable, "-m", "podium.models.fetch", str(tmp_path / "m")]
    result = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "model.onnx of broken@1 is damaged" in result.stderr
    assert "Traceback" not in result.stderr
    assert ModelRepository(tmp_path / "m").folders() == [("finder", 1)]


HOLD = """
import sys
from podium.environment import read_group
from podium.models.s3_repository import open_repository
from podium.models.settings import RepositorySettings
held = open_repository("s3://models/prod", read_group(RepositorySettings)).resolve("finder").hold()
print(held.path, flush=True)
sys.stdin.read()
"""


def holder() -> subprocess.Popen[str]:
    """A process that has the model until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def let_go(*processes: subprocess.Popen[str]) -> list[str]:
    """Paths that they held, once all have ended well."""
    paths = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return paths


def test_processes_of_a_node_download_once(bucket, proxy, settings):
    upload(bucket, "finder", 1, weights(1))
    both_are_there = threading.Barrier(2, timeout=60)
    waited = []

    def hold_the_first_byte(sent: int) -> None:
        if not waited:
            waited.append(True)
            both_are_there.wait()

    proxy.on_chunk = hold_the_first_byte
    first, second = holder(), holder()
    while len(proxy.gets("model.yaml")) < 2:
        assert first.poll() is None
        assert second.poll() is None
    both_are_there.wait()
    paths = let_go(first, second)
    assert paths[0] == paths[1]
    assert Path(paths[0]).read_bytes() == weights(1)
    assert len(proxy.gets(".onnx")) == 1


def test_a_download_outlives_its_process(bucket, proxy, settings):
    upload(bucket, "finder", 1, weights(1))
    half = threading.Event()
    killed = threading.Event()

    def stop_half_way(sent: int) -> None:
        if sent > BYTES / 2 and not killed.is_set():
            half.set()
            killed.wait(60)

    proxy.on_chunk = stop_half_way
    process = holder()
    assert half.wait(60)
    partial = open_repository("s3://models/prod", settings).resolve("finder").folder.parent
    while not any(path.stat().st_size > 200_000 for path in partial.glob(".1-*/model.onnx")):
        assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)
    killed.set()
    proxy.log.clear()
    let_go(holder())  # the lock of the dead process is not in the way
    (asked,) = proxy.gets(".onnx")
    assert int(asked.removeprefix("bytes=").removesuffix("-")) > 200_000


def test_the_least_recently_used_go_first_and_those_in_use_stay(bucket, settings):
    for version in (1, 2, 3, 4):
        upload(bucket, "finder", version, weights(version))
    tight = settings.model_copy(update={"cache_bytes": 2 * BYTES + 100_000})
    repository = open_repository("s3://models/prod", tight)

    def versions() -> list[str]:
        return sorted({path.split("/")[1] for path in cached(settings)})

    held = {v: repository.load("finder", v).hold() for v in (1, 2)}
    assert versions() == ["1", "2"]
    with pytest.raises(SetupError, match="PODIUM_MODELS_CACHE_BYTES"):
        repository.load("finder", 3).hold()
    assert versions() == ["1", "2"]

    del held[1]
    repository.load("finder", 3).hold()
    assert versions() == ["2", "3"]
    os.utime(repository.load("finder", 2).folder / "model.yaml", (1, 1))
    del held[2]
    repository.load("finder", 4).hold()
    assert versions() == ["3", "4"]
    repository.load("finder", 3).hold()  # used again, so 4 is the older one now
    repository.load("finder", 1).hold()
    assert versions() == ["1", "3"]


def test_only_what_caches_have_made_is_evicted(bucket, settings):
    upload(bucket, "finder", 1, weights(1))
    assert settings.cache_dir is not None
    keep = settings.cache_dir / "home" / "me" / "1" / "thesis.txt"
    keep.parent.mkdir(parents=True)
    keep.write_bytes(bytes(4 * BYTES))
    tight = settings.model_copy(update={"cache_bytes": 2 * BYTES})
    open_repository("s3://models/prod", tight).resolve("finder").hold()
    assert keep.exists()


def test_what_is_wrong_is_named(bucket, proxy, settings):
    repository = open_repository("s3://models/prod", settings)
    with pytest.raises(SetupError, match="s3://models/prod: holds no model 'finder'"):
        repository.resolve("finder")
    upload(bucket, "finder", 1, weights(1), name="other")
    with pytest.raises(SetupError, match=r"s3://models/prod/finder/1/model.yaml: is of other@1"):
        repository.resolve("finder")
    upload(bucket, "finder", 1, weights(1), colour="red")
    with pytest.raises(SetupError, match=r"finder/1/model.yaml: colour: "):
        repository.resolve("finder")
    upload(bucket, "finder", 1, bytes(10 * BYTES + 1))
    with pytest.raises(SetupError, match="PODIUM_MODELS_MAX_FILE_BYTES"):
        repository.resolve("finder")
    bucket.delete_object(Bucket="models", Key="prod/finder/1/model.onnx")
    with pytest.raises(SetupError, match=r"finder/1/model.onnx: missing"):
        repository.resolve("finder")
    bucket.put_object(Bucket="models", Key="prod/finder/1/model.yaml", Body=b"")
    with pytest.raises(SetupError, match=r"finder/1/model.yaml: manifest: must be"):
        repository.resolve("finder")
    bucket.put_object(Bucket="models", Key="prod/finder/1/model.yaml", Body=bytes(2 << 20))
    with pytest.raises(SetupError, match="1 MiB"):
        repository.resolve("finder")
    with pytest.raises(NotFound, match="s3://nowhere"):
        open_repository("s3://nowhere/prod", settings).folders()
    assert cached(settings) == []


@pytest.mark.parametrize(
    "reference",
    ["../finder", "finder/1", "finder@../1", "finder@newest", "s3:finder", "", "Finder"],
)
def test_malformed_references(bucket, settings, reference):
    with pytest.raises(NotFound, match="name@version"):
        open_repository("s3://models/prod", settings).resolve(reference)


@pytest.mark.parametrize("address", ["s3://", "s3:///prod", "s3:models/prod", "s3://models/../x"])
def test_malformed_addresses(settings, address):
    with pytest.raises(InvalidInput, match="model repository: must look like s3://"):
        open_repository(address, settings)


def test_a_store_that_is_not_there():
    silent = RepositorySettings(s3_endpoint="http://127.0.0.1:9", s3_allow_http=True)
    with pytest.raises(Unavailable, match="model repository: the object store does not answer"):
        open_repository("s3://models/prod", silent).folders()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1.5 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("full", ["before", "during"])
def test_a_full_disk(bucket, proxy, settings, small_disk, full):
    for version in (1, 2):
        upload(bucket, "finder", version, weights(version))
    settings = settings.model_copy(update={"cache_dir": small_disk / "cache"})
    repository = open_repository("s3://models/prod", settings)
    if full == "before":
        repository.load("finder", 1).hold()
        kept = ["finder/1/model.onnx", "finder/1/model.yaml"]
    else:
        kept = []
        filler = small_disk / "filler"
        once = iter([900_000])  # the proxy may still send chunks when the download has failed
        proxy.on_chunk = lambda sent: [filler.write_bytes(bytes(size)) for size in once]
    with pytest.raises(SetupError, match="the disk is full; make room"):
        repository.load("finder", 2).hold()
    assert cached(settings) == kept
    if full == "before":
        assert repository.load("finder", 1).hold().path.read_bytes() == weights(1)
    else:
        filler.unlink()
        repository.load("finder", 2).hold()


def test_a_cache_that_cannot_be_written(bucket, settings, tmp_path):
    upload(bucket, "finder", 1, weights(1))
    (tmp_path / "file").write_text("not a folder")
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "file"})
    repository = open_repository("s3://models/prod", elsewhere)
    with pytest.raises(SetupError, match=r"file/.*: cannot be used: Not a directory"):
        repository.resolve("finder").hold()
