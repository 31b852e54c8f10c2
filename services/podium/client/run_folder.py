"""The folder of a run; an interrupted run continues from the answers that it holds.

``run.json`` identifies the video and the options, ``batches/<start>.json`` has the answer of one
batch, ``results.json`` all answers.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

import podium
from podium.errors import InvalidInput
from podium.schemas.results import PipelineResult
from podium.whole_files import PARTIAL, replacing

_EDGE_BYTES = 1 << 20
_PATH = "path"
_BATCH = "[0-9]" * 10 + ".json"


def fingerprint(video: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The identity of a run: hashes of the file's first and last MiB, and the options."""
    facts = video.stat()
    digest = hashlib.sha256()
    with video.open("rb") as file:
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, facts.st_size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return {
        "podium": podium.__version__,
        "video": video.name,
        "size_bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "sha256_of_edges": digest.hexdigest(),
        "options": options,
    }


def video_of(root: Path) -> Path | None:
    """The video of the results in a folder; None if it is missing or has changed."""
    known = _read_json(root / "run.json")
    if not isinstance(known, dict):
        return None
    video = Path(str(known.get(_PATH)))
    return video if video.is_file() and video.stat().st_size == known.get("size_bytes") else None


def default_folder(parent: Path, video: Path, identity: dict[str, Any]) -> Path:
    """The default folder for the results of a video; one without results of another video.

    Args:
        parent: Folder of all results.
        video: ``clip.mov`` goes to ``clip``, else to ``clip.mov``, ``clip.mov-2`` and so on.
        identity: From ``fingerprint``.
    """
    names = [video.stem, video.name, *(f"{video.name}-{number}" for number in range(2, 1000))]
    for name in names:
        folder = RunFolder(parent / name, identity, video)
        with suppress(InvalidInput):
            folder.check()
            return folder.root
    return parent / video.stem


class RunFolder:
    """The folder of one run; created and locked while entered.

    A new folder is removed again if the run fails before its first answer.

    Args:
        root: The output folder.
        identity: From ``fingerprint``.
        video: Path of the video; not part of the identity.
        overwrite: Whether results of another video, and files of others with the names of
            results, may be replaced.
    """

    def __init__(
        self, root: Path, identity: dict[str, Any], video: Path, *, overwrite: bool = False
    ) -> None:
        self.root = root
        self.results = root / "results.json"
        self.is_other_run = False
        """Whether the folder held batches of another video or of other options."""
        self._identity = identity
        self._video = video
        self._overwrite = overwrite
        self._batches = root / "batches"
        self._leaving = ExitStack()

    def check(self) -> None:
        """Check that results may be written to the folder; changes nothing.

        Raises:
            InvalidInput: it holds results of another video, or files that no run has made.
        """
        try:
            known = _read_json(self.root / "run.json")
            if not self._overwrite:
                self._check_content(known)
        except OSError as error:
            raise _unusable(self.root, error) from None

    def __enter__(self) -> Self:
        """Make and lock the folder; what belongs to another run is removed.

        Raises:
            InvalidInput: see ``check``; or another run is writing there, or it cannot be written.
        """
        self.check()
        with ExitStack() as entering:
            try:
                new = [path for path in (self.root, *self.root.parents) if not path.exists()]
                self.root.mkdir(parents=True, exist_ok=True)
                self._lock(entering)
                if not (self.root / "run.json").exists():
                    entering.callback(self._remove_unless_used, new)
                self._begin()
            except OSError as error:
                raise _unusable(self.root, error) from None
            self._leaving = entering.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leaving.__exit__(kind, error, traceback)

    def _check_content(self, known: Any) -> None:
        if isinstance(known, dict) and any(
            known.get(key) != self._identity[key] for key in ("size_bytes", "sha256_of_edges")
        ):
            raise InvalidInput(
                f"{self.root} holds the results of another video ({known.get('video')}); name "
                "another folder, or replace them with --overwrite",
                field="--out",
            )
        if (self.root / "run.json").exists() or not self.root.exists():
            return
        others = sorted(path.name for path in self.root.iterdir() if path.name[0] != ".")
        if others:
            shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
            raise InvalidInput(
                f"{self.root} holds files that no run has made ({shown}); name another folder, or "
                "write into it all the same with --overwrite",
                field="--out",
            )

    def _lock(self, entering: ExitStack) -> None:
        descriptor = os.open(self.root, os.O_RDONLY | os.O_CLOEXEC)
        entering.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(
                f"another run is writing to {self.root}; wait for it, or name another folder",
                field="--out",
            ) from None
        except OSError as error:  # file systems without locks
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise

    def _begin(self) -> None:
        for left in self.root.glob(f"{PARTIAL}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
            left.unlink(missing_ok=True)
        known = _read_json(self.root / "run.json")
        if not isinstance(known, dict) or known | {_PATH: None} != self._identity | {_PATH: None}:
            self.is_other_run = known is not None
            for path in self._paths():
                path.unlink()
            self.results.unlink(missing_ok=True)
        with replacing(self.root / "run.json") as file:
            file.write(json.dumps(self._identity | {_PATH: str(self._video)}, indent=2).encode())
        self._batches.mkdir(exist_ok=True)

    def _remove_unless_used(self, new: list[Path]) -> None:
        if not self.has_batches():
            (self.root / "run.json").unlink(missing_ok=True)
            with suppress(OSError):
                self._batches.rmdir()
                for path in new:
                    path.rmdir()

    def forget_all_but(self, names: Collection[str]) -> None:
        """Remove overlays of an earlier run with other options."""
        for path in (self.root / "overlay.mp4", *(self.root / "overlay").glob("frame_*.jpg")):
            if path.relative_to(self.root).as_posix() not in names:
                path.unlink(missing_ok=True)
        with suppress(OSError):
            (self.root / "overlay").rmdir()

    def load(self, start: int) -> PipelineResult | None:
        """The stored answer of the batch that begins at frame ``start``; None without one."""
        try:
            return PipelineResult.model_validate_json(self._path(start).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def has_batches(self) -> bool:
        """Whether any answer is stored."""
        return bool(self._paths())

    def save(self, start: int, result: PipelineResult) -> None:
        """Store an answer."""
        with replacing(self._path(start)) as file:
            file.write(result.model_dump_json().encode())

    def batches(self) -> Iterator[PipelineResult]:
        """The stored answers, in the order of their frames."""
        for path in self._paths():
            yield PipelineResult.model_validate_json(path.read_bytes())

    def join(self) -> None:
        """Write ``results.json``, a list of all answers, without holding all in memory."""
        with replacing(self.results) as file:
            for number, path in enumerate(self._paths()):
                file.write(b",\n" if number else b"[")
                file.write(path.read_bytes())
            file.write(b"]\n")

    def _paths(self) -> list[Path]:
        return sorted(self._batches.glob(_BATCH))

    def _path(self, start: int) -> Path:
        return self._batches / f"{start:010d}.json"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _unusable(root: Path, error: OSError) -> InvalidInput:
    return InvalidInput(f"cannot write to {root} ({error.strerror})", field="--out")
