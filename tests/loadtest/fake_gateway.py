"""A gateway that answers as it is told: right, wrong, late, in part, or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from podium.lab.athlete.ground_truth import GroundTruth
from podium.lab.scores import LIMB_JOINTS
from podium.skeletons import skeleton

SKELETON = "blazepose33"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    pipeline: str
    start: int
    count: int
    streamed: bool
    arrived_s: float


Behaviour = Callable[[Request, int], Reply | None]
"""The request, and how many came for its pipeline before; None: hang up."""


@dataclass
class FakeGateway:
    url: str
    requests: list[Request]


def frames(truth: GroundTruth, request: Request, shift_px: float = 0.0) -> list[dict[str, object]]:
    """The athlete where it is, or beside that."""
    index = skeleton(SKELETON).index
    limbs = truth.limb_keypoints_px() + shift_px
    result = []
    for number in range(request.start, request.start + request.count):
        keypoints = [[0.0, 0.0, 0.0] for _ in index]
        for joint, (x, y) in zip(LIMB_JOINTS, limbs[number].tolist(), strict=True):
            keypoints[index[joint]] = [x, y, 1.0]
        person = {"keypoints": keypoints, "keypoints_3d": None}
        result.append({"index": number, "status": "ok", "persons": [person]})
    return result


def as_json(found: list[dict[str, object]]) -> Reply:
    return Reply(body=json.dumps({"skeleton": SKELETON, "frames": found}).encode())


def as_lines(found: list[dict[str, object]], *, whole: bool = True) -> Reply:
    lines = [{"skeleton": SKELETON}, *found, *([{"timing_ms": {}}] if whole else [])]
    return Reply(body="".join(json.dumps(line) + "\n" for line in lines).encode())


def refusal(status: int, retry_after_s: int, message: str) -> Reply:
    body = json.dumps({"error": message}).encode()
    return Reply(status, body, {"Retry-After": str(retry_after_s)})


@contextmanager
def fake_gateway(behaviours: dict[str, Behaviour]) -> Iterator[FakeGateway]:
    """Serves pipelines by name, each with its behaviour."""
    seen: list[Request] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ready = ["/v2/health/ready", *(f"/v2/models/{name}/ready" for name in behaviours)]
            known = self.path in ready
            self._send(Reply(200 if known else 404))

        def do_POST(self) -> None:
            arrived_s = time.monotonic()
            self.rfile.read(int(self.headers["content-length"]))
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            request = Request(
                pipeline=url.path.split("/")[3],
                start=int(query.get("start", ["0"])[0]),
                count=int(query.get("count", ["60"])[0]),
                streamed=self.headers.get("accept") == NDJSON,
                arrived_s=arrived_s,
            )
            with lock:
                before = sum(other.pipeline == request.pipeline for other in seen)
                seen.append(request)
            reply = behaviours[request.pipeline](request, before)
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield FakeGateway(f"http://127.0.0.1:{server.server_port}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
