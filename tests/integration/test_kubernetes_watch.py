"""The watch loop and its calls, against an API server in every mood."""

from __future__ import annotations

import asyncio
import datetime
import logging
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from kubernetes.aio.config import incluster_config

from podium.errors import SetupError
from podium.kubernetes import watch as watch_module
from podium.kubernetes.api import KubernetesApi
from podium.kubernetes.credentials import require_cluster
from podium.kubernetes.errors import ApiError
from podium.kubernetes.watch import Watch
from tests.support.api_server import PIPELINES, ApiServer, served_to_here
from tests.support.certificates import Authority
from tests.support.waiting import until

PATH = PIPELINES.replace("sport", "{namespace}")


@pytest.fixture
async def server(monkeypatch, tmp_path) -> AsyncIterator[ApiServer]:
    async with served_to_here(monkeypatch, tmp_path) as server:
        yield server


@asynccontextmanager
async def watching(idle_s: float = 70) -> AsyncIterator[tuple[Watch, dict[str, str]]]:
    """A running watch, and the colour of each object that it knows."""
    seen: dict[str, str] = {}

    def read(objects):
        seen.clear()
        seen.update({name: o["spec"]["colour"] for name, o in objects.items()})

    async with KubernetesApi() as api:
        watch = Watch(api, PATH, on_change=read, otherwise="nothing is known", idle_s=idle_s)
        task = asyncio.create_task(watch.run())
        try:
            yield watch, seen
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_changes_arrive(server):
    server.put(PIPELINES, "a", spec={"colour": "red"})
    async with watching() as (watch, seen):
        await watch.synced.wait()
        assert seen == {"a": "red"}
        server.put(PIPELINES, "b", spec={"colour": "blue"})
        server.put(PIPELINES, "a", spec={"colour": "green"})
        await until(lambda: seen == {"a": "green", "b": "blue"})
        server.delete(PIPELINES, "a")
        await until(lambda: seen == {"b": "blue"})
    assert server.count("list") == 1


async def test_a_stream_that_ends_is_continued_where_it_ended(server):
    server.bookmark_s = 0.05
    async with watching() as (watch, seen):
        await watch.synced.wait()
        server.say("/elsewhere", {})  # only a bookmark tells of it
        bookmarked = str(server._version)
        await until(lambda: watch._version == bookmarked)
        server.bookmark_s = 60
        server.cut_streams()
        await until(lambda: server.count("watch") == 2)
        assert server.calls[-1] == ("watch", bookmarked)
        server.put(PIPELINES, "a", spec={"colour": "red"})
        await until(lambda: seen == {"a": "red"})
    assert server.count("list") == 1


@pytest.mark.parametrize("told_in_the_stream", [True, False])
async def test_what_the_server_has_forgotten_is_listed_anew(server, told_in_the_stream):
    server.put(PIPELINES, "gone", spec={"colour": "red"})
    async with watching() as (watch, seen):
        await watch.synced.wait()
        await until(lambda: server.count("watch") == 1)
        if told_in_the_stream:
            status = {"kind": "Status", "code": 410, "message": "too old resource version"}
            server.say(PIPELINES, {"type": "ERROR", "object": status})
        else:
            server.mute = True
            server.delete(PIPELINES, "gone")
            server.put(PIPELINES, "new", spec={"colour": "blue"})
            server.forget()
            server.mute = False
            server.cut_streams()
            await until(lambda: seen == {"new": "blue"})
        await until(lambda: server.count("list") == 2)
        server.put(PIPELINES, "later", spec={"colour": "grey"})
        await until(lambda: "later" in seen)


async def test_what_was_forgotten_during_a_long_absence_is_listed_at_once(server, monkeypatch):
    waits = []
    async with watching() as (watch, seen):
        await watch.synced.wait()
        await until(lambda: server.count("watch") == 1)
        server.refuse = {"watch": 503}
        server.cut_streams()
        await until(lambda: server.count("watch") >= 5)
        monkeypatch.setattr(watch, "_pause_s", lambda *_: waits.append(1) or 0.02)
        server.put(PIPELINES, "a", spec={"colour": "red"})
        server.forget()
        server.refuse = {}
        await until(lambda: server.count("list") == 2)
        before = len(waits)
        await until(lambda: seen == {"a": "red"})
        assert len(waits) == before <= 2


