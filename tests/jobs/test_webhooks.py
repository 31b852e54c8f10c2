"""Webhooks: signed as the standard says, tried as it says, never into a private network."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from standardwebhooks import Webhook as Verifier

from podium.errors import Forbidden, InvalidInput, NotFound, Unprocessable
from podium.jobs import webhooks
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.sql import deliveries, events, hooks
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema.work_tables import WebhookDelivery
from podium.jobs.timing import WEBHOOK_PAUSES_S
from podium.schemas.objects import WebhookCreate, WebhookUpdate
from tests.support.job_world import World, make_world
from tests.support.videos import write_video


class Receiver:
    """A server that keeps what it is sent and answers with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.location: str | None = None
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.got.append((dict(self.headers), body))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("location", kept.location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def world(sqlite: Database, tmp_path: Path) -> World:
    made = make_world(sqlite, tmp_path, None)
    return replace(made, env=replace(made.env, private_webhooks=True))


def event(world: World, now: datetime) -> int:
    """An event of a job that was canceled at once; gives the id of its last delivery."""
    job_id = world.submit(write_video(Path(str(world.env.objects.root)) / "v.mp4", 3))  # type: ignore[attr-defined]

    def tell(session: Session) -> int:
        events.add(
            session,
            "job.canceled",
            project_id=world.principal.project_id or 0,
            job_id=job_id,
            data={"state": "canceled"},
            now=now,
        )
        return max(session.scalars(select(WebhookDelivery.id)))

    return world.env.database.write(SYSTEM, tell)


def delivery(world: World, delivery_id: int) -> WebhookDelivery:
    found = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id)
    return world.env.database.read(SYSTEM, lambda s: s.scalars(found).one())


def test_messages_are_signed_with_every_secret_that_holds(world: World) -> None:
    env, now = world.env, world.env.now()
    with receiver() as there:
        made = env.database.write(
            world.principal, lambda s: hooks.create(s, WebhookCreate(webhook_url=there.url), now)
        )
        rotated = env.database.write(
            world.principal,
            lambda s: hooks.update(
                s, made.id, WebhookUpdate(rotate_secret=True), overlap_s=60, now=now
            ),
        )
        assert rotated.secret not in (None, made.secret)
        delivery_id = event(world, now)
        webhooks.deliver(env, delivery_id)
        [(headers, body)] = there.got
        for secret in (made.secret, rotated.secret):
            told = Verifier(secret or "").verify(body, headers)
        assert told["type"] == "job.canceled"
        assert told["data"]["state"] == "canceled"
        assert delivery(world, delivery_id).delivery_status == "delivered"
        webhooks.deliver(env, delivery_id)
        assert len(there.got) == 1  # done is done
        env.database.write(
            world.principal, lambda s: deliveries.resend(s, made.id, delivery_id, env.now())
        )
        webhooks.deliver(env, delivery_id)
        ids = {headers["webhook-id"] for headers, _ in there.got}
        assert (len(there.got), len(ids)) == (2, 1)


def test_what_fails_is_tried_after_the_pauses_of_the_standard(world: World) -> None:
    moment = world.env.now()
    env = replace(world.env, now=lambda: moment)
    with receiver() as there:
        there.status = 500
        wanted = WebhookCreate(webhook_url=there.url, events=["job.canceled"])
        env.database.write(world.principal, lambda s: hooks.create(s, wanted, moment))
        delivery_id = event(world, moment)
        for number, pause_s in enumerate(WEBHOOK_PAUSES_S, start=1):
            webhooks.deliver(env, delivery_id)
            row = delivery(world, delivery_id)
            assert (row.attempts, row.delivery_status, row.last_status) == (number, "pending", 500)
            assert row.next_attempt_at == moment + timedelta(seconds=pause_s)
            moment += timedelta(seconds=pause_s)
        webhooks.deliver(env, delivery_id)
        row = delivery(world, delivery_id)
        assert (row.attempts, row.delivery_status) == (10, "failed")
        assert len(there.got) == 10


