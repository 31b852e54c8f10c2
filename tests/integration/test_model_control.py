"""Model control, configuration and statistics of real service processes."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager

import boto3
import numpy as np
import pytest
import tritonclient.http as triton
import yaml
from tritonclient.utils import InferenceServerException

from podium.local.service_process import ServiceProcess
from podium.local.stack import HOST, free_ports
from tests.support.http_calls import post, post_json
from tests.support.one_service import one_service
from tests.support.s3_server import s3_server
from tests.support.waiting import blocking_until

POSE = "blazepose-landmark"
DETECTOR = "blazepose-detector"


@pytest.fixture(scope="module")
def noise():
    """Three crops that the model has not seen."""
    return np.random.default_rng(7).integers(0, 256, (3, 256, 256, 3), np.uint8)


def add_version(models, source, version, **changes):
    """Put a model in the repository as an operator would: whole, in one move."""
    manifest = yaml.safe_load((source / "model.yaml").read_text())
    folder = models / manifest["name"] / f".{version}"
    folder.mkdir(parents=True)
    shutil.copy(source / "model.onnx", folder)
    facts = {**manifest, "version": version, **changes}
    (folder / "model.yaml").write_text(yaml.safe_dump(facts))
    folder.rename(folder.with_name(str(version)))


def running(service, models, **settings):
    """A service process that is ready."""
    return one_service(service, {"PODIUM_MODELS": str(models), **settings})


@contextmanager
def talking_to(process):
    client = triton.InferenceServerClient(f"{process.host}:{process.port}")
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def models(model_repository, tmp_path):
    """A repository of our own with version 1 of the pose model."""
    add_version(tmp_path, model_repository / POSE / "1", 1)
    return tmp_path


@pytest.fixture(scope="module")
def detection(model_repository):
    with running("detection", model_repository) as process, talking_to(process) as client:
        yield client


def infer(client, name, images, version=""):
    given = triton.InferInput("images", list(images.shape), "UINT8")
    given.set_data_from_numpy(images)
    return client.infer(name, [given], model_version=version)


def states(client):
    return {
        f"{entry['name']}@{entry['version']}": entry["state"]
        for entry in client.get_model_repository_index()
    }


class Load:
    """Threads that infer until they are stopped, and remember which version answered."""

    def __init__(self, process, images, threads=2):
        self._process = process
        self._images = images
        self._stop, self._lock = threading.Event(), threading.Lock()
        self.versions: list[str] = []
        self.began: list[float] = []  # when the calls of these were made
        self.failures: list[str] = []
        self.results: list[np.ndarray] = []
        self._threads = [threading.Thread(target=self._work) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _work(self):
        with talking_to(self._process) as client:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    answer = infer(client, POSE, self._images)
                except Exception as error:  # a thread's exception would be lost
                    self.failures.append(repr(error))
                else:
                    with self._lock:
                        self.began.append(began)
                        self.versions.append(answer.get_response()["model_version"])
                    self.results.append(answer.as_numpy("keypoints"))

    def wait_for(self, count):
        target = len(self.versions) + count
        blocking_until(lambda: len(self.versions) >= target)

    def since(self, moment):
        """The versions that answered calls made after a moment."""
        with self._lock:
            return [v for v, began in zip(self.versions, self.began, strict=True) if began > moment]


def test_a_hot_swap_fails_no_request(models, model_repository, noise):
    source = model_repository / POSE / "1"
    with (
        running("pose2d", models) as process,
        talking_to(process) as client,
        Load(process, noise) as load,
    ):
        load.wait_for(5)
        assert set(load.versions) == {"1"}

        add_version(models, source, 2)
        assert states(client) == {f"{POSE}@1": "READY", f"{POSE}@2": "UNAVAILABLE"}
        assert not client.is_model_ready(POSE, "2")
        client.load_model(POSE)
        loaded = time.monotonic()
        assert client.get_model_metadata(POSE)["versions"] == ["1", "2"]
        blocking_until(lambda: len(load.since(loaded)) >= 5)
        assert set(load.since(loaded)) == {"2"}

        unload = f"{process.url}/v2/repository/models/{POSE}/unload"
        long = np.repeat(noise, 20, axis=0)  # 60 rows: about a second of work on version 1
        answers = []
        in_flight = threading.Thread(target=lambda: answers.append(ask_one(process, long, "1")))
        in_flight.start()
        wait_until_queued(process)
        assert post_json(unload, {"parameters": {"version": "1"}}) == (200, {})
        assert not answers  # it has gone from the catalogue, and its request is still worked on
        with pytest.raises(InferenceServerException, match=r"no version '1'; known are: 2"):
            infer(client, POSE, noise, "1")
        assert client.get_model_metadata(POSE)["versions"] == ["2"]
        in_flight.join(30)
        assert answers[0].get_response()["model_version"] == "1"
        assert answers[0].as_numpy("keypoints").shape == (60, 33, 3)

        add_version(models, source, 3, sha256="0" * 64)
        for body in ({}, {"parameters": {"version": 3}}):
            status, answer = post_json(unload.replace("unload", "load"), body)
            assert status == 500
            assert "3/model.onnx: damaged" in answer["error"]
        assert client.get_model_metadata(POSE)["versions"] == ["2"]
        index = {entry["version"]: entry for entry in client.get_model_repository_index()}
        assert [index[v]["state"] for v in "123"] == ["UNAVAILABLE", "READY", "UNAVAILABLE"]
        assert index["1"]["reason"] == "unloaded"
        assert "damaged" in index["3"]["reason"]
        load.wait_for(5)
    assert load.failures == []
    assert load.versions[-1] == "2"
    for keypoints in load.results:  # the versions are the same network
        np.testing.assert_allclose(keypoints, load.results[0], atol=1e-4)


def ask_one(process, images, version):
    with talking_to(process) as client:
        return infer(client, POSE, images, version)


def wait_until_queued(process):
    """Until version 1 has begun a batch after those of the load."""
    with talking_to(process) as client:
        before = executions(client, "1")
        for _ in range(500):
            if executions(client, "1") > before:
                return
            time.sleep(0.005)
    raise AssertionError("the long request never started")


def executions(client, version):
    return client.get_inference_statistics(POSE, version)["model_stats"][0]["execution_count"]


def test_unload_and_load_again(models, noise):
    with running("pose2d", models) as process, talking_to(process) as client:
        first = infer(client, POSE, noise)
        client.unload_model(POSE)
        assert states(client) == {f"{POSE}@1": "UNAVAILABLE"}
        assert not client.is_model_ready(POSE)
        assert client.is_server_ready()
        for call in (client.get_model_metadata, client.get_model_config, client.unload_model):
            with pytest.raises(InferenceServerException, match="there is no") as caught:
                call(POSE)
            assert caught.value.status() == "404"
        client.load_model(POSE)
        assert client.is_model_ready(POSE)
        again = infer(client, POSE, noise)
        np.testing.assert_array_equal(again.as_numpy("keypoints"), first.as_numpy("keypoints"))


def test_what_is_refused(models):
    with running("pose2d", models) as process, talking_to(process) as client:
        url = f"{process.url}/v2/repository"
        for call in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="no 'nobody'"):
                call("nobody")
        with pytest.raises(InferenceServerException, match=r"parameters\.config: is not taken"):
            client.load_model(POSE, config="{}")
        for body, field in (
            (b"[]", "body"),
            (b"{", "body"),
            (b'{"parameters": 1}', "parameters"),
            (b'{"parameters": {"version": "../1"}}', r"parameters.version"),
            (b'{"parameters": {"version": true}}', r"parameters.version"),
        ):
            status, answer = post(f"{url}/models/{POSE}/unload", body)
            assert status == 400
            assert answer["error"].startswith(f"{field}: ")
        assert post(f"{url}/index", b'{"ready": 1}')[0] == 400
        assert states(client) == {f"{POSE}@1": "READY"}
        assert post(f"{url}/models/{POSE}/unload", b"") == (200, {})
        assert post(f"{url}/index", b'{"ready": true}') == (200, [])


def test_control_can_be_turned_off(models):
    with (
        running("pose2d", models, PODIUM_MODEL_CONTROL="false") as process,
        talking_to(process) as client,
    ):
        for call in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="PODIUM_MODEL_CONTROL") as caught:
                call(POSE)
            assert caught.value.status() == "403"
        assert states(client) == {f"{POSE}@1": "READY"}
        assert client.is_model_ready(POSE)


def test_built_in_models_are_listed_and_stay(tmp_path):
    with running("postprocess", tmp_path) as process, talking_to(process) as client:
        (entry,) = client.get_model_repository_index()
        assert (entry["name"], entry["state"]) == ("postprocess", "READY")
        for call in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="part of this service") as caught:
                call("postprocess")
            assert caught.value.status() == "403"
        assert client.get_model_config("postprocess")["max_batch_size"] == 0
        (stats,) = client.get_inference_statistics()["model_stats"]
        assert stats["inference_count"] == 0


def test_configuration(detection, models):
    extensions = detection.get_server_metadata()["extensions"]
    assert set(extensions) >= {
        "binary_tensor_data",
        "model_repository",
        "model_configuration",
        "statistics",
    }
    config = detection.get_model_config(DETECTOR)
    assert config == detection.get_model_config(DETECTOR, "1")
    assert config["max_batch_size"] == 0  # as many boxes as there are, not one row per image
    assert config["input"][0]["data_type"] == "TYPE_UINT8"
    assert config["input"][0]["dims"] == [-1, 224, 224, 3]
    with (
        running("pose2d", models, PODIUM_POSE2D_MAX_BATCH="4") as process,
        talking_to(process) as client,
    ):
        config = client.get_model_config(POSE)
        assert config["max_batch_size"] == 4
        metadata = client.get_model_metadata(POSE)
        for kind in ("input", "output"):
            for told, spec in zip(config[kind], metadata[f"{kind}s"], strict=True):
                assert told["name"] == spec["name"]
                assert [-1, *told["dims"]] == spec["shape"]


def test_statistics(detection):
    before = detection.get_inference_statistics(DETECTOR, "1")["model_stats"][0]
    for rows in (1, 3):
        infer(detection, DETECTOR, np.zeros((rows, 224, 224, 3), np.uint8))
    after = detection.get_inference_statistics(DETECTOR)
    assert after == detection.get_inference_statistics()
    (after,) = after["model_stats"]
    assert (after["name"], after["version"]) == (DETECTOR, "1")
    assert after["inference_count"] - before["inference_count"] == 4
    assert after["execution_count"] - before["execution_count"] == 2
    for phase in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        now, then = after["inference_stats"][phase], before["inference_stats"][phase]
        assert now["count"] - then["count"] == 2
        assert now["ns"] > then["ns"]
    assert {1, 3} <= {batch["batch_size"] for batch in after["batch_stats"]}
    with pytest.raises(InferenceServerException, match="no version '9'"):
        detection.get_inference_statistics(DETECTOR, "9")


@pytest.fixture
def bucket(monkeypatch):
    """An empty bucket ``models`` of an S3 server; services find it by their environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with s3_server() as url:
        monkeypatch.setenv("PODIUM_MODELS_S3_ENDPOINT", url)
        monkeypatch.setenv("PODIUM_MODELS_S3_ALLOW_HTTP", "true")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="models")
        yield client
        client.close()


