"""Media decoded in other processes: the same pictures, and nothing that a file can do to others."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import cv2
import numpy as np
import pytest

from podium.containment import codecs as contained
from podium.containment import workers as containment_workers
from podium.containment.codecs import ContainedCodecs
from podium.containment.messages import Message, receive, send
from podium.containment.shared_memory import SharedMemory
from podium.containment.syscalls import filter_program
from podium.errors import InvalidInput, TooLarge, Unprocessable
from podium.media.codecs import CodecsHere, go_on
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader
from podium.vision.video_frames import rgb_of
from podium.yuv import Yuv
from tests.support.open_files import open_files
from tests.support.videos import number_of, write_video
from tests.support.waiting import blocking_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

KEPT_BYTES = 64 << 20
COUNT = 48
CLIPS = {
    "b-frames.mp4": {"g": "12", "bf": "3"},
    "one-key-frame.mkv": {"g": "1000", "bf": "3"},
    "untimed.avi": {"g": "12", "bf": "3"},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: write_video(folder / name, COUNT, **codec) for name, codec in CLIPS.items()}


@pytest.fixture(scope="module")
def codecs():
    with ContainedCodecs(memory_bytes=1 << 30, idle=2) as codecs:
        yield codecs


def source_of(path: Path) -> Source:
    return Source(path, path.read_bytes()[:HEAD_BYTES])


def reader(codecs, *, kept_bytes: int = KEPT_BYTES, max_pixels: int = 1 << 20) -> VideoReader:
    return VideoReader(max_pixels=max_pixels, kept_bytes=kept_bytes, codecs=codecs)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def workers(codecs: ContainedCodecs) -> list[int]:
    return children(codecs._workers._nursery.pid)


def big_picture(side: int = 4500) -> bytes:
    """It takes a second or so to decode."""
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    _, data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    return data.tobytes()


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    return big_picture()


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("in_memory", [False, True])
def test_frames_and_index_are_those_of_this_process(codecs, clips, name, in_memory):
    source = source_of(clips[name])
    if in_memory:
        source = Source(clips[name].read_bytes(), source.head)
    with reader(CodecsHere()) as here, reader(codecs) as there:
        expected, index = here.index(source), there.index(source)
        assert index.frame_count == COUNT
        assert vars(expected).keys() == vars(index).keys()
        for field, value in vars(expected).items():
            assert np.array_equal(value, getattr(index, field)), field
        for ordinals in (np.arange(5, 37), np.arange(37, COUNT), np.arange(0, COUNT, 7)):
            frames = list(there.frames(source, index, ordinals))
            assert [number_of(frame.pixels) for frame in frames] == ordinals.tolist()
            for one, other in zip(here.frames(source, expected, ordinals), frames, strict=True):
                assert np.array_equal(rgb_of(one.pixels), rgb_of(other.pixels))


def test_frames_as_they_are_stored_are_those_of_this_process(codecs, tmp_path):
    path = write_video(tmp_path / "clip.avi", 20, codec="mjpeg", pix_fmt="yuvj420p")
    source = source_of(path)
    frames = []
    for kind in (CodecsHere(), codecs):
        with VideoReader(max_pixels=1 << 20, codecs=kind) as reads:
            frames.append(list(reads.frames(source, reads.index(source), np.arange(20))))
    for one, other in zip(*frames, strict=True):
        assert isinstance(one.pixels, Yuv)
        assert one.pixels.colours == other.pixels.colours
        assert one.pixels.colours.is_full_range
        assert np.array_equal(one.pixels.planes, other.pixels.planes)


def test_ranges_go_on_with_the_process_of_the_range_before(codecs, clips):
    source = source_of(clips["one-key-frame.mkv"])
    with reader(codecs) as there:
        index = there.index(source)
        for start in range(0, COUNT, 8):
            assert len(list(there.frames(source, index, np.arange(start, start + 8)))) == 8
        assert len(there._decoders._slots) == 1
    assert len(workers(codecs)) <= 3


def test_videos_of_devices_are_read_as_in_this_process(shared_data, codecs):
    """What a decoder would have to open or to import on the way shows here."""
    paths = [p for p in shared_data.glob("cases/*/*") if p.suffix in (".mp4", ".avi", ".mkv")]
    assert len(paths) > 5
    for path in paths:
        source = source_of(path)
        with reader(CodecsHere()) as here, reader(codecs) as there:
            index, expected = there.index(source), here.index(source)
            assert np.array_equal(index.time_s, expected.time_s), path
            ordinals = np.arange(min(index.frame_count, 40))
            for one, other in zip(
                here.frames(source, expected, ordinals),
                there.frames(source, index, ordinals),
                strict=True,
            ):
                assert np.array_equal(rgb_of(one.pixels), rgb_of(other.pixels)), path


def test_pictures_are_those_of_this_process(codecs):
    image = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)
    for suffix in (".jpg", ".png", ".webp"):
        data = cv2.imencode(suffix, image)[1].tobytes()
        here, there = (c.picture(data, "media", go_on) for c in (CodecsHere(), codecs))
        assert np.array_equal(here.pixels, there.pixels)
        assert here.notes == there.notes


def test_errors_are_those_of_this_process(codecs, tmp_path, clips):
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(clips["b-frames.mp4"].read_bytes()[:600])
    with pytest.raises(Unprocessable, match="media: looks like mp4, but is damaged"):
        reader(codecs).index(source_of(damaged))
    with pytest.raises(TooLarge, match="media: is 160x96; at most 100 pixels"):
        reader(codecs, max_pixels=100).index(source_of(clips["b-frames.mp4"]))


def test_frames_stay_as_they_are_while_somebody_has_them(codecs, clips):
    source = source_of(clips["b-frames.mp4"])
    with reader(codecs) as there:
        index = there.index(source)
        kept = list(there.frames(source, index, np.arange(8)))
        for _ in range(3):
            list(there.frames(source, index, np.arange(8, COUNT)))
    assert [number_of(frame.pixels) for frame in kept] == list(range(8))


def test_one_process_fills_as_many_frames_as_are_kept():
    image = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)
    data = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    with ContainedCodecs(memory_bytes=1 << 30, idle=1) as codecs:
        kept = [codecs.picture(data, "media", go_on).pixels for _ in range(150)]
        assert len(workers(codecs)) == 1
    assert all(np.array_equal(pixels, image) for pixels in kept)


def test_a_process_that_dies_takes_one_request_with_it(codecs, clips, slow_picture):
    failed: list[Exception] = []

    def decode() -> None:
        try:
            codecs.picture(slow_picture, "media", go_on)
        except Unprocessable as error:
            failed.append(error)

    source = source_of(clips["b-frames.mp4"])
    with reader(codecs) as there:
        index = there.index(source)
        frames = there.frames(source, index, np.arange(COUNT))
        next(frames)  # another process has this one open
        before = set(workers(codecs))
        thread = threading.Thread(target=decode)
        thread.start()
        busy = _busiest(codecs, before)
        os.kill(busy, 11)
        thread.join()
        assert [str(error) for error in failed] == ["media: breaks its decoder"]
        assert len(list(frames)) == COUNT - 1
    assert codecs.picture(slow_picture, "media", go_on).pixels.shape == (4500, 4500, 3)


def _busiest(codecs: ContainedCodecs, before: set[int]) -> int:
    """The process that has begun to work."""

    def used(pid: int) -> float:
        return time.clock_gettime((~pid << 3) | 2)

    start = {pid: used(pid) for pid in before}
    found: list[int] = []

    def one_has_begun() -> bool:
        found.extend(pid for pid in workers(codecs) if used(pid) - start.get(pid, 0) > 0.2)
        return bool(found)

    blocking_until(one_has_begun)
    return found[0]


def test_a_file_that_takes_too_long_is_refused(codecs, slow_picture, monkeypatch):
    monkeypatch.setattr(contained, "BASE_S", 0.0)
    monkeypatch.setattr(contained, "PER_MEGABYTE_S", 0.0)
    monkeypatch.setattr(contained, "PER_MEGAPIXEL_S", 0.0)
    worker = codecs._workers.take()
    pid = worker.pid
    codecs._workers.give_back(worker)

    def decode_for_more_than_a_second() -> None:
        for _ in range(20):
            codecs.picture(slow_picture, "media", go_on)

    with pytest.raises(Unprocessable, match="media: takes more than 0 s to decode"):
        decode_for_more_than_a_second()
    assert pid not in workers(codecs)


def test_a_file_that_takes_too_much_memory_is_refused(slow_picture, clips):
    with ContainedCodecs(memory_bytes=64 << 20, idle=1) as small:
        with pytest.raises(Unprocessable):
            small.picture(slow_picture, "media", go_on)
        with reader(small) as there:
            source = source_of(clips["b-frames.mp4"])
            assert there.index(source).frame_count == COUNT


LARGEST = np.iinfo(np.int64).max
IMPOSSIBLE_ARRAYS = {
    "nothing": lambda array: None,
    "numbers with fractions": lambda array: array + 0.5,
    "text": lambda array: array.astype(str).astype("S").astype(object),
    "one number": lambda array: array.ravel()[0],
    "one more dimension": lambda array: array[None],
    "one row less": lambda array: array[:-1],
    "every row twice": lambda array: np.repeat(array, 2, axis=0),
    "the largest": lambda array: np.full(array.shape, LARGEST),
    "less than nothing": lambda array: np.full(array.shape, -2),
    "not finite": lambda array: np.full(array.shape, np.nan),
}


@pytest.fixture
def lying(monkeypatch):
    """Has workers put something else into their answers that have it."""
    told = containment_workers.receive
    lies: dict[str, object] = {}

    def receive(*args, **options):
        message = told(*args, **options)
        parts = {**message.parameters, **message.tensors}
        for name, lie in lies.items():
            if name in parts:
                parts[name] = lie(parts[name]) if callable(lie) else lie
        parts = {name: part for name, part in parts.items() if part is not None}
        return Message(
            {n: part for n, part in parts.items() if not isinstance(part, np.ndarray | np.generic)},
            {n: np.asarray(p) for n, p in parts.items() if isinstance(p, np.ndarray | np.generic)},
        )

    monkeypatch.setattr(containment_workers, "receive", receive)
    return lies


@pytest.mark.parametrize("part", ["ordinals", "shapes", "is_fitted", "colours"])
@pytest.mark.parametrize("lie", IMPOSSIBLE_ARRAYS)
def test_impossible_frames_are_refused_and_end_their_process(codecs, clips, lying, part, lie):
    source = source_of(clips["b-frames.mp4"])
    with reader(codecs, kept_bytes=0) as there:
        index = there.index(source)
        lying[part] = IMPOSSIBLE_ARRAYS[lie]
        with pytest.raises(Unprocessable, match=r"^media: breaks its decoder$"):
            list(there.frames(source, index, np.arange(5)))
    assert not codecs._workers._living - {w.pid for w in codecs._workers._idle}
    lying.clear()
    with reader(codecs) as there:
        assert len(list(there.frames(source, there.index(source), np.arange(5)))) == 5


def test_frames_that_were_not_asked_for_are_refused(codecs, clips, lying):
    source = source_of(clips["b-frames.mp4"])
    with reader(codecs) as there:
        index = there.index(source)
        lying["ordinals"] = lambda ordinals: ordinals + 1
        with pytest.raises(Unprocessable, match="breaks its decoder"):
            list(there.frames(source, index, np.arange(5)))


@pytest.mark.parametrize("lie", ["nothing", "numbers with fractions", "one number", "the largest"])
def test_impossible_pictures_are_refused(codecs, lying, lie):
    lying["shapes"] = IMPOSSIBLE_ARRAYS[lie]
    data = cv2.imencode(".png", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    with pytest.raises(Unprocessable, match=r"^media: breaks its decoder$"):
        codecs.picture(data, "media", go_on)


@pytest.mark.parametrize(
    ("part", "lie"),
    [
        *((part, lie) for part in ("width", "height", "missing") for lie in (-1, 10**40, 1e308)),
        *((part, lie) for part in ("fps", "capture_fps") for lie in (-1, np.inf, np.nan, True)),
        *((part, lie) for part in ("time_base", "pixel_aspect") for lie in ("x", "1/0", "-1")),
        ("width", 159),
        ("height", 0),
        ("nominal_rate", f"{1 << 31}/1"),
        ("is_420", 1),
        ("time_s", lambda times: times[::-1]),
        ("time_s", lambda times: times * np.nan),
        ("packet", lambda packets: packets + 1),
        *(
            (part, IMPOSSIBLE_ARRAYS[lie])
            for part in ("ids", "seek_time", "is_key", "ordinal", "packet", "time_s")
            for lie in ("nothing", "text", "one number", "one row less", "one more dimension")
        ),
    ],
)
def test_impossible_indexes_are_refused(codecs, clips, lying, part, lie):
    lying[part] = lie
    with pytest.raises((Unprocessable, TooLarge)):
        reader(codecs).index(source_of(clips["b-frames.mp4"]))


@pytest.mark.parametrize("part", ["width", "height"])
def test_frames_of_an_index_are_within_the_limits(codecs, clips, lying, part):
    lying[part] = 20_000
    with pytest.raises(TooLarge):
        reader(codecs).index(source_of(clips["b-frames.mp4"]))


def test_open_files_in_an_answer_are_closed():
    ours, theirs = socket.socketpair()
    with ours, theirs, Path(os.devnull).open("rb") as file:
        before = open_files()
        for _ in range(3):
            send(theirs, Message({"a": 1}, descriptors=[file.fileno()] * 3))
            assert receive(ours) == Message({"a": 1}, descriptors=[])
        assert open_files() == before


@pytest.mark.parametrize(("header", "whole"), [(2 << 20, 2 << 20), (100, 1 << 30)])
def test_an_answer_that_would_take_much_memory_is_not_read(header, whole):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("<II", header, whole))
        with pytest.raises(InvalidInput, match="message: is too long"):
            receive(ours, until=time.monotonic() + 5)


@pytest.mark.parametrize("begun", [1, 8, 12])
def test_an_answer_that_does_not_end_is_given_up(begun):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((b"\x08\x00\x00\x00" * 2 + b"{    ")[:begun])
        with pytest.raises(TimeoutError):
            receive(ours, until=time.monotonic() + 0.05)


def test_a_process_that_does_not_listen_is_ended(codecs, monkeypatch):
    monkeypatch.setattr(containment_workers, "_MOST_WALL", 0)
    monkeypatch.setattr(containment_workers, "_LEAST_WALL_S", 0.2)
    worker = codecs._workers.take()
    os.kill(worker.pid, signal.SIGSTOP)
    much = Message({"question": "picture"}, {"much": np.zeros(8 << 20, np.uint8)})
    with pytest.raises(Unprocessable, match="media: takes more than 1 s to decode"):
        worker.ask(much, field="media", check=go_on, budget_s=1)
    assert worker.pid not in workers(codecs)


def test_work_that_is_given_up_ends_at_once(codecs, slow_picture):
    def give_up() -> None:
        raise CancelledError

    before = set(workers(codecs))
    with pytest.raises(CancelledError):
        codecs.picture(slow_picture, "media", give_up)
    assert set(workers(codecs)) < before or len(workers(codecs)) == len(before)
    assert all(not _is_running(pid) for pid in workers(codecs))


def _is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    return status.split()[0] == "R"


def test_frames_that_nobody_has_leave_little_memory(clips):
    with ContainedCodecs(memory_bytes=1 << 30, idle=1) as codecs:
        data = big_picture(3000)
        for _ in range(3):
            pixels = codecs.picture(data, "media", go_on).pixels
        shared = _shared_bytes(codecs)
        assert shared >= pixels.nbytes
        many = [codecs.picture(data, "media", go_on).pixels for _ in range(12)]
        assert _shared_bytes(codecs) > 300 << 20
        del many, pixels
        assert _shared_bytes(codecs) <= 128 << 20


def test_a_worker_that_is_replaced_leaves_its_memory_to_the_next(monkeypatch):
    monkeypatch.setattr(containment_workers, "_MOST_MEDIA", 1)
    data = big_picture(600)
    with ContainedCodecs(memory_bytes=1 << 30, idle=1) as fresh:
        kept = fresh.picture(data, "media", go_on).pixels
        assert not workers(fresh)
        before = kept.copy()
        dropped = fresh.picture(data, "media", go_on).pixels  # by another process
        np.testing.assert_array_equal(dropped, before)
        np.testing.assert_array_equal(kept, before)
        del dropped
        for _ in range(5):
            np.testing.assert_array_equal(fresh.picture(data, "media", go_on).pixels, before)
        del kept
        (memory,) = fresh._workers._memories
        assert {block.number for block in memory._free} == {0, 1}


def test_small_pictures_take_few_open_files():
    """Free blocks hold at most 128 MB; each of them takes two open files."""
    memory = SharedMemory()
    before = open_files()
    kept = [memory.take(10_000 + 1000 * number) for number in range(300)]
    del kept
    assert open_files() - before <= 2 * 128
    memory.close()
    assert open_files() == before


def test_no_worker_sees_what_others_left_in_memory():
    memory = SharedMemory()
    for _ in range(2):
        block, content = memory.take(1000)
        block.is_known = True
        content[:] = 7
    memory.hand_over()  # while the second block is in use
    del content
    blocks = [memory.take(1000) for _ in range(2)]
    assert {block.number for block, _ in blocks} == {0, 1}
    assert not any(block.is_known or content.any() for block, content in blocks)
    memory.hand_over()
    del blocks
    memory.close()
    assert memory.dropped() == []  # the new worker knew none of them


def _shared_bytes(codecs: ContainedCodecs) -> int:
    """Of the frames, in either process."""
    total = 0
    for pid in (os.getpid(), *workers(codecs)):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        (shared,) = (line for line in lines if line.startswith("Pss_Shmem:"))
        total += int(shared.split()[1]) << 10
    return total


def test_the_processes_end_with_the_one_that_uses_them(tmp_path):
    script = """
        import os, sys, time
        from podium.containment.codecs import ContainedCodecs
        codecs = ContainedCodecs(memory_bytes=1 << 30, idle=1)
        worker = codecs._workers.take()
        print(codecs._workers._nursery.pid, worker.pid, flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    blocking_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_a_worker_at_work_leaves_nothing_open_when_the_codecs_close():
    codecs = ContainedCodecs(memory_bytes=1 << 30, idle=1)
    at_work, ended = (codecs._workers.take() for _ in range(2))
    nursery = codecs._workers._nursery
    codecs.close()
    codecs._workers.give_back(at_work)
    assert ended.end() == 0
    assert {at_work._peer.fileno(), ended._peer.fileno()} == {-1}
    assert nursery.returncode == 0
    assert codecs._workers._nursery is None  # nor another


def test_secrets_of_the_environment_are_not_handed_on(codecs, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-decoders")
    with ContainedCodecs(memory_bytes=1 << 30, idle=1) as fresh:
        fresh._workers.give_back(fresh._workers.take())
        (pid,) = workers(fresh)
        assert b"not-for-decoders" not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('/proc/1/environ')",
        "__import__('socket').socket()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 9)",
        "os.mkdir('made')",
        "resource.setrlimit(resource.RLIMIT_CPU, (100, 100))",
    ],
)
def test_what_a_locked_up_process_cannot_do(attempt, tmp_path):
    if filter_program(1) is None:
        pytest.skip("system calls are filtered on x86_64 and aarch64")
    code = f"""
        import os, resource, socket
        from podium.containment.sandbox import lock_up
        lock_up(1 << 30)
        try:
            {attempt}
        except (PermissionError, ValueError):
            os._exit(7)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 7


def test_threads_can_be_made_in_a_locked_up_process():
    code = """
        import threading
        from podium.containment.sandbox import lock_up
        lock_up(1 << 30)
        thread = threading.Thread(target=print, args=("made",))
        thread.start()
        thread.join()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"made\n"


