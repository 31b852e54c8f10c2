"""A damaged model and a full disk: what is right is served on, what is not says why and how."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import contextmanager

import boto3
import numpy as np
import pytest
import yaml

from tests.support.http_calls import post, post_json
from tests.support.one_service import one_service
from tests.support.s3_server import s3_server

POSE = "blazepose-landmark"
CROP = np.random.default_rng(7).integers(0, 256, (1, 256, 256, 3), np.uint8)


def infer(service):
    shape, data = list(CROP.shape), CROP.ravel().tolist()
    tensor = {"name": "images", "datatype": "UINT8", "shape": shape, "data": data}
    return post_json(f"{service.url}/v2/models/{POSE}/infer", {"inputs": [tensor]})


def load(service):
    return post(f"{service.url}/v2/repository/models/{POSE}/load", b"{}")


def index(service):
    """Version -> its entry."""
    status, entries = post(f"{service.url}/v2/repository/index", b"{}")
    assert status == 200
    return {entry["version"]: entry for entry in entries if entry["name"] == POSE}


@contextmanager
def load_on(service):
    """One request after the other during the block; gives what they were answered with."""
    answers = []
    stopping = threading.Event()

    def ask():
        while not stopping.is_set():
            answers.append(infer(service))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield answers
    finally:
        stopping.set()
        asking.join()


@pytest.fixture
def source(model_repository):
    return model_repository / POSE / "1"


def manifest(source, version):
    facts = yaml.safe_load((source / "model.yaml").read_text())
    return yaml.safe_dump({**facts, "version": version})


def test_a_damaged_model_is_left_out_until_it_is_repaired(source, tmp_path):
    for version in (1, 2):
        folder = tmp_path / POSE / str(version)
        folder.mkdir(parents=True)
        shutil.copy(source / "model.onnx", folder)
        (folder / "model.yaml").write_text(manifest(source, version))
    damaged = tmp_path / POSE / "2" / "model.onnx"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1  # one bit
    damaged.write_bytes(data)
    with one_service("pose2d", {"PODIUM_MODELS": str(tmp_path)}) as service:
        assert index(service)["1"]["state"] == "READY"
        assert index(service)["2"]["state"] == "UNAVAILABLE"
        assert "sha256" in index(service)["2"]["reason"]
        with load_on(service) as answers:
            status, answer = load(service)
            assert status == 500
            assert "sha256" in answer["error"]
            repaired = damaged.with_suffix(".new")
            shutil.copy(source / "model.onnx", repaired)
            repaired.replace(damaged)
            assert load(service)[0] == 200
            assert infer(service)[1]["model_version"] == "2"
        assert index(service)["2"]["state"] == "READY"
    assert [answer for answer in answers if answer[0] != 200] == []
    assert {answer["model_version"] for _, answer in answers} >= {"1"}
    outputs = [answer["outputs"][0]["data"] for _, answer in answers]
    assert all(output == outputs[0] for output in outputs)


@pytest.fixture
def small_disk(tmp_path, source):
    """A file system with room for one and a half models."""
    folder = tmp_path / "small"
    folder.mkdir()
    size = (source / "model.onnx").stat().st_size * 3 // 2
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with s3_server() as url:
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="models")
        monkeypatch.setenv("PODIUM_MODELS_S3_ENDPOINT", url)
        monkeypatch.setenv("PODIUM_MODELS_S3_ALLOW_HTTP", "true")
        yield client
        client.close()


def upload(bucket, source, version):
    path = f"{POSE}/{version}"
    bucket.put_object(
        Bucket="models", Key=f"{path}/model.onnx", Body=(source / "model.onnx").read_bytes()
    )
    bucket.put_object(Bucket="models", Key=f"{path}/model.yaml", Body=manifest(source, version))


def test_a_full_disk_of_the_model_cache_costs_the_new_model_alone(bucket, source, small_disk):
    upload(bucket, source, 1)
    settings = {"PODIUM_MODELS": "s3://models", "PODIUM_MODELS_CACHE_DIR": str(small_disk)}
    with one_service("pose2d", settings) as service:
        upload(bucket, source, 2)
        with load_on(service) as answers:
            status, answer = load(service)
            assert status == 500
            assert "the disk is full; make room, or choose another folder" in answer["error"]
            states = {version: entry["state"] for version, entry in index(service).items()}
            assert states == {"1": "READY", "2": "UNAVAILABLE"}
            assert "the disk is full" in index(service)["2"]["reason"]
        assert answers
        assert {(status, answer["model_version"]) for status, answer in answers} == {(200, "1")}
        assert not list(small_disk.rglob("*.partial"))  # nothing half is left behind
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        assert load(service)[0] == 200
        assert infer(service)[1]["model_version"] == "2"


def test_a_service_starts_with_what_fits_on_the_disk(bucket, source, small_disk):
    for version in (1, 2):
        upload(bucket, source, version)
    settings = {"PODIUM_MODELS": "s3://models", "PODIUM_MODELS_CACHE_DIR": str(small_disk)}
    with one_service("pose2d", settings) as service:
        assert sorted(entry["state"] for entry in index(service).values()) == [
            "READY",
            "UNAVAILABLE",
        ]
        assert infer(service)[0] == 200