def test_models_from_an_object_store(bucket, model_repository, tmp_path, noise):
    """Those that are whole are served, the others say why not, and an outage changes nothing."""
    source = model_repository / POSE / "1"
    weights = (source / "model.onnx").read_bytes()
    manifest = yaml.safe_load((source / "model.yaml").read_text())

    def upload(version, data):
        folder = f"prod/{POSE}/{version}"
        bucket.put_object(Bucket="models", Key=f"{folder}/model.onnx", Body=data)
        text = yaml.safe_dump({**manifest, "version": version})
        bucket.put_object(Bucket="models", Key=f"{folder}/model.yaml", Body=text)

    upload(1, weights)
    upload(2, weights[:-1] + b"?")
    cache = {"PODIUM_MODELS_CACHE_DIR": str(tmp_path / "cache")}
    with running("pose2d", "s3://models/prod", **cache) as process, talking_to(process) as client:
        index = {entry["version"]: entry for entry in client.get_model_repository_index()}
        assert index["1"]["state"] == "READY"
        assert index["2"]["state"] == "UNAVAILABLE"
        assert "damaged where it comes from" in index["2"]["reason"]
        assert infer(client, POSE, noise).get_response()["model_version"] == "1"

        upload(2, weights)
        client.load_model(POSE)
        assert infer(client, POSE, noise).get_response()["model_version"] == "2"

        for entry in bucket.list_objects_v2(Bucket="models")["Contents"]:
            bucket.delete_object(Bucket="models", Key=entry["Key"])
        bucket.delete_bucket(Bucket="models")
        with pytest.raises(InferenceServerException, match="no bucket of s3://models/prod"):
            client.load_model(POSE)
        index = {entry["version"]: entry for entry in client.get_model_repository_index()}
        assert [index[version]["state"] for version in "12"] == ["READY", "READY"]
        assert "no bucket" in index["1"]["reason"]
        assert infer(client, POSE, noise).get_response()["model_version"] == "2"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PODIUM_MODELS_CACHE_BYTES": "many"}, "PODIUM_MODELS_CACHE_BYTES: must be"),
        ({"PODIUM_MODELS_CACHE_BYTES": "1"}, "PODIUM_MODELS: CACHE_BYTES must be"),
        ({"PODIUM_MODELS": "s3://models/../prod"}, "model repository: must look like s3://"),
    ],
)
def test_a_wrong_setting_of_the_repository_is_named(settings, says):
    process = ServiceProcess("pose2d", HOST, free_ports()["pose2d"], settings, None)
    assert process.wait(30)
    assert process.exit_code == 1
    assert says in process.last_lines()