def test_unknown_processors_have_no_filter():
    assert filter_program(1, "riscv64") is None
    assert len(filter_program(1, "aarch64")) % 8 == 0


IMPORTS = """
import os, socket, sys, threading
from pathlib import Path

import numpy as np

from podium.containment import nursery, worker, workers
from podium.containment.codecs import ContainedCodecs
from podium.errors import InvalidInput
from podium.media.codecs import go_on
from podium.media.containers import HEAD_BYTES, Source
from podium.media.video import VideoReader

class Watched:
    def find_spec(name, path=None, target=None):
        if threading.current_thread().name == "worker":
            print(name, flush=True)

nursery._import_all()
ours, theirs = socket.socketpair()
threading.Thread(target=worker.work, args=[theirs], name="worker", daemon=True).start()
codecs = ContainedCodecs(memory_bytes=1 << 30, idle=1)
codecs._workers._idle = [workers.Worker(codecs._workers, os.getpid(), ours)]
sys.meta_path.insert(0, Watched)
for path in map(Path, sys.argv[1:]):
    data = path.read_bytes()
    with VideoReader(max_pixels=1 << 20, codecs=codecs) as reader:
        try:
            if path.suffix in (".jpg", ".png", ".webp"):
                codecs.picture(data, "media", go_on)
                continue
            source = Source(path, data[:HEAD_BYTES])
            index = reader.index(source)
            list(reader.frames(source, index, np.arange(index.frame_count)))
        except InvalidInput as error:
            print("refused", path.name, error, file=sys.stderr)
os._exit(0)
"""
KINDS = {
    **CLIPS,
    "turned.mp4": {"rotation": 90},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "uneven.mkv": {"ticks": [2 * n + n % 2 for n in range(COUNT)]},
    "vp9.webm": {"codec": "libvpx-vp9", "deadline": "realtime"},
    "mpeg4.avi": {"codec": "mpeg4", "bf": "2"},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "stream.ts": {"g": "6", "bf": "2"},
}


