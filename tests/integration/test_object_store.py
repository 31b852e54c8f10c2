"""Objects are read and written inside the allow-lists, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest
from pydantic import ValidationError

from podium.environment import read_group
from podium.errors import Forbidden, InvalidInput, NotFound, Overloaded, TooLarge, Unavailable
from podium.storage.object_cache import ObjectCache
from podium.storage.object_store import ObjectStore
from podium.storage.settings import ObjectStoreSettings
from tests.support.s3_server import s3_server


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
        assert (await local.fetch(uri)).path.samefile(path)


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


async def test_files_are_read_whatever_their_names_are_made_of(local, folders):
    for name in (b"\xe9.mp4", "é.mp4".encode(), b"100%25 #1?.mp4", b"a\nb", b"n" * 255):
        path = folders / "in" / os.fsdecode(name)
        path.write_bytes(name)
        assert (await local.fetch(path.as_uri())).path.read_bytes() == name


async def test_an_address_that_is_long_costs_nothing(local, folders):
    for uri in ("file:///" + "a/" * 300_000, f"file://{folders}/in/" + "x" * 600_000):
        with pytest.raises(TooLarge, match=r"uri: has 6\d{5} characters; at most 8192"):
            await local.fetch(uri)
    with pytest.raises((InvalidInput, Forbidden)):
        local.check("file:///" + "a/" * 4000)


async def test_a_file_may_be_a_root_itself(folders):
    path = folders / "in" / "clip 1.mp4"
    only = ObjectStore(ObjectStoreSettings(read_roots=(path,)))
    assert (await only.fetch(path.as_uri())).path.read_bytes() == b"frames"
    with pytest.raises(Forbidden):
        await only.fetch((folders / "in" / "other").as_uri())


async def test_what_is_read_is_what_was_opened(local, folders):
    path = folders / "in" / "clip 1.mp4"
    held = await local.fetch(path.as_uri())
    path.unlink()
    path.symlink_to(folders / "in-secret" / "key")
    assert held.path.read_bytes() == b"frames"
    descriptor = int(held.path.name)
    os.fstat(descriptor)
    del held
    await asyncio.sleep(0)  # the loop lets go of the result, too
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("swapped", ["clip", "clip/inner"])
async def test_names_that_become_links_meanwhile_lead_nowhere(local, folders, swapped):
    """Somebody swaps a file, or its folder, for a link to a secret and back, all the time."""
    target = folders / "in" / swapped
    secret = folders / "in-secret" / ("key" if swapped == "clip" else "")
    if swapped == "clip/inner":
        (folders / "in-secret" / "file").write_bytes(b"secret")
        target.mkdir(parents=True)
        (target / "file").write_bytes(b"frames")
    else:
        target.write_bytes(b"frames")
    kept, link = folders / "in" / "kept", folders / "in" / "link"
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            target.rename(kept)
            link.symlink_to(secret)
            link.rename(target)
            target.unlink()
            kept.rename(target)

    thread = threading.Thread(target=swap)
    thread.start()
    name = swapped if swapped == "clip" else f"{swapped}/file"
    read: list[bytes] = []
    tries = 0
    try:
        end = time.monotonic() + 60
        while (tries < 2000 or not read) and time.monotonic() < end:
            tries += 1
            try:
                read.append((await local.fetch((folders / "in" / name).as_uri())).path.read_bytes())
            except (Forbidden, NotFound, InvalidInput):
                continue
    finally:
        done.set()
        thread.join()
    assert set(read) == {b"frames"}


async def test_folders_that_become_links_meanwhile_are_not_written_through(local, folders):
    source = folders / "in" / "clip 1.mp4"
    inside, kept = folders / "out" / "run", folders / "out" / "kept"
    inside.mkdir()
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            inside.rename(kept)
            with contextlib.suppress(FileExistsError):  # it is made anew where it is missing
                inside.symlink_to(folders / "in-secret")
                inside.unlink()
            shutil.rmtree(inside, ignore_errors=True)
            with contextlib.suppress(OSError):
                kept.rename(inside)
                continue
            shutil.rmtree(kept)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(500):
            with contextlib.suppress(Forbidden, InvalidInput):
                await local.publish({"x": source}, inside.as_uri())
    finally:
        done.set()
        thread.join()
    assert sorted(p.name for p in (folders / "in-secret").iterdir()) == ["key"]


async def test_a_full_disk_leaves_no_half_file_and_is_named(local, folders, monkeypatch):
    def fill_up(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("podium.storage.file_objects.shutil.copyfileobj", fill_up)
    with pytest.raises(InvalidInput, match=r"uri: .*/out/run/x cannot be written \(No space left"):
        await local.publish(
            {"x": folders / "in" / "clip 1.mp4"}, (folders / "out" / "run").as_uri()
        )
    assert list((folders / "out" / "run").iterdir()) == []


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
    with s3_server() as url:
        yield url


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


def objects(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").iterdir() if path.name != ".lock"]


async def test_objects_are_downloaded_once_per_version(remote, bucket, tmp_path):
    found = await asyncio.gather(*(remote.fetch(URI) for _ in range(5)))
    (path,) = {held.path for held in found}
    assert path.read_bytes() == b"one"
    stamp = path.stat().st_ino
    assert (await remote.fetch(URI)).path.stat().st_ino == stamp
    bucket.put_object(Bucket="clips", Key="in/a#1 é.bin", Body=b"two")
    assert (await remote.fetch(URI)).path.read_bytes() == b"two"
    assert path.read_bytes() == b"one"  # whoever still reads the old version keeps it
    assert len(objects(tmp_path)) == 2


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
    assert not (tmp_path / "cache").exists() or objects(tmp_path) == []


async def test_the_cache_keeps_under_its_cap_and_spares_what_is_in_use(remote, bucket, tmp_path):
    for name in "xyz":
        bucket.put_object(Bucket="clips", Key=f"in/{name}", Body=name.encode() * 900)
    first, second = [await remote.fetch(f"s3://clips/in/{name}") for name in "xy"]
    with pytest.raises(Overloaded):
        await remote.fetch("s3://clips/in/z")
    assert first.path.exists()
    assert second.path.exists()
    gone = first.path
    del first
    third = await remote.fetch("s3://clips/in/z")
    assert third.path.read_bytes() == b"z" * 900
    assert second.path.exists()
    assert not gone.exists()
    del third
    await remote.fetch("s3://clips/in/z")  # used again, and so is not the next to go
    del second
    assert (await remote.fetch("s3://clips/in/x")).path.read_bytes() == b"x" * 900
    assert {path.read_bytes()[:1] for path in objects(tmp_path)} == {b"x", b"z"}
    assert sum(path.stat().st_size for path in objects(tmp_path)) <= 2000


HOLD = """
import sys
from podium.storage.object_cache import ObjectCache
from pathlib import Path
held = ObjectCache(Path(sys.argv[1]), 2000).put(sys.argv[2], [b"a" * 900], 900)
print("holds", flush=True)
sys.stdin.read()
"""


def test_what_another_process_uses_stays_and_what_a_dead_one_left_goes(tmp_path):
    cache = ObjectCache(tmp_path / "cache", 2000)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "cache", "theirs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds\n"
        ours = cache.put("ours", [b"b" * 900], 900)
        with pytest.raises(Overloaded):
            cache.put("third", [b"c" * 900], 900)
        (tmp_path / "cache" / ".partial-of-one-that-died").write_bytes(bytes(500))
        other.kill()
    third = cache.put("third", [b"c" * 900], 900)
    assert sorted(path.name for path in objects(tmp_path)) == ["ours", "third"]
    assert ours.path.exists()
    assert third.path.exists()


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
