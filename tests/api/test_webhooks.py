"""Webhooks over HTTP: made, told what happens, signed as the standard says, sent again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.api_world import api_world
from tests.support.fake_gateway import fake_gateway
from tests.support.videos import write_video


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        until = time.monotonic() + 30
        while len(self.got) < count:
            assert time.monotonic() < until, self.got
            time.sleep(0.05)
        return self.got


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Receiver)
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_who_asks_for_it_is_told_and_can_check_who_tells(
    receiver: Receiver, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    wanted: dict[str, Any] = {"webhook_url": url, "events": ["job.started", "job.succeeded"]}
    with (
        fake_gateway() as gateway,
        api_world(tmp_path, gateway_url=gateway.url, private_webhooks=True) as api,
    ):
        made = api.admin.post("/v1/webhooks", wanted)
        path = f"/v1/webhooks/{made['id']}"
        assert "secret" not in api.admin.get(path)
        with api.controller():
            job_id = api.admin.submit(write_video(tmp_path / "v.mp4", 10))
            api.admin.wait(job_id)
            told = receiver.wait_for(2)
            verifier = Webhook(made["secret"])
            messages = [verifier.verify(body, headers) for headers, body in told]
            assert [message["type"] for message in messages] == wanted["events"]
            assert {message["data"]["job_id"] for message in messages} == {job_id}
            with pytest.raises(WebhookVerificationError):
                verifier.verify(told[0][1].replace(b"started", b"stopped"), told[0][0])

            first = api.admin.get(f"{path}/deliveries")["items"][0]
            assert (first["delivery_status"], first["last_status"]) == ("delivered", 204)
            again = api.admin("POST", f"{path}/deliveries/{first['id']}/resend")
            assert again.status_code == 202
            repeated, _ = receiver.wait_for(3)[2]
            assert repeated["webhook-id"] == first["message_id"] == told[0][0]["webhook-id"]

        rotated = api.admin("PUT", path, json={"rotate_secret": True}).json()
        assert rotated["secret"] not in (None, made["secret"])
        assert api.admin("DELETE", path).status_code == 204
        assert api.admin("GET", f"{path}/deliveries").status_code == 404


def test_an_address_within_is_refused_at_once(tmp_path: Path) -> None:
    with api_world(tmp_path) as api:
        for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]:80/"):
            answer = api.admin("POST", "/v1/webhooks", json={"webhook_url": url})
            assert answer.status_code == 422
            assert answer.json()["errors"] == [
                {"detail": "leads into a private network", "pointer": "#/webhook_url"}
            ]
