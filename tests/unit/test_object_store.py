"""Objects are read and written inside the allow-lists, and nowhere else."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from podium.environment import read_group
from podium.errors import Forbidden, InvalidInput, NotFound, Overloaded, TooLarge, Unavailable
from podium.storage import object_cache
from podium.storage.object_store import ObjectStore, ObjectStoreSettings


@pytest.fixture
def folders(tmp_path):
    """An allowed folder to read, one to write, and a secret beside them."""
    for name in ("in", "out", "in-secret"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "clip 1.mp4").write_bytes(b"frames")
    (tmp_path / "in-secret" / "key").write_bytes(b"secret")
    return tmp_path


@pytest.fixture
def local(folders):
    return ObjectStore(
        ObjectStoreSettings(
            read_roots=(folders / "in",), write_roots=(folders / "out",), max_object_bytes=1000
        )
    )


async def test_files_are_read_where_they_lie(local, folders):
    path = folders / "in" / "clip 1.mp4"
    for uri in (path.as_uri(), f"file:{str(path).replace(' ', '%20')}", f"file://localhost{path}"):
        assert await local.fetch(uri) == path


async def test_nothing_outside_the_roots_is_read(local, folders):
    inside = folders / "in"
    (inside / "link").symlink_to(folders / "in-secret" / "key")
    (inside / "folder").symlink_to(folders / "in-secret")
    for uri in (
        (folders / "in-secret" / "key").as_uri(),
        f"file://{inside}/../in-secret/key",
        f"file://{inside}/%2e%2e/in-secret/key",
        f"file://{inside}-secret/key",
        f"file://{inside}/link",
        f"file://{inside}/folder/key",
        f"file://{inside}/folder/does-not-exist",
        "file:///etc/passwd",
        "file:///",
        "http://169.254.169.254/latest/meta-data",
        "https://example.org/clip.mp4",
        "ftp://example.org/clip.mp4",
        "data:text/plain,x",
        "s3://bucket/key",
        "concat:file:///etc/passwd",
    ):
        with pytest.raises(Forbidden, match="uri: "):
            await local.fetch(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/etc/passwd",
        "file:",
        "file:x",
        "file://host/x",
        "file:///x?y",
        "file:///%00",
        "file://[/x",
        "s3://",
        "s3:///key",
    ],
)
async def test_malformed_addresses_are_named(local, uri):
    with pytest.raises(InvalidInput, match="uri: "):
        await local.fetch(uri)


async def test_only_regular_files_are_read(local, folders):
    inside = folders / "in"
    os.mkfifo(inside / "fifo")
    (inside / "device").symlink_to("/dev/zero")
    (inside / "loop").symlink_to(inside / "loop")
    for name in ("fifo", ""):
        with pytest.raises(InvalidInput, match="not a regular file"):
            await local.fetch(f"file://{inside}/{name}")
    for name in ("device", "loop"):
        with pytest.raises((Forbidden, InvalidInput)):
            await local.fetch(f"file://{inside}/{name}")
    with pytest.raises(NotFound):
        await local.fetch(f"file://{inside}/missing")
    (inside / "big").write_bytes(bytes(1001))
    with pytest.raises(TooLarge, match="1001 bytes"):
        await local.fetch(f"file://{inside}/big")


async def test_files_are_published(local, folders):
    source = folders / "in" / "clip 1.mp4"
    prefix = (folders / "out").as_uri() + "/run%201"
    written = await local.publish({"a b.csv": source, "frames/1.png": source}, prefix)
    assert written["a b.csv"] == f"{prefix}/a%20b.csv"
    found = sorted(
        str(p.relative_to(folders / "out")) for p in (folders / "out").rglob("*") if p.is_file()
    )
    assert found == ["run 1/a b.csv", "run 1/frames/1.png"]
    await local.publish({"a b.csv": folders / "in-secret" / "key"}, prefix)
    assert (folders / "out" / "run 1" / "a b.csv").read_bytes() == b"secret"


async def test_nothing_is_written_outside_the_write_roots(local, folders):
    source = folders / "in" / "clip 1.mp4"
    (folders / "out" / "link").symlink_to(folders / "in-secret")
    for prefix in ((folders / "in").as_uri(), f"file://{folders}/out/link", "s3://bucket/x"):
        with pytest.raises(Forbidden):
            await local.publish({"x": source}, prefix)
    for name in ("../x", "/x", "a//b", "", ".", "a/../../x", "a\0b"):
        with pytest.raises(InvalidInput, match="files: "):
            await local.publish({name: source}, (folders / "out").as_uri())
    assert sorted(p.name for p in (folders / "in-secret").iterdir()) == ["key"]


def test_reading_and_writing_are_allowed_apart(local, folders):
    local.check((folders / "in" / "x").as_uri())
    local.check((folders / "out" / "x").as_uri(), write=True)
    with pytest.raises(Forbidden):
        local.check((folders / "in" / "x").as_uri(), write=True)
    with pytest.raises(Forbidden):
        local.check((folders / "out" / "x").as_uri())


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("PODIUM_OBJECTS_READ_ROOTS", "/data,/mnt/clips")
    monkeypatch.setenv("PODIUM_OBJECTS_S3_READ_PREFIXES", "s3://clips/in")
    settings = read_group(ObjectStoreSettings)
    assert settings.read_roots == (Path("/data"), Path("/mnt/clips"))
    assert settings.s3_read_prefixes == ("s3://clips/in",)
    with pytest.raises(ValidationError, match="CACHE_BYTES"):
        ObjectStoreSettings(max_object_bytes=10, cache_bytes=9)


# S3, against a local server


@pytest.fixture(scope="module")
def s3_url():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_url, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1")
    client.create_bucket(Bucket="clips")
    client.put_object(Bucket="clips", Key="in/a#1 é.bin", Body=b"one")
    yield client
    for entry in client.list_objects_v2(Bucket="clips").get("Contents", []):
        client.delete_object(Bucket="clips", Key=entry["Key"])
    client.delete_bucket(Bucket="clips")
    client.close()


@pytest.fixture
def remote(bucket, s3_url, tmp_path):
    return ObjectStore(
        ObjectStoreSettings(
            s3_read_prefixes=("s3://clips/in", "s3://missing"),
            s3_write_prefixes=("s3://clips/out/",),
            s3_endpoint=s3_url,
            s3_allow_http=True,
            max_object_bytes=1000,
            cache_dir=tmp_path / "cache",
            cache_bytes=2000,
        )
    )


URI = "s3://clips/in/a#1 é.bin"


async def test_objects_are_downloaded_once_per_version(remote, bucket, tmp_path):
    paths = await asyncio.gather(*(remote.fetch(URI) for _ in range(5)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == b"one"
    stamp = paths[0].stat().st_ino
    assert (await remote.fetch(URI)).stat().st_ino == stamp
    bucket.put_object(Bucket="clips", Key="in/a#1 é.bin", Body=b"two")
    assert (await remote.fetch(URI)).read_bytes() == b"two"
    assert paths[0].read_bytes() == b"one"  # whoever still reads the old version keeps it
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_only_allowed_prefixes_are_read(remote):
    for uri in ("s3://clips/inside/x", "s3://clips/out/x", "s3://other/in/x"):
        with pytest.raises(Forbidden):
            await remote.fetch(uri)
    for uri in ("s3://clips/in/../out/x", "s3://clips/in/./x", "s3://clips/in//x", "S3:clips/in/x"):
        with pytest.raises(InvalidInput):
            await remote.fetch(uri)
    with pytest.raises(NotFound):
        await remote.fetch("s3://clips/in/missing")
    with pytest.raises(NotFound):
        await remote.fetch("s3://missing/x")


async def test_large_objects_are_refused_undownloaded(remote, bucket, tmp_path):
    bucket.put_object(Bucket="clips", Key="in/big", Body=bytes(1001))
    with pytest.raises(TooLarge, match="1001 bytes"):
        await remote.fetch("s3://clips/in/big")
    assert list((tmp_path / "cache").iterdir()) == []


async def test_the_cache_keeps_under_its_cap_and_spares_what_is_in_use(
    remote, bucket, tmp_path, monkeypatch
):
    for name in "xyz":
        bucket.put_object(Bucket="clips", Key=f"in/{name}", Body=name.encode() * 900)
    first, second = [await remote.fetch(f"s3://clips/in/{name}") for name in "xy"]
    with pytest.raises(Overloaded):
        await remote.fetch("s3://clips/in/z")
    assert first.exists()
    assert second.exists()
    os.utime(first, (1, 1))  # not used for a long time
    third = await remote.fetch("s3://clips/in/z")
    assert third.read_bytes() == b"z" * 900
    assert second.exists()
    assert not first.exists()
    monkeypatch.setattr(object_cache, "IN_USE_S", 0)
    assert (await remote.fetch("s3://clips/in/x")).read_bytes() == b"x" * 900
    assert sum(p.stat().st_size for p in (tmp_path / "cache").iterdir()) <= 2000


async def test_a_wall_clock_that_was_put_back_does_not_fill_the_cache(remote, bucket):
    for name in "xyz":
        bucket.put_object(Bucket="clips", Key=f"in/{name}", Body=name.encode() * 900)
    for name in "xy":
        path = await remote.fetch(f"s3://clips/in/{name}")
        tomorrow = path.stat().st_mtime + 86_400  # as if it had been used before the jump
        os.utime(path, (tomorrow, tomorrow))
    assert (await remote.fetch("s3://clips/in/z")).read_bytes() == b"z" * 900


async def test_objects_are_published(remote, bucket, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<p>done</p>")
    written = await remote.publish({"run/report.html": page}, "s3://clips/out")
    assert written == {"run/report.html": "s3://clips/out/run/report.html"}
    answer = bucket.get_object(Bucket="clips", Key="out/run/report.html")
    assert answer["Body"].read() == b"<p>done</p>"
    assert answer["ContentType"] == "text/html"
    with pytest.raises(Forbidden):
        await remote.publish({"x": page}, "s3://clips/in")


async def test_a_silent_store_is_unavailable(remote, s3_url, tmp_path):
    settings = ObjectStoreSettings(
        s3_read_prefixes=("s3://clips",), s3_endpoint="http://127.0.0.1:9", s3_allow_http=True
    )
    with pytest.raises(Unavailable, match="object store"):
        await ObjectStore(settings).fetch("s3://clips/x")
