"""The six images as Docker Compose runs them: a video goes in, right key points come out."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import podium
from podium.api.settings import ApiSettings
from podium.environment import check_names
from podium.jobs.settings import JobsSettings
from podium.lab import scores
from podium.lab.athlete import ground_truth
from podium.local.settings import settings_of
from podium.local.stack import Stack
from podium.skeletons import BLAZEPOSE33
from tests.images.conftest import REGISTRY, TAG
from tests.images.docker import SERVICES, Compose, Docker, NoDocker, find_compose
from tests.support.http_calls import post, post_json
from tests.support.load import difference, poses

FILE = Path(__file__).parents[2] / "services" / "compose.yaml"

JOBS = ("api", "controller")

RESTRICTIONS = """
import errno, os
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
try:
    open('/opt/podium/written', 'w')
except OSError as error:
    written = errno.errorcode[error.errno]
print(os.getuid(), os.getgid(), int(status['CapEff'], 16), status['NoNewPrivs'].strip(), written)"""


@dataclass(frozen=True)
class Running:
    """The containers of a project.

    Attributes:
        compose: To command them.
        url: Base URL of the gateway.
        data: The folder that the containers know as ``/data``.
        api: Base URL of the api.
        key: Its admin key.
    """

    compose: Compose
    url: str
    data: Path
    api: str
    key: str


@pytest.fixture(scope="module")
def running(
    docker: Docker, model_repository: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    try:
        command = find_compose(docker)
    except NoDocker as error:
        pytest.skip(str(error))
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o777)
    shutil.copy(clip, data)
    state = tmp_path_factory.mktemp("state")
    (state / "objects").mkdir()
    for folder in (state, state / "objects"):
        folder.chmod(0o777)
    with socket.socket() as free, socket.socket() as also_free:
        free.bind(("127.0.0.1", 0))
        also_free.bind(("127.0.0.1", 0))
        port, api_port = free.getsockname()[1], also_free.getsockname()[1]
    environment = {
        "PODIUM_REGISTRY": REGISTRY,
        "PODIUM_TAG": TAG,
        "PODIUM_MODELS": str(model_repository),
        "PODIUM_DATA": str(data),
        "PODIUM_GATEWAY_PORT": str(port),
        "PODIUM_API_PORT": str(api_port),
        "PODIUM_STATE": str(state),
        "COMPOSE_PROFILES": "jobs",
    }
    compose = Compose(command, FILE, "podium-test", environment)
    try:
        prepared = compose("run", "--rm", "--entrypoint=python -m podium.api.prepare", "api")
        compose("up", "--wait")
        api = f"http://127.0.0.1:{api_port}"
        yield Running(compose, f"http://127.0.0.1:{port}", data, api, prepared.split()[-1])
    finally:
        compose("down", "--volumes")


def run(running: Running, pipeline: str, **options: Any) -> dict[str, Any]:
    """Frames by address through the gateway."""
    asked = {"uri": "file:///data/sprint.mp4", **options}
    return success(post_json(f"{running.url}/v1/pipelines/{pipeline}", asked))


def success(answer: tuple[int, Any]) -> dict[str, Any]:
    status, body = answer
    assert status == 200, body
    assert isinstance(body, dict)
    return body


def test_containers_are_as_restricted_as_in_a_cluster(docker: Docker, running: Running) -> None:
    containers = running.compose("ps", "--quiet").split()
    assert len(containers) == len(SERVICES) + len(JOBS)
    for container in containers:
        assert docker.inspect(container)["HostConfig"]["ReadonlyRootfs"]
        found = docker("exec", container, "python", "-c", RESTRICTIONS)
        assert found.split() == ["10001", "10001", "0", "1", "EROFS"]


def test_key_points_are_right(running: Running, clip: Path) -> None:
    truth = ground_truth.load(clip.with_suffix(".json"))
    found = poses(run(running, "pose-3d"))
    limbs = [BLAZEPOSE33.index[joint] for joint in scores.LIMB_JOINTS]
    keypoints_px = np.array([found[frame][0] for frame in range(60)])[:, limbs, :2]
    score = scores.pck(keypoints_px, truth.limb_keypoints_px(), truth.boxes_px, 0.1)
    assert score >= 0.97


@pytest.mark.parametrize("pipeline", ["pose-2d", "pose-3d"])
def test_answers_are_those_of_podium_run(
    running: Running, stack: Stack, clip: Path, pipeline: str
) -> None:
    asked = {"uri": clip.as_uri(), "count": 16}
    here = success(post_json(f"{stack.gateway_url}/v1/pipelines/{pipeline}", asked))
    assert difference(run(running, pipeline, count=16), here) < 1e-3  # pixels and metres


def test_media_goes_with_the_request(running: Running, clip: Path) -> None:
    url = f"{running.url}/v1/pipelines/pose-2d?count=4"
    result = success(post(url, clip.read_bytes(), "video/mp4"))
    assert [frame["status"] for frame in result["frames"]] == ["ok"] * 4


def test_a_whole_video_becomes_files(running: Running) -> None:
    results = running.data / "results.json"
    results.write_text(json.dumps(run(running, "pose-3d")))
    asked = {
        "source": "file:///data/sprint.mp4",
        "results_uri": "file:///data/results.json",
        "output": "file:///data/out",
    }
    url = f"{running.url}/v1/postprocess"
    results.chmod(0o600)
    status, refusal = post_json(url, asked)
    assert status == 403
    assert "results_uri: cannot be read" in refusal["error"]
    results.chmod(0o644)
    names = {file["name"] for file in success(post_json(url, asked))["files"]}
    assert {"keypoints.csv", "biomechanics.csv", "overlay.mp4", "report.html"} <= names
    assert all((running.data / "out" / name).stat().st_size for name in names)


def test_a_job_ends_with_results(running: Running, clip: Path, tmp_path: Path) -> None:
    with podium.Client(running.api, api_key=running.key) as client:
        job = client.submit(clip, pipeline="pose-3d").wait(timeout_s=300)
        files = {path.name for path in job.download(tmp_path)}
    assert {"keypoints.csv", "biomechanics.csv", "overlay.mp4", "report.html"} <= files


def test_containers_end_well(docker: Docker, running: Running) -> None:
    containers = running.compose("ps", "--quiet").split()
    running.compose("stop")
    states = [docker.inspect(container)["State"] for container in containers]
    assert [state["ExitCode"] for state in states] == [0] * len(containers)


def services() -> dict[str, Any]:
    """What the file says, by the name of the container."""
    described: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return described


def test_the_file_names_the_images_of_this_version() -> None:
    images = {name: name for name in SERVICES} | dict.fromkeys(JOBS, "jobs")
    assert set(services()) == set(images)
    for name, service in services().items():
        tag = f"${{PODIUM_TAG:-{podium.__version__}}}"
        assert service["image"] == f"${{PODIUM_REGISTRY:-}}podium-{images[name]}:{tag}"


def test_the_file_gives_settings_that_the_services_have() -> None:
    for name, service in services().items():
        kinds = [ApiSettings, JobsSettings] if name in JOBS else [settings_of(name)]
        check_names(kinds, service["environment"])


def test_jobs_are_there_for_who_asks_for_them() -> None:
    profiles = {name: service.get("profiles") for name, service in services().items()}
    assert profiles == dict.fromkeys(SERVICES) | {name: ["jobs"] for name in JOBS}
    objects = ":/state/objects"
    for name in ("decode", "postprocess"):
        service = services()[name]
        assert any(objects in volume for volume in service["volumes"])
        assert "/state/objects" in service["environment"]["PODIUM_OBJECTS_READ_ROOTS"].split(",")


def test_the_file_restricts_every_service() -> None:
    for service in services().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
        assert service["mem_limit"] in ("2g", "3g", "4g")  # as in the charts
        assert service["pids_limit"] == 512
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
