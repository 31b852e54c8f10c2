"""A gateway that answers at once: for what depends on jobs alone, not on pictures.

It speaks HTTP on loopback, keeps a list of its calls, and can be told to fail.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.summaries import EMPTY_SUMMARY

Failure = tuple[int, str] | None


@dataclass
class FakeGateway:
    """What it was asked, and how it is to answer."""

    url: str = ""
    delay_s: float = 0.0
    calls: list[dict[str, Any]] = field(default_factory=list)
    postprocessed: list[dict[str, Any]] = field(default_factory=list)
    at_work: Counter[str] = field(default_factory=Counter)
    most_at_work: Counter[str] = field(default_factory=Counter)
    fails: Callable[[dict[str, Any], int], Failure] = lambda body, tries: None
    """Given a body and which try of it this is: a status and a message, or None."""

    tries: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def frames(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.calls.append({**body, "key": key})
            self.tries[key] += 1
            self.at_work[key] += 1
            self.most_at_work[key] = max(self.most_at_work[key], self.at_work[key])
            failure = self.fails(body, self.tries[key])
        time.sleep(self.delay_s)
        with self.lock:
            self.at_work[key] -= 1
        if failure is not None:
            return failure[0], {"error": failure[1]}
        indices = [body["start"] + n * body["step"] for n in range(body["count"])]
        return 200, {
            "pipeline": "fake",
            "skeleton": "coco-17",
            "models": {},
            "source": {
                "width": 160, "height": 96, "fps": 25.0, "frame_count": 100, "duration_s": 4.0,
            },
            "frames": [
                {"index": index, "time_s": index / 25, "status": "no_person"} for index in indices
            ],
        }  # fmt: skip

    def postprocess(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.postprocessed.append(body)
            failure = self.fails(body, 1)
        if failure is not None:
            return failure[0], {"error": failure[1]}
        batches = json.loads(Path(unquote(urlsplit(body["results_uri"]).path)).read_bytes())
        frames = sum(len(batch["frames"]) for batch in batches)
        target = Path(unquote(urlsplit(body["output"]).path)) / "keypoints.csv"
        content = f"frames\n{frames}\n".encode()
        target.write_bytes(content)
        file = {
            "name": "keypoints.csv", "uri": target.as_uri(), "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(), "media_type": "text/csv",
        }  # fmt: skip
        return 200, {"files": [file], "summary": EMPTY_SUMMARY.model_dump(), "warnings": []}


@contextmanager
def fake_gateway(port: int = 0) -> Iterator[FakeGateway]:
    """Serve while the block runs."""
    fake = FakeGateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/v1/postprocess":
                status, answer = fake.postprocess(body)
            else:
                status, answer = fake.frames(body, self.headers["idempotency-key"])
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
