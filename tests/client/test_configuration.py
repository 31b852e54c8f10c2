"""Where the address and the key come from, and who can read them."""

from __future__ import annotations

import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import podium
from podium.client.jobs import configuration
from podium.client.jobs.configuration import Connection
from podium.client.jobs.downloading import placed
from podium.client.jobs.ledger import begun
from podium.errors import InvalidInput, SetupError, StageFailed
from podium.schemas.jobs import JobResults

KEPT = Connection("https://podium.example", "kept")


def test_the_file_is_for_its_owner_alone(client_home: Path) -> None:
    path = configuration.write(KEPT)
    assert path.is_relative_to(client_home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    configuration.write(KEPT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert configuration.find() == KEPT


def test_arguments_then_environment_then_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration.find() == Connection("http://127.0.0.1:8006", None)
    configuration.write(KEPT)
    monkeypatch.setenv("PODIUM_API_KEY", "of the environment")
    assert configuration.find().api_key == "of the environment"
    assert configuration.find(api_key="given").api_key == "given"
    monkeypatch.setenv("PODIUM_ENDPOINT_URL", "https://other.example/")
    assert configuration.find().endpoint_url == "https://other.example"


def test_a_kept_key_goes_to_its_own_address_alone() -> None:
    configuration.write(KEPT)
    assert configuration.find("https://podium.example/").api_key == "kept"
    assert configuration.find("https://evil.example").api_key is None
    assert "kept" not in repr(configuration.find())


def test_a_damaged_file_has_a_remedy(client_home: Path) -> None:
    configuration.write(KEPT).write_text("{")
    with pytest.raises(SetupError, match="podium configure"):
        configuration.find()


@pytest.mark.parametrize("url", ["podium.example", "ftp://podium.example", "http://a b"])
def test_addresses_are_of_http(url: str) -> None:
    with pytest.raises(InvalidInput, match="endpoint_url"):
        configuration.find(url)


def test_what_was_begun_is_told_apart() -> None:
    what = {"name": "a.mp4"}
    first = begun("jobs", KEPT, what).made(7)
    assert begun("jobs", KEPT, what) == first
    assert begun("jobs", KEPT, {"name": "b.mp4"}).object_id is None
    assert begun("jobs", Connection(KEPT.endpoint_url, "another"), what).object_id is None
    assert begun("uploads", KEPT, what).key != first.key
    assert first.anew().key != first.key


def test_names_of_videos_lead_nowhere() -> None:
    names = ["../../etc/passwd", "C:\\boot.ini", "sprint.mp4", "Sprint.mov", "con.mp4", "..", "é?"]
    file = {"path": "p", "size_bytes": 1, "media_type": "text/csv", "url": "http://x"}
    video = {"video_status": "succeeded", "files": [{"name": "overlay/../../1.jpg", **file}]}
    results = JobResults.model_validate(
        {
            "job_id": 1,
            "job_status": "succeeded",
            "videos": [
                {"video_id": number, "video_name": name, **video}
                for number, name in enumerate(names, start=1)
            ],
            "other_files": [{"name": "../a.json", **file}, {"name": "A.json", **file}],
            "manifest": {"name": "manifest.json", **file},
        }
    )
    paths = [path for path, _ in placed(results)]
    assert len({str(path).casefold() for path in paths}) == len(paths)
    root = Path("/results")
    for path in paths:
        assert (root / path).resolve().is_relative_to(root)
        assert ".." not in path.parts
    assert [path.parts[0] for path in paths][2:4] == ["sprint", "Sprint-4"]


def test_what_is_no_api_is_said(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with (
            podium.Client(f"http://127.0.0.1:{server.server_port}", api_key="x") as client,
            pytest.raises(StageFailed, match="no api of Podium"),
        ):
            client.list_jobs()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