def test_gone_disables_and_redirects_are_not_followed(world: World) -> None:
    env, now = world.env, world.env.now()
    with receiver() as there, receiver() as elsewhere:
        made = env.database.write(
            world.principal, lambda s: hooks.create(s, WebhookCreate(webhook_url=there.url), now)
        )
        there.status, there.location = 307, elsewhere.url
        webhooks.deliver(env, first := event(world, now))
        assert elsewhere.got == []
        assert delivery(world, first).last_status == 307
        there.status = 410
        webhooks.deliver(env, second := event(world, env.now()))
        assert delivery(world, second).delivery_status == "failed"
        shown = env.database.read(world.principal, lambda s: hooks.get(s, made.id))
        assert (shown.enabled, shown.disabled_reason) == (False, "it answered 410 Gone")
        before = len(there.got)
        event(world, env.now())
        for due in env.database.read(SYSTEM, lambda s: deliveries.due(s, env.now())):
            webhooks.deliver(env, due)
        assert len(there.got) == before


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.1", "172.16.0.1",
        "169.254.169.254", "0.0.0.1", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]", "100.64.0.1", "224.0.0.1", "2130706433",
        "0x7f.1", "127.1",
    ],
)  # fmt: skip
def test_private_networks_are_refused(world: World, host: str) -> None:
    url = f"http://{host}/hook"
    with pytest.raises((Forbidden, InvalidInput)):
        webhooks.resolve(url)
    with receiver() as there:
        message = deliveries.Message(
            1, 1, "msg_1", there.url, ("whsec_c2VjcmV0",), {}, 1, world.env.now()
        )
        assert webhooks.send(message, 1.0).error == "webhook_url: leads into a private network"
        assert there.got == []


@pytest.mark.parametrize("url", ["ftp://example.org/x", "https://user@example.org/", "https:///x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        webhooks.resolve(url)


def message(url: str) -> deliveries.Message:
    secret = f"whsec_{base64.b64encode(bytes(24)).decode()}"
    return deliveries.Message(1, 1, "msg_1", url, (secret,), {}, 1, datetime.now(UTC))


def test_names_of_hosts_may_have_any_letters() -> None:
    """The host is written as DNS has it, in whatever letters the address has it."""
    with receiver() as kept:
        wide = kept.url.replace("127.0.0.1", "\uff4c\uff4fcalhost")
        assert webhooks.send(message(wide), 60.0, allow_private=True) == webhooks.Answer(200)
        sent = kept.got[0][0]
        assert sent["host"] == kept.url.split("/")[2].replace("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("begins", "seconds"),
    [
        (b"", 0.3),
        (b"HTTP/1.1 200 OK\r\nx: ", 0.3),
        (b"HTTP/1.1 200 OK\r\n\r\n", 2.0),  # in which its status comes on a busy machine, too
    ],
)
def test_an_answer_that_comes_byte_by_byte_is_cut_off(begins: bytes, seconds: float) -> None:
    """Else one address could hold all deliveries up: every byte is in time."""
    cut, over = threading.Event(), threading.Event()

    def drip() -> None:
        with server, server.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(begins)
            try:
                while not over.wait(0.02):
                    connection.sendall(b"a")
            except OSError:
                cut.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            answer = webhooks.send(message(url), seconds, allow_private=True)
            assert cut.wait(60)
        finally:
            over.set()
            thread.join()
    assert answer.status == 200 or not begins.endswith(b"\r\n\r\n")


def test_a_project_has_a_limited_number_of_webhooks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "MAX_WEBHOOKS", 2)
    wanted = WebhookCreate.model_validate({"webhook_url": "https://example.org/"})
    make = partial(hooks.create, wanted=wanted, now=world.env.now())
    for _ in range(2):
        world.env.database.write(world.principal, make)
    with pytest.raises(Unprocessable, match="at most 2 webhooks"):
        world.env.database.write(world.principal, make)


def test_webhooks_of_another_project_are_told_nothing(world: World) -> None:
    env, now = world.env, world.env.now()
    made = env.database.write(
        world.principal,
        lambda s: hooks.create(s, WebhookCreate(webhook_url="https://example.org/"), now),
    )
    assert "secret" not in json.dumps(
        env.database.read(world.principal, lambda s: hooks.get(s, made.id)).model_dump(mode="json")
    )
    with pytest.raises(NotFound):
        env.database.read(Principal(999), lambda s: hooks.get(s, made.id))