def test_a_worker_imports_nothing_more(tmp_path):
    """It can open no file, so an import in the middle of its work would be an error of its own."""
    paths = [write_video(tmp_path / name, COUNT, **how) for name, how in KINDS.items()]
    for path in list(paths):
        damaged = tmp_path / f"damaged-{path.name}"
        data = path.read_bytes()
        damaged.write_bytes(data[: len(data) // 3] + bytes(500) + data[len(data) // 3 + 700 :])
        paths.append(damaged)
    for suffix in (".jpg", ".png", ".webp"):
        picture = cv2.imencode(suffix, np.full((30, 40, 3), 90, np.uint8))[1].tobytes()
        for name, data in (("whole", picture), ("cut", picture[: len(picture) // 2])):
            (tmp_path / (name + suffix)).write_bytes(data)
            paths.append(tmp_path / (name + suffix))
    command = [sys.executable, "-c", IMPORTS, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    refused = [line for line in done.stderr.splitlines() if line.startswith("refused")]
    assert not any("refused whole" in line for line in refused)
    assert len(refused) < len(paths) / 2


def test_the_nursery_rests_without_media_and_comes_back(clips: dict[str, Path]) -> None:
    source = source_of(clips["b-frames.mp4"])
    before = children(os.getpid())
    with_rest = ContainedCodecs(memory_bytes=1 << 30, idle=0, rest_s=0.05)
    try:
        for _ in range(2):
            with reader(with_rest) as videos:
                assert videos.index(source).frame_count == COUNT
            blocking_until(lambda: not set(children(os.getpid())) - set(before))
    finally:
        with_rest.close()
