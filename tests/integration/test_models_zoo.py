"""Pulling published networks: a local server stands in for the authors', by its address alone."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner, Result

from podium.cli import cli
from podium.engines.onnx_runtime import OnnxRuntimeSession
from podium.engines.options import EngineOptions
from podium.errors import InvalidInput, NotFound, SetupError, Unavailable
from podium.models.adapter import load_adapter
from podium.models.manifest import read_manifest
from podium.models.published import ZOO, Network
from podium.models.repository import ModelRepository
from podium.storage import download
from podium.storage.web import web_file
from podium.zoo.pull_published import DOWNLOADS, pull_checkpoint, pull_model
from tests.support.faulty_proxy import FaultyProxy

BYTES = 600_000


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


@pytest.fixture
def mirror(files, monkeypatch):
    """A server of ``files`` behind a proxy; it knows no ranges, as Python's does not."""
    monkeypatch.setattr(download, "_PAUSE_S", 0.001)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(files)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with FaultyProxy(f"http://127.0.0.1:{server.server_port}", suffix="") as proxy:
            yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def weights(seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(BYTES)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def publishes(files: Path, name: str, data: bytes, sha256: str | None = None) -> Network:
    """The network of the zoo, published with other bytes and, unless given, their hash."""
    network = ZOO[name]
    file = network.onnx or network.checkpoint
    assert file is not None
    (files / file.name).write_bytes(data)
    changed = replace(file, sha256=digest_of(data) if sha256 is None else sha256)
    return replace(network, **{"onnx" if network.onnx else "checkpoint": changed})


def left_in(repository: Path) -> list[str]:
    return sorted(
        str(path.relative_to(repository))
        for path in repository.rglob("*")
        if path.is_file() and path.name != ".lock"
    )


def test_a_published_model_is_ready_to_serve(files, mirror, tmp_path):
    network = publishes(files, "yolox-nano", weights())
    steps = []
    pulled = pull_model(
        network, tmp_path / "r", mirror=mirror.url, progress=lambda *step: steps.append(step)
    )
    assert pulled.path == tmp_path / "r" / "yolox-nano" / "1"
    assert (pulled.sha256, pulled.checked) == (digest_of(weights()), True)
    assert steps[-1] == (BYTES, BYTES)
    assert left_in(tmp_path / "r") == ["yolox-nano/1/model.onnx", "yolox-nano/1/model.yaml"]
    stored = ModelRepository(tmp_path / "r").resolve("yolox-nano")
    assert stored.verified_weights().read_bytes() == weights()
    assert stored.manifest.source == ZOO["yolox-nano"].onnx.url

    mirror.log.clear()
    manifest = pulled.path / "model.yaml"
    manifest.write_text(manifest.read_text().replace("score: 0.3", "score: 0.2"))
    assert pull_model(network, tmp_path / "r", mirror=mirror.url) == pulled
    assert mirror.log == []
    assert read_manifest(manifest).thresholds["score"] == 0.2  # the user's choice stays


def test_a_damaged_model_is_replaced_and_foreign_weights_are_not(files, mirror, tmp_path):
    network = publishes(files, "yolox-nano", weights())
    pulled = pull_model(network, tmp_path / "r", mirror=mirror.url)
    (pulled.path / "model.onnx").write_bytes(b"half")
    pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert (pulled.path / "model.onnx").read_bytes() == weights()
    newer = publishes(files, "yolox-nano", weights(1))
    with pytest.raises(SetupError, match=r"holds other weights.*another name or version"):
        pull_model(newer, tmp_path / "r", mirror=mirror.url)
    assert (pulled.path / "model.onnx").read_bytes() == weights()


def test_the_weights_of_an_archive(files, mirror, tmp_path):
    evil = "../../../../end2end.onnx"
    for number, members in enumerate(
        [{"20230504/rtmpose/end2end.onnx": weights(), "deploy.json": b"{}"}, {evil: weights()}]
    ):
        root = tmp_path / f"r{number}"
        network = publishes(files, "rtmpose-m", zip_of(members), digest_of(weights()))
        pulled = pull_model(network, root, mirror=mirror.url)
        assert (pulled.path / "model.onnx").read_bytes() == weights()
        assert left_in(root) == ["rtmpose-m/1/model.onnx", "rtmpose-m/1/model.yaml"]
    assert not list(tmp_path.rglob("end2end.onnx"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (zip_of({"other.onnx": b"x"}), "holds 0 files end2end.onnx, not one"),
        (zip_of({"a/end2end.onnx": b"x", "b/end2end.onnx": b"y"}), "holds 2 files"),
        (zip_of({"end2end.onnx": weights(1)}), "not the published file"),
        (zip_of({"end2end.onnx": weights()})[:-30], "no archive"),
        (zip_of({"end2end.onnx": weights()}).replace(weights()[:9], b"tampered!"), "no archive"),
        (b"<html>login</html>", "no archive"),
    ],
    ids=["missing", "two", "other", "cut", "tampered", "page"],
)
def test_archives_that_are_wrong(files, mirror, tmp_path, data, says):
    network = publishes(files, "rtmpose-m", data, digest_of(weights()))
    with pytest.raises(SetupError, match=says):
        pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert left_in(tmp_path / "r") == []


def test_bytes_that_are_not_the_published_ones(files, mirror, tmp_path):
    network = publishes(files, "yolox-s", weights(), digest_of(weights(1)))
    with pytest.raises(SetupError, match=r"yolox_s.onnx: not the published file.*Try again"):
        pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert left_in(tmp_path / "r") == []


@pytest.mark.parametrize("data", [weights(), zip_of({"end2end.onnx": weights()})])
def test_sizes_are_limited(files, mirror, tmp_path, monkeypatch, data):
    name = "rtmpose-m" if data[:2] == b"PK" else "yolox-s"
    network = publishes(files, name, data, digest_of(weights()))
    monkeypatch.setattr("podium.zoo.pull_published.MAX_BYTES", 1000)
    with pytest.raises(SetupError, match="at most 1000 are allowed"):
        pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert mirror.gets("") == []
    monkeypatch.setattr("podium.zoo.pull_published.MAX_BYTES", len(data))
    pull_model(network, tmp_path / "r", mirror=mirror.url)


def test_an_archive_that_unpacks_to_too_much(files, mirror, tmp_path, monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("end2end.onnx", bytes(4 << 20))
    network = publishes(files, "rtmpose-m", buffer.getvalue(), digest_of(bytes(4 << 20)))
    monkeypatch.setattr("podium.zoo.pull_published.MAX_BYTES", 1 << 20)
    with pytest.raises(SetupError, match="is over 1048576 bytes"):
        pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert left_in(tmp_path / "r") == []


def test_a_server_without_ranges_is_asked_anew(files, mirror, tmp_path):
    network = publishes(files, "yolox-s", weights())
    mirror.cut_after = [300_000]
    pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert mirror.gets("yolox_s.onnx")[0] is None
    assert left_in(tmp_path / "r") == ["yolox-s/1/model.onnx", "yolox-s/1/model.yaml"]


@pytest.mark.parametrize("size", [1000, BYTES, BYTES + 1])
def test_half_of_another_file_is_noticed_and_downloaded_anew(files, mirror, tmp_path, size):
    network = publishes(files, "yolox-s", weights())
    partial = tmp_path / "r" / DOWNLOADS / "yolox_s.onnx.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"?" * size)
    pulled = pull_model(network, tmp_path / "r", mirror=mirror.url)
    assert (pulled.path / "model.onnx").read_bytes() == weights()


def test_a_network_that_is_down_or_has_no_such_file(files, mirror, tmp_path):
    network = publishes(files, "yolox-s", weights())
    with pytest.raises(Unavailable, match=r"yolox_s.onnx: cannot be reached; check the network"):
        pull_model(network, tmp_path / "r", mirror="http://127.0.0.1:9")
    (files / "yolox_s.onnx").unlink()
    with pytest.raises(NotFound, match=r"there is no object http://127.0.0.1:\d+/yolox_s.onnx"):
        pull_model(network, tmp_path / "r", mirror=mirror.url)


@pytest.mark.parametrize(
    "mirror",
    [
        "http://example.org",
        "ftp://example.org",
        "file:///etc",
        "example.org",
        "https://",
        "https://me:secret@example.org",
        "https://example.org/?x=",
    ],
)
def test_mirrors_that_are_refused(mirror):
    with pytest.raises(InvalidInput, match="mirror: must look like https://host/folder"):
        web_file("https://github.com/yolox.onnx", mirror)


def test_a_checkpoint_with_the_first_digits_of_its_hash(files, mirror, tmp_path):
    network = publishes(files, "hrnet-w32", weights(), digest_of(weights())[:8])
    pulled = pull_checkpoint(network, tmp_path / "r", mirror=mirror.url)
    assert pulled.path == tmp_path / "r" / DOWNLOADS / ZOO["hrnet-w32"].checkpoint.name
    assert (pulled.path.read_bytes(), pulled.checked) == (weights(), True)
    assert ModelRepository(tmp_path / "r").folders() == []
    mirror.log.clear()
    assert pull_checkpoint(network, tmp_path / "r", mirror=mirror.url) == pulled
    assert mirror.log == []
    pulled.path.write_bytes(b"half")
    assert pull_checkpoint(network, tmp_path / "r", mirror=mirror.url) == pulled
    assert pulled.path.read_bytes() == weights()
    wrong = publishes(files, "hrnet-w48", weights(), "00000000")
    with pytest.raises(SetupError, match="not the published file"):
        pull_checkpoint(wrong, tmp_path / "r", mirror=mirror.url)


def test_where_no_hash_is_published_the_one_seen_is_recorded(files, mirror, tmp_path):
    network = ZOO["yolox-s"]
    (files / "yolox_s.pth").write_bytes(weights())
    partial = tmp_path / "r" / DOWNLOADS / "yolox_s.pth.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"of an older release")  # no hash could tell
    pulled = pull_checkpoint(network, tmp_path / "r", mirror=mirror.url)
    assert pulled.path.read_bytes() == weights()
    assert not pulled.checked
    record = pulled.path.with_name("yolox_s.pth.sha256")
    assert record.read_text() == f"{digest_of(weights())}  yolox_s.pth\n"


def test_the_zoo_is_consistent():
    for name, network in ZOO.items():
        assert network.name == name
        if network.manifest is not None:
            assert network.manifest.name == name
            assert network.manifest.license == network.license == "Apache-2.0"
        assert bool(network.onnx) == bool(network.manifest)
        for file in (network.onnx, network.checkpoint):
            if file is not None:
                host = urlsplit(file.url).hostname
                assert file.url.startswith("https://")
                assert host in ("github.com", "download.openmmlab.com")
                assert len(file.sha256) in (0, 8, 64)
                assert set(file.sha256) <= set("0123456789abcdef")
        if network.page:
            assert network.family
    assert ZOO["hrnet-w48"].checkpoint.sha256 == "0e67c616"


def test_the_manifest_of_yolox_fits_the_official_export(shared_data, files, mirror, tmp_path):
    """Weights of the authors' export, under the manifest that a pull writes."""
    data = (shared_data / "weights" / "yolox_nano_416.onnx").read_bytes()
    pulled = pull_model(publishes(files, "yolox-nano", data), tmp_path / "r", mirror=mirror.url)
    stored = ModelRepository(tmp_path / "r").resolve(pulled.path.parent.name)
    adapter = load_adapter(
        stored.manifest,
        stored.verified_weights(),
        "detection",
        partial(OnnxRuntimeSession, options=EngineOptions()),
    )
    found = adapter({"images": np.full((2, 416, 416, 3), 114, np.uint8)})
    assert found["boxes"].shape == (0, 4)


# The command


def command(*arguments: str, **environment: str) -> Result:
    wide = {"NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(cli, ["models", *arguments], env={**wide, **environment})


def refused(*arguments: str, **environment: str) -> str:
    """The message of a command that must fail."""
    error = command(*arguments, **environment).exception
    assert isinstance(error, SetupError)
    return error.message


def test_the_command_pulls_a_checkpoint_and_says_what_comes_next(files, mirror, tmp_path):
    (files / "yolox_tiny.pth").write_bytes(weights())
    result = command(
        *("pull", "yolox-tiny", "--checkpoint", "--repository", str(tmp_path / "r")),
        PODIUM_MODELS_MIRROR=mirror.url,
    )
    assert result.exception is None
    assert f"its sha256, which is recorded, is {digest_of(weights())}" in result.stdout
    path = tmp_path / "r" / DOWNLOADS / "yolox_tiny.pth"
    assert f"podium models export yolox --weights {path} --out {tmp_path / 'r'}" in result.stdout


def test_the_command_refuses_what_is_not_the_published_file(files, mirror, tmp_path):
    (files / "yolox_tiny.onnx").write_bytes(weights())
    repository = ("--repository", str(tmp_path / "r"))
    message = refused("pull", "yolox-tiny", *repository, "--mirror", mirror.url)
    assert "not the published file (sha256 " in message
    assert "published: 427cc366d34e" in message


def test_weights_on_a_page_for_people(tmp_path):
    message = refused("pull", "3dmppe-posenet", "--repository", str(tmp_path))
    assert "https://github.com/mks0601/3DMPPE_POSENET_RELEASE" in message
    export = "podium models export 3dmppe --weights POSENET --root-weights ROOTNET --out"
    assert f"{export} {tmp_path}" in message
    listed = command("list", "--available").stdout
    for name in ZOO:
        assert name in listed
    assert "https://github.com/mks0601/3DMPPE_ROOTNET_RELEASE" in listed


@pytest.mark.parametrize("verb", [["list"], ["verify"], ["pull", "yolox-s"]])
def test_what_needs_a_folder_says_so(verb):
    message = refused(*verb, PODIUM_MODELS="s3://models/prod")
    assert "PODIUM_MODELS is s3://models/prod, and this command needs a folder" in message
    assert "podium models fetch --into FOLDER" in message


def test_one_damaged_model_does_not_hide_the_others(files, mirror, tmp_path):
    for name in ("yolox-nano", "yolox-s", "yolox-m"):
        pull_model(publishes(files, name, weights()), tmp_path / "r", mirror=mirror.url)
    (tmp_path / "r" / "yolox-m" / "1" / "model.yaml").write_text("version: [")
    (tmp_path / "r" / "yolox-s" / "1" / "model.onnx").write_bytes(b"half")
    listed = command("list", "--repository", str(tmp_path / "r"))
    assert [line.split()[-1] for line in listed.stdout.splitlines()[1:]] == [
        "wrong",
        "verified",
        "missing",
    ]
    verified = command("verify", "--repository", str(tmp_path / "r"))
    assert "yolox-m@1: " in verified.stdout
    assert "is not YAML" in verified.stdout
    assert "yolox-nano@1: ok" in verified.stdout
    assert str(verified.exception) == "2 of the models cannot be used"
