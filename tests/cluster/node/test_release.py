"""The standard tier on a real node: a video goes in, key points come out, whatever is replaced.

``PODIUM_IMAGES`` names archives with the six images, called ``podium.local/podium-<service>:test``,
separated by commas: what ``make images-export REGISTRY=podium.local TAG=test`` writes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from podium.lab import scores
from podium.lab.athlete import ground_truth
from podium.skeletons import BLAZEPOSE33
from tests.cluster.cluster import Object
from tests.cluster.node.conftest import NodeCluster
from tests.cluster.node.machine import ADDRESS
from tests.cluster.releases import CHARTS, Releases, name
from tests.support.charts import SERVICES
from tests.support.load import BATCH_FRAMES, PIPELINES, Batch, Client, Load, client_of, poses

NAMESPACE = "podium-release-test"
TIER = "standard"
VALUES = Path(__file__).with_name("values.yaml")
GATEWAY_URL = f"http://{ADDRESS}:30080"
IN_PATH = [service for service in SERVICES if service != "postprocess"]
"""What a frame goes through."""
CONCURRENCY = 3


@pytest.fixture(scope="module")
def release(node_cluster: NodeCluster, model_repository: Path) -> Iterator[Releases]:
    if not (archives := os.environ.get("PODIUM_IMAGES")):
        pytest.skip("PODIUM_IMAGES names no archives of images")
    for archive in archives.split(","):
        node_cluster.node.import_image(Path(archive))
    cluster = node_cluster.cluster
    cluster.helm("upgrade", "--install", "podium-platform", str(CHARTS / "podium-platform"))
    with cluster.namespace(NAMESPACE) as namespace:
        for manifest in models(model_repository):
            cluster.kubectl("create", f"--namespace={namespace}", "-f=-", stdin=manifest)
        releases = Releases(cluster, namespace, VALUES)
        releases.upgrade(TIER)
        yield releases
        releases.uninstall(TIER)


@pytest.fixture(scope="module")
def media(clip: Path) -> bytes:
    return clip.read_bytes()


@pytest_asyncio.fixture
async def client(release: Releases, media: bytes) -> AsyncIterator[Client]:
    async with client_of([GATEWAY_URL], media) as client:
        yield client


def test_helm_test_passes(release: Releases) -> None:
    tested = release.cluster.helm("test", name(TIER), f"--namespace={release.namespace}", "--logs")
    assert "pose-2d: 33 key points" in tested
    assert "pose-3d: 33 key points" in tested


async def test_key_points_of_a_video_are_right(client: Client, clip: Path) -> None:
    truth = ground_truth.load(clip.with_suffix(".json"))
    starts = range(0, 60 - BATCH_FRAMES, BATCH_FRAMES)
    answers = [await client.ask(Batch("pose-3d", start)) for start in starts]
    assert [answer.status for answer in answers] == [200] * len(starts)
    found = {frame: people[0] for a in answers for frame, people in poses(a.body).items()}
    frames = sorted(found)
    limbs = [BLAZEPOSE33.index[joint] for joint in scores.LIMB_JOINTS]
    keypoints_px = np.array([found[frame] for frame in frames])[:, limbs, :2]
    expected_px, boxes_px = truth.limb_keypoints_px()[frames], truth.boxes_px[frames]
    assert scores.pck(keypoints_px, expected_px, boxes_px, 0.1) >= 0.97


async def test_every_pod_of_a_stage_gets_its_share(
    release: Releases, node_cluster: NodeCluster, client: Client
) -> None:
    stages = [service for service in IN_PATH if service != "gateway"]
    before = {stage: requests_answered_by(release, node_cluster, stage) for stage in stages}
    assert await failures(client, lambda: None) == []
    for stage in stages:
        pods = requests_answered_by(release, node_cluster, stage)
        assert len(pods) == 2
        assert min(count - before[stage][pod] for pod, count in pods.items()) > 0, stage


@pytest.mark.parametrize("service", IN_PATH)
async def test_a_deleted_pod_loses_no_batch(
    release: Releases, client: Client, service: str
) -> None:
    pod = release.pods(TIER, service)[0]["metadata"]["name"]
    delete = ("delete", "pod", pod, f"--namespace={release.namespace}")
    assert await failures(client, lambda: release.cluster.kubectl(*delete)) == []


async def test_a_rolling_upgrade_loses_no_batch(release: Releases, client: Client) -> None:
    pods = [pod for service in SERVICES for pod in release.pods(TIER, service)]
    before = [f"pod/{pod['metadata']['name']}" for pod in pods]

    def upgrade() -> None:
        release.upgrade(TIER, "defaults.podAnnotations.changed=yes")
        gone = (f"--namespace={release.namespace}", "--for=delete", "--timeout=120s")
        release.cluster.kubectl("wait", *before, *gone)  # those that end still have requests

    assert await failures(client, upgrade) == []
    pods = [pod for service in SERVICES for pod in release.pods(TIER, service)]
    assert {pod["metadata"]["annotations"].get("changed") for pod in pods} == {"yes"}


async def failures(client: Client, change: Callable[[], object]) -> list[object]:
    """The errors of batches that are asked for before, while and after ``change`` happens."""
    batches = itertools.cycle(Batch(pipeline, 8) for pipeline in PIPELINES)
    load = Load(client, batches, CONCURRENCY)
    running = asyncio.create_task(load.run())
    await load.until(6)
    await asyncio.to_thread(change)
    await load.until(12)
    load.stopping.set()
    answers = await running
    slowest_s = max(answer.seconds for answer in answers)
    moves = sum(answer.moves for answer in answers)
    print(f"\n{len(answers)} batches, {moves} sent again, the slowest in {slowest_s:.2f} s")
    return [a.body for a in answers if a.status != 200] + [
        frame
        for a in answers
        if a.status == 200
        for frame in a.body["frames"]
        if frame["status"] != "ok"
    ]


def requests_answered_by(release: Releases, on: NodeCluster, service: str) -> dict[str, float]:
    """Requests that each pod of a service has answered, by its own count."""
    read = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    counts = {}
    for pod in release.pods(TIER, service):
        port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
        url = f"http://{pod['status']['podIP']}:{port}/metrics"
        text = on.machine.run(sys.executable, "-c", read, url)
        lines = [line for line in text.splitlines() if line.startswith("podium_requests_total{")]
        counts[pod["metadata"]["name"]] = sum(float(line.rpartition(" ")[2]) for line in lines)
    return counts


def models(repository: Path) -> list[Object]:
    """A volume on the node with the model repository, and the claim that the release names."""
    size = {"storage": "1Gi"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "podium-models"},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadOnlyMany"],
            "claimRef": {"name": "podium-models", "namespace": NAMESPACE},
            "storageClassName": "",
            "hostPath": {"path": str(repository)},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "podium-models"},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "resources": {"requests": size},
            "storageClassName": "",
            "volumeName": "podium-models",
        },
    }
    return [volume, claim]
