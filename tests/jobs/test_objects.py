"""One contract for a folder and for S3, as the steps and the api use them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
import urllib3
from moto.server import ThreadedMotoServer

from podium.errors import Forbidden, NotFound
from podium.jobs.aws.s3_objects import S3Objects
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.objects import Form, Objects, Part
from podium.jobs.signing import Signer
from podium.storage.s3 import S3Connection


class Client:
    """What a program does with signed addresses: over HTTP, or as the api service takes it."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._http = urllib3.PoolManager(retries=False)

    def post(self, key: str, form: Form, data: bytes) -> None:
        if isinstance(self._objects, FolderObjects):
            self._objects.receive(key, form.fields, [data])
            return
        fields = {**form.fields, "file": ("x.mp4", data)}
        assert self._http.request("POST", form.url, fields=fields).status in (200, 204)

    def put(self, url: str, data: bytes) -> str:
        if isinstance(self._objects, FolderObjects):
            split = urlsplit(url)
            key = split.path.removeprefix("/v1/objects/")
            return self._objects.receive_part(key, dict(parse_qsl(split.query)), [data])
        answer = self._http.request("PUT", url, body=data)
        assert answer.status == 200, answer.data
        return answer.headers["etag"]

    def get(self, url: str) -> tuple[str, bytes]:
        if isinstance(self._objects, FolderObjects):
            split = urlsplit(url)
            key = split.path.removeprefix("/v1/objects/")
            name, path = self._objects.send(key, dict(parse_qsl(split.query)))
            return name, path.read_bytes()
        answer = self._http.request("GET", url)
        return answer.headers["content-disposition"], answer.data

    def close(self) -> None:
        self._http.clear()


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3Connection]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setitem(os.environ, name, value)
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="podium")
        client.close()
        yield S3Connection(endpoint=url, allow_http=True)
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return FolderObjects(tmp_path, Signer(b"s" * 32, "http://127.0.0.1/v1/objects"))
    return S3Objects("podium", tmp_path.name.replace("_", "-"), request.getfixturevalue("bucket"))


@pytest.fixture
def client(objects: Objects) -> Iterator[Client]:
    made = Client(objects)
    yield made
    made.close()


def test_objects_are_written_read_copied_listed_and_deleted(
    objects: Objects, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    objects.put("p/1.json", b"whole")
    objects.put("p/2.json", file)
    objects.put("p/deep/3.json", iter([b"in ", b"pieces"]))
    assert b"".join(objects.read("p/deep/3.json")) == b"in pieces"
    assert objects.size_bytes("p/2.json") == 11
    objects.copy("p/1.json", "q/1.json")
    with objects.local(objects.address("q/1.json")) as path:
        assert path.read_bytes() == b"whole"
    assert [(one.key, one.size_bytes) for one in objects.below("p")] == [
        ("p/1.json", 5),
        ("p/2.json", 11),
        ("p/deep/3.json", 9),
    ]
    assert objects.delete_all("p") == 3
    assert objects.delete_all("q/1.json") == 1
    for missing in ("p/1.json", "q/1.json"):
        with pytest.raises(NotFound):
            objects.size_bytes(missing)
        with pytest.raises(NotFound):
            list(objects.read(missing))


def test_what_is_written_once_stays(objects: Objects) -> None:
    assert objects.put("once", b"first", once=True)
    assert not objects.put("once", b"second", once=True)
    assert b"".join(objects.read("once")) == b"first"


def test_a_form_and_a_download(objects: Objects, client: Client) -> None:
    form = objects.upload_form("uploads/1", max_bytes=10, seconds=60)
    client.post("uploads/1", form, b"0123456789")
    url = objects.download_url("uploads/1", seconds=60, name="50 m.mp4")
    shown, data = client.get(url)
    assert data == b"0123456789"
    assert "50" in shown


def test_an_upload_in_parts(objects: Objects, client: Client) -> None:
    size = 5 << 20
    upload = objects.begin_parts("uploads/2")
    sent = {}
    for number, data in ((2, b"end"), (1, b"a" * size)):
        url = objects.part_url("uploads/2", upload, number, max_bytes=len(data), seconds=60)
        sent[number] = client.put(url, data)
    parts = objects.parts("uploads/2", upload)
    assert [(part.number, part.size_bytes) for part in parts] == [(1, size), (2, 3)]
    assert all(isinstance(part, Part) and part.etag == sent[part.number] for part in parts)
    objects.join_parts("uploads/2", upload, parts)
    assert objects.size_bytes("uploads/2") == size + 3
    with pytest.raises(NotFound):
        objects.parts("uploads/2", upload)
    objects.abort_parts("uploads/2", upload)


def test_s3_forms_say_their_limit(bucket: S3Connection) -> None:
    import base64
    import json

    form = S3Objects("podium", "", bucket).upload_form("k", max_bytes=77, seconds=60)
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert ["content-length-range", 1, 77] in policy["conditions"]


def test_a_folder_reads_no_other_addresses(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path, Signer(b"s" * 32, "http://h"))
    for address in ("s3://bucket/x", "http://h/x", "file://other/x"):
        with pytest.raises(Forbidden), objects.local(address):
            pass
    for name in ("x" * 3000, "%00", "nothing"):
        with pytest.raises(NotFound), objects.local(f"file:///{name}"):
            pass
