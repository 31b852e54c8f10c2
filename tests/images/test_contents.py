"""What is in the images, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import podium
from tests.images.conftest import TAG, image_name
from tests.images.docker import LOCKS, SERVICES, Docker

ROOT = Path(__file__).parents[2]
GATEWAY_BYTES = 200e6
HEAVY = {"cv2", "av", "onnxruntime", "torch", "scipy", "matplotlib", "aiohttp", "boto3"}
HEAVY |= {"kubernetes", "rich"}
NEEDED = {
    "gateway": {"aiohttp", "kubernetes"},
    "decode": {"cv2", "av"},
    "detection": {"onnxruntime"},
    "pose2d": {"onnxruntime"},
    "pose3d": {"onnxruntime"},
    "postprocess": {"cv2", "av", "scipy"},
    "jobs": {"av", "boto3"},
}
RUNS = {service: service for service in SERVICES} | {"jobs": "api"}
"""Image -> what it runs unless told otherwise."""
OF_THE_SDK = {"rich", "markdown-it-py", "mdurl", "pygments"}
OF_ITS_CALLS = set("aiohttp aiohappyeyeballs aiosignal frozenlist multidict propcache yarl".split())
"""What the package needs without any extra; of services only the gateway calls with aiohttp."""
NO_SHELL = [f"--volume=/dev/null:/usr/bin/{shell}:ro" for shell in ("dash", "bash")]


def test_packages_are_those_of_the_lock(docker: Docker, service: str, image: str) -> None:
    installed = json.loads(docker.python(image, INSTALLED))
    assert installed.pop("podium") == podium.__version__
    assert installed == locked(service, json.loads(docker.python(image, MARKERS)))


def test_the_bill_of_materials_has_every_package(docker: Docker, service: str, image: str) -> None:
    bill = json.loads(docker.python(image, "print(open('/opt/podium/sbom.cdx.json').read())"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(c["name"]): c["version"] for c in bill["components"]}
    assert listed == locked(service, json.loads(docker.python(image, MARKERS)))


def test_the_service_loads_with_these_packages(docker: Docker, service: str, image: str) -> None:
    apps = {"gateway", "decode", "postprocess", "api"}
    module = f"podium.{RUNS[service]}.app" if RUNS[service] in apps else f"podium.{service}"
    code = f"import {module}; print('loaded')"
    assert docker.python(image, code, *NO_SHELL) == "loaded\n"


def test_heavy_libraries_are_only_where_they_are_needed(
    docker: Docker, service: str, image: str
) -> None:
    code = f"""
import importlib.util as util
print(*(name for name in {sorted(HEAVY)} if util.find_spec(name)))"""
    assert set(docker.python(image, code).split()) == NEEDED[service]


def test_the_gateway_can_talk_to_the_api_server(docker: Docker) -> None:
    code = """
from kubernetes.aio import client, config
client.ApiClient, client.Configuration, config.load_kube_config, config.load_incluster_config
import podium.kubernetes.credentials as credentials
credentials.require_library('the test')
print('loaded')"""
    assert docker.python(image_name("gateway"), code) == "loaded\n"


def test_the_image_of_jobs_is_controller_and_migration_too(docker: Docker) -> None:
    code = "import podium.jobs.__main__, podium.api.prepare, podium.jobs.aws.s3_objects"
    assert docker.python(image_name("jobs"), f"{code}; print('loaded')") == "loaded\n"


def test_no_weights_no_tests_no_pip_and_nothing_can_be_written(docker: Docker, image: str) -> None:
    assert docker.python(image, SUPERFLUOUS).split() == []


def test_what_runs(docker: Docker, service: str, image: str) -> None:
    config = docker.inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-m", f"podium.{RUNS[service]}"]
    assert not config["Cmd"]
    labels = {
        key.removeprefix("org.opencontainers.image."): v for key, v in config["Labels"].items()
    }
    assert labels["title"] == f"podium-{service}"
    assert labels["version"] == TAG
    assert labels["licenses"] == "Apache-2.0"
    assert labels["description"]
    assert labels["base.name"]


def test_the_gateway_is_small(docker: Docker) -> None:
    layers = docker(
        "history",
        "--no-trunc",
        "--human=false",
        "--format={{.Size}} {{.CreatedBy}}",
        image_name("gateway"),
    )
    added = [line.split()[0] for line in layers.splitlines() if "COPY /opt/podium" in line]
    assert len(added) == 2
    assert sum(map(int, added)) < GATEWAY_BYTES


def test_services_with_networks_share_their_layers(docker: Docker) -> None:
    layers = [
        docker.inspect(image_name(service))["RootFS"]["Layers"]
        for service in ("detection", "pose2d", "pose3d")
    ]
    assert layers[0] == layers[1] == layers[2]


def test_a_wrong_setting_is_one_line(docker: Docker, image: str) -> None:
    with pytest.raises(AssertionError, match="PODIUM_PORT") as failure:
        docker("run", "--rm", "--network=none", "--env=PODIUM_PORT=http", image)
    assert "Traceback" not in str(failure.value)


INSTALLED = """
import importlib.metadata, json, re
print(json.dumps({
    re.sub('[-_.]+', '-', each.metadata['Name']).lower(): each.version
    for each in importlib.metadata.distributions(path=[
        path for path in __import__('sys').path if path.startswith('/opt/podium')
    ])
}))"""

MARKERS = """
import json, platform, sys
print(json.dumps({
    'python_full_version': platform.python_version(),
    'python_version': '.'.join(platform.python_version_tuple()[:2]),
    'sys_platform': sys.platform,
    'platform_machine': platform.machine(),
    'implementation_name': sys.implementation.name,
    'platform_python_implementation': platform.python_implementation(),
}))"""

SUPERFLUOUS = """
import os
WEIGHTS = ('.onnx', '.pt', '.pt2', '.pth', '.tflite', '.engine')
for folder, folders, files in os.walk('/opt/podium'):
    for name in folders:
        if name in ('tests', 'pip', 'setuptools'):
            print(os.path.join(folder, name))
    for name in files:
        path = os.path.join(folder, name)
        is_weights = name.endswith(WEIGHTS) and os.path.getsize(path) > 100_000
        if is_weights or not os.path.islink(path) and os.access(path, os.W_OK):
            print(path)"""


def locked(service: str, environment: dict[str, str]) -> dict[str, str]:
    """Name -> version in the lock of a service, as far as it holds for that Python.

    Without what the image leaves out (`services/install_packages.sh`).
    """
    lock = ROOT / "services" / "requirements" / f"{LOCKS.get(service, service)}.txt"
    lines = [line.rstrip(" \\") for line in lock.read_text().splitlines() if line[:1].isalnum()]
    left_out = OF_THE_SDK if service == "gateway" else OF_THE_SDK | OF_ITS_CALLS
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in map(Requirement, lines)
        if (each.marker is None or each.marker.evaluate(environment))
        and canonicalize_name(each.name) not in left_out
    }
