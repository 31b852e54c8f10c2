"""Uploads and signed addresses: what was signed is allowed, for as long as it was, and no more."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from podium.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, Unprocessable
from podium.jobs import uploads
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.principal import Principal
from podium.jobs.signing import Signer, secret_in
from podium.jobs.sql.database import Database
from podium.schemas.objects import UploadCreate
from tests.support.job_world import World, make_world

MIB = 1 << 20


@pytest.fixture
def world(sqlite: Database, tmp_path: Path) -> World:
    return make_world(sqlite, tmp_path, None)


@pytest.fixture
def objects(world: World) -> FolderObjects:
    assert isinstance(world.env.objects, FolderObjects)
    return world.env.objects


def parts_of(url: str) -> tuple[str, dict[str, str]]:
    """The key and the query of a signed address."""
    split = urlsplit(url)
    return split.path.removeprefix("/v1/objects/"), dict(parse_qsl(split.query))


def test_a_file_in_one_form(world: World, objects: FolderObjects) -> None:
    wanted = UploadCreate(upload_name="../x.mp4", size_bytes=5)
    begun = uploads.begin(world.env, world.principal, wanted)
    assert (begun.upload_status, begun.upload_name) == ("pending", "../x.mp4")
    key = urlsplit(begun.url or "").path.removeprefix("/v1/objects/")
    assert ".." not in key

    with pytest.raises(Conflict, match="has not arrived"):
        uploads.complete(world.env, world.principal, begun.id)
    with pytest.raises(TooLarge):
        objects.receive(key, begun.fields, [b"123456"])
    objects.receive(key, begun.fields, [b"1234"])
    with pytest.raises(Unprocessable, match="4 bytes have arrived"):
        uploads.complete(world.env, world.principal, begun.id)
    objects.receive(key, begun.fields, [b"12", b"345"])
    for _ in range(2):
        assert uploads.complete(world.env, world.principal, begun.id).upload_status == "complete"
    with pytest.raises(Conflict, match="is complete"):
        uploads.abort(world.env, world.principal, begun.id)


def test_parts_are_sent_again_one_by_one(world: World, objects: FolderObjects) -> None:
    size = 17 * MIB
    data = bytes(range(256)) * (size // 256)
    wanted = UploadCreate(upload_name="long.mp4", size_bytes=size, parts=True)
    begun = uploads.begin(world.env, world.principal, wanted)
    assert [part.size_bytes for part in begun.parts] == [8 * MIB, 8 * MIB, MIB]

    def send(number: int, content: bytes) -> str:
        shown = uploads.show(world.env, world.principal, begun.id)
        key, query = parts_of(shown.parts[number - 1].url or "")
        return objects.receive_part(key, query, [content])

    send(3, data[16 * MIB :])
    send(1, b"cut off")
    key, query = parts_of(begun.parts[2].url or "")
    with pytest.raises(TooLarge):
        objects.receive_part(key, query, [bytes(MIB + 1)])
    with pytest.raises(Conflict, match="2 of 3 parts have not arrived, the first is 1"):
        uploads.complete(world.env, world.principal, begun.id)
    again = uploads.show(world.env, world.principal, begun.id)
    assert [part.url is None for part in again.parts] == [False, False, True]

    first, second = data[: 8 * MIB], data[8 * MIB : 16 * MIB]
    assert send(1, first) == send(2, second)  # the same bytes, hence the same ETag
    assert uploads.complete(world.env, world.principal, begun.id).upload_status == "complete"
    key = parts_of(begun.parts[0].url or "")[0]
    assert b"".join(objects.read(key)) == data
    with pytest.raises(NotFound):
        objects.receive_part(*parts_of(begun.parts[0].url or ""), [b"late"])


def test_a_part_that_is_sent_again_while_parts_are_joined_is_a_conflict(
    objects: FolderObjects,
) -> None:
    key = "projects/1/uploads/9"
    upload = objects.begin_parts(key)

    def send(data: bytes) -> None:
        url = objects.part_url(key, upload, 1, max_bytes=9, seconds=60)
        objects.receive_part(*parts_of(url), [data])

    send(b"old")
    there = objects.parts(key, upload)
    send(b"new")
    with pytest.raises(Conflict, match="part 1 has just been sent again"):
        objects.join_parts(key, upload, there)
    [folder] = (objects.root / ".parts").glob("*/*")
    (folder / "00002-gone").symlink_to("nowhere")  # as a part that is replaced meanwhile
    assert [part.number for part in objects.parts(key, upload)] == [1]
    objects.join_parts(key, upload, objects.parts(key, upload))
    assert b"".join(objects.read(key)) == b"new"
    with pytest.raises(NotFound):
        objects.parts(key, upload)


def test_an_aborted_upload_leaves_nothing(world: World, objects: FolderObjects) -> None:
    wanted = UploadCreate(upload_name="x.mp4", size_bytes=10, parts=True)
    begun = uploads.begin(world.env, world.principal, wanted)
    objects.receive_part(*parts_of(begun.parts[0].url or ""), [b"0123456789"])
    assert uploads.abort(world.env, world.principal, begun.id).upload_status == "aborted"
    assert not [path for path in objects.root.rglob("*") if path.is_file()]
    with pytest.raises(Conflict, match="is aborted"):
        uploads.complete(world.env, world.principal, begun.id)


def test_uploads_of_another_project_are_not_there(world: World) -> None:
    wanted = UploadCreate(upload_name="x.mp4", size_bytes=10)
    begun = uploads.begin(world.env, world.principal, wanted)
    stranger = Principal(999)
    for call in (uploads.show, uploads.complete, uploads.abort):
        with pytest.raises(NotFound):
            call(world.env, stranger, begun.id)


def test_a_signature_holds_for_what_it_says(objects: FolderObjects) -> None:
    objects.put("a/b.csv", b"1,2\n")
    key, query = parts_of(objects.download_url("a/b.csv", seconds=60, name="key points.csv"))
    name, path = objects.send(key, query)
    assert (name, path.read_bytes()) == ("key points.csv", b"1,2\n")
    objects.put("a/c.csv", b"secret")
    later = {**query, "expires": str(int(query["expires"]) + 1)}
    for other_key, other in (("a/c.csv", query), (key, later), (key, {**query, "name": "x"})):
        with pytest.raises(Forbidden, match="signature"):
            objects.send(other_key, other)
    with pytest.raises(Forbidden, match="signature"):
        objects.receive(key, query, [b"overwritten"])
    with pytest.raises(Forbidden):
        objects.send(key, {})
    old = parts_of(objects.download_url(key, seconds=-5, name="x"))[1]
    with pytest.raises(Forbidden, match="expired"):
        objects.send(key, old)


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a//b", "a/../b", "", "a\0b", ".partial/x"])
def test_keys_that_lead_elsewhere_are_refused(objects: FolderObjects, key: str) -> None:
    with pytest.raises(InvalidInput):
        objects.put(key, b"x")


def test_what_is_written_once_stays(objects: FolderObjects) -> None:
    assert objects.put("r/1.json", b"first", once=True)
    assert not objects.put("r/1.json", [b"sec", b"tor"], once=True)
    assert b"".join(objects.read("r/1.json")) == b"first"
    assert objects.put("r/1.json", b"third")
    assert [stored.key for stored in objects.below("r")] == ["r/1.json"]
    assert objects.delete_all("r") == 1
    assert list(objects.below("r")) == []


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    first = secret_in(path)
    assert secret_in(path) == first
    assert (len(first), path.stat().st_mode & 0o777) == (32, 0o600)
    url = Signer(first, "http://h").url("read", "k", seconds=time.time(), name="n")
    assert first.hex() not in url