async def test_while_the_server_is_away_what_is_known_stays(server):
    server.put(PIPELINES, "a", spec={"colour": "red"})
    async with watching() as (watch, seen):
        await watch.synced.wait()
        server.refuse = {"list": 500, "watch": 503}
        server.cut_streams()
        await until(lambda: server.count("watch") >= 4)
        assert watch.age_s > 0
        assert seen == {"a": "red"}
        server.refuse = {}
        server.put(PIPELINES, "b", spec={"colour": "blue"})
        await until(lambda: "b" in seen)
    assert server.count("list") == 1


async def test_a_server_that_is_away_at_first_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(watch_module, "_MIN_BACKOFF_S", 0.02)
    server = ApiServer()
    async with server.run():
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig(tmp_path))
        port = int(server.url.rpartition(":")[2])
    async with watching() as (watch, seen):
        await asyncio.sleep(0.1)
        assert not watch.synced.is_set()
        assert not watch.refused
        async with server.run(port=port):
            server.put(PIPELINES, "a", spec={"colour": "red"})
            await until(lambda: seen == {"a": "red"})
            await until(lambda: server.count("watch") == 1)
            server.cut_streams()
        await asyncio.sleep(0.1)
        assert seen == {"a": "red"}
        async with server.run(port=port):  # and after a restart
            server.put(PIPELINES, "b", spec={"colour": "blue"})
            await until(lambda: "b" in seen)


@pytest.mark.parametrize("code", [403, 404])
async def test_no_leave_is_told_once_and_may_be_given_later(server, caplog, code):
    server.refuse = {"list": code}
    async with watching() as (watch, _):
        await watch.settled.wait()
        assert watch.refused
        await until(lambda: server.count("list") >= 4)
        warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert [w.message for w in warnings] == [
            f"pipelines: {code} not in the mood; nothing is known"
        ]
        server.refuse = {}
        await watch.synced.wait()
        assert not watch.refused


async def test_a_silent_stream_is_given_up(server):
    server.mute = True
    async with watching(idle_s=0.1) as (watch, seen):
        await watch.synced.wait()
        server.put(PIPELINES, "a", spec={"colour": "red"})
        await until(lambda: server.count("watch") >= 2)
        server.mute = False
        server.cut_streams()
        await until(lambda: seen == {"a": "red"})


@pytest.mark.parametrize(
    "line",
    [
        {"type": "ADDED"},
        {"type": "ADDED", "object": {"metadata": {"resourceVersion": "1"}}},
        {"type": "ERROR", "object": {"code": 500, "message": "etcd is on fire"}},
        {"type": "ERROR", "object": None},
        {"nonsense": [1]},
        ["no", "object"],
        {"type": "ADDED", "object": {"metadata": {"name": "x" * 9_000_000}}},
    ],
    ids=["no object", "no name", "error", "null", "no event", "list", "too long"],
)
async def test_nonsense_in_the_stream_does_no_harm(server, line):
    server.put(PIPELINES, "a", spec={"colour": "red"})
    async with watching() as (watch, seen):
        await watch.synced.wait()
        await until(lambda: server.count("watch") == 1)
        server.say(PIPELINES, line)
        await until(lambda: server.count("watch") >= 2)
        assert seen == {"a": "red"}
        server._events.clear()
        server.put(PIPELINES, "b", spec={"colour": "blue"})
        await until(lambda: "b" in seen)


async def test_unknown_kinds_of_events_are_left_alone(server):
    async with watching() as (watch, seen):
        await watch.synced.wait()
        await until(lambda: server.count("watch") == 1)
        server.say(PIPELINES, {"type": "NEW", "object": {"metadata": {"resourceVersion": "7"}}})
        server.put(PIPELINES, "a", spec={"colour": "red"})
        await until(lambda: seen == {"a": "red"})


async def test_a_fault_of_the_reader_does_not_end_the_watch(server, caplog):
    seen = []

    def read(objects):
        seen.append(set(objects))
        if "bad" in objects:
            raise RuntimeError("a fault")

    server.put(PIPELINES, "bad", spec={"colour": "red"})
    async with KubernetesApi() as api:
        watch = Watch(api, PATH, on_change=read, otherwise="")
        task = asyncio.create_task(watch.run())
        await until(lambda: len(seen) >= 2)
        server.delete(PIPELINES, "bad")
        await watch.synced.wait()
        task.cancel()
        await asyncio.wait([task])
    assert seen[-1] == set()
    assert "could not be dealt with" in caplog.text


