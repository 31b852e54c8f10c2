"""Clients that send files slowly, or never, keep nobody else from the api."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from podium.api.settings import ApiSettings
from tests.support.api_world import ApiWorld, api_world
from tests.support.waiting import blocking_until

THREADS = 4
MOST_REQUESTS = 16
FORM = b'--X\r\ncontent-disposition: form-data; name="a"\r\n\r\n'


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    own = ApiSettings(threads=THREADS, max_requests=MOST_REQUESTS)
    with api_world(tmp_path_factory.mktemp("api"), own) as world:
        yield world


def begun(api: ApiWorld, stack: ExitStack, method: str, address: str, some: bytes) -> socket.socket:
    """A request of which some of the body is sent."""
    url = urlsplit(address)
    connection = stack.enter_context(socket.create_connection((url.hostname, url.port), 30))
    head = f"{method} {url.path}?{url.query} HTTP/1.1\r\nhost: a\r\n"
    kind = "content-type: multipart/form-data; boundary=X\r\ncontent-length: 1000\r\n\r\n"
    connection.sendall((head + kind).encode() + some)
    return connection


def test_forms_of_strangers_take_neither_threads_nor_places(api: ApiWorld) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_REQUESTS + THREADS):
            begun(api, stack, "POST", f"{api.url}/v1/objects/projects/1/uploads/1", FORM)
        admission = api.app.state.admission
        blocking_until(lambda: admission.requests == MOST_REQUESTS + THREADS)
        api.admin.get("/v1/jobs")
        api.admin.post("/v1/athletes", {"athlete_name": "a"})


def test_files_that_come_slowly_leave_the_threads_to_others(api: ApiWorld, tmp_path: Path) -> None:
    wanted = {"upload_name": "a.mp4", "size_bytes": 1000, "parts": True}
    address = api.admin.post("/v1/uploads", wanted)["parts"][0]["url"]
    with ExitStack() as stack:
        sent = [begun(api, stack, "PUT", address, b"x") for _ in range(MOST_REQUESTS + THREADS)]
        partial = api.folder / "state" / "objects" / ".partial"
        blocking_until(lambda: len(list(partial.iterdir())) == len(sent))
        (tmp_path / "b.mp4").write_bytes(b"abc")
        api.admin.upload(tmp_path / "b.mp4")
        for connection in sent:
            connection.sendall(b"x" * 999)
        for connection in sent:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_an_address_that_is_not_signed_is_refused_before_the_file_comes(api: ApiWorld) -> None:
    with ExitStack() as stack:
        unsigned = f"{api.url}/v1/objects/projects/1/uploads/1?number=1"
        connection = begun(api, stack, "PUT", unsigned, b"x" * 1000)
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")
    assert requests.put(unsigned, data=b"x" * (8 << 20), timeout=30).status_code == 403