def test_waits_grow_and_differ():
    watch = Watch(KubernetesApi(), PATH, on_change=lambda _: None, otherwise="")
    first = [watch._pause_s() for _ in range(200)]
    assert 0.5 <= min(first) < 0.6
    assert 0.9 < max(first) <= 1
    watch._failures = 20
    late = [watch._pause_s() for _ in range(200)]
    assert 0.5 <= min(late) < 5
    assert 25 < max(late) <= 30
    asked = [watch._pause_s(retry_after_s=2) for _ in range(200)]
    assert 3.5 < max(asked) <= 4


async def test_a_stream_that_ends_at_once_is_not_asked_for_without_end(server):
    server.refuse = {"watch": 200}
    async with watching() as (watch, _):
        await watch.synced.wait()
        began = time.monotonic()
        await until(lambda: server.count("watch") >= 6)
        assert time.monotonic() - began >= 4 * 0.02  # the least between two; one is on its way


async def test_new_credentials_are_read_when_old_ones_are_refused(server, tmp_path):
    async with KubernetesApi() as api:
        await api.call("GET", PIPELINES)
        server.token = "second"  # noqa: S105 - of this server alone
        server.kubeconfig(tmp_path)
        with pytest.raises(ApiError, match="401 Unauthorized"):
            await api.call("GET", PIPELINES)
        assert (await api.call("GET", PIPELINES))["items"] == []


async def test_the_credentials_of_a_pod(monkeypatch, tmp_path):
    """TLS by the authority of the account alone, and its token, which is replaced in its file."""
    certificate, key = Authority(tmp_path).issue("server", "api", hosts=["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    (tmp_path / "token").write_text("first")
    (tmp_path / "namespace").write_text("sport\n")
    server = ApiServer()
    async with server.run(tls):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
        async with KubernetesApi(service_account=tmp_path) as api:
            require_cluster("PODIUM_GATEWAY_WATCH_PIPELINES", tmp_path)
            assert (await api.call("GET", PIPELINES))["items"] == []
            assert await api.namespace() == "sport"
            (tmp_path / "token").write_text("second")  # the kubelet has replaced it
            server.token = "second"  # noqa: S105 - of this server alone

            class InAMinute(datetime.datetime):
                @classmethod
                def now(cls, tz=None):
                    return super().now(tz) + datetime.timedelta(seconds=61)

            later = SimpleNamespace(datetime=InAMinute, timedelta=datetime.timedelta)
            monkeypatch.setattr(incluster_config, "datetime", later)
            assert (await api.call("GET", PIPELINES))["items"] == []  # and no 401 between
            in_an_hour = datetime.datetime.now() + datetime.timedelta(hours=1)
            monkeypatch.setattr(InAMinute, "now", lambda tz=None: in_an_hour)
            (tmp_path / "token").write_text("")
            with pytest.raises(ApiError, match="credentials cannot be read: Token file"):
                await api.call("GET", PIPELINES)
            (tmp_path / "token").write_text("second")
        async with KubernetesApi("other", tmp_path) as api:
            assert await api.namespace() == "other"
        stranger = tmp_path / "stranger"
        stranger.mkdir()
        Authority(stranger)
        for name in ("token", "namespace"):
            shutil.copy(tmp_path / name, stranger)
        async with KubernetesApi(service_account=stranger) as api:
            with pytest.raises(ApiError, match="Certificate"):
                await api.call("GET", PIPELINES)
            shutil.copy(tmp_path / "ca.crt", stranger)
            assert (await api.call("GET", PIPELINES))["items"] == []


async def test_wrong_credentials_are_an_error_not_a_crash(server, monkeypatch, tmp_path):
    for text in ("", "[", "7", "{}", "current-context: x\ncontexts: []\nclusters: []\n"):
        (tmp_path / "bad").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "bad"))
        with pytest.raises(ApiError, match="credentials"):
            await KubernetesApi().call("GET", PIPELINES)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ApiError, match="credentials"):
        await KubernetesApi().call("GET", PIPELINES)


async def test_outside_a_cluster(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(SetupError, match="PODIUM_GATEWAY_WATCH_PIPELINES needs a cluster"):
        require_cluster("PODIUM_GATEWAY_WATCH_PIPELINES", tmp_path)
    async with watching() as (watch, _):
        await until(lambda: watch.refused)
