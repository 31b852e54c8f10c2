"""The folder of a run: what has been done already, so that an interrupted run goes on.

``run.json`` says which video and options the batches are of; ``batches/<start>.json`` are the
answers; ``results.json`` is all of them together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import podium
from podium.errors import InvalidInput
from podium.schemas.results import PipelineResult
from podium.whole_files import replacing

_EDGE_BYTES = 1 << 20
_PATH = "path"
_BATCH = "[0-9]" * 10 + ".json"


def fingerprint(video: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What tells one run from another: the file (its first and last MiB) and the options."""
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
    """The video that the results in a folder are of, where it still is what it was."""
    known = _read_json(root / "run.json")
    if not isinstance(known, dict):
        return None
    video = Path(str(known.get(_PATH)))
    return video if video.is_file() and video.stat().st_size == known.get("size_bytes") else None


class RunFolder:
    """The batches of one run.

    Args:
        root: The output folder; made when missing.
        identity: From ``fingerprint``.
        video: Where the video is now; not what tells it from another.

    Raises:
        InvalidInput: it cannot be written to, or holds ``batches`` or ``results.json`` of
            something that is not a run.
    """

    def __init__(self, root: Path, identity: dict[str, Any], video: Path) -> None:
        self.root = root
        self.results = root / "results.json"
        self._batches = root / "batches"
        self.is_other_run = False
        """Whether the folder held batches of another video or of other options."""
        try:
            root.mkdir(parents=True, exist_ok=True)
            if not (root / "run.json").exists():
                self._require_unused()
            known = _read_json(root / "run.json")
            if not isinstance(known, dict) or known | {_PATH: None} != identity | {_PATH: None}:
                self.is_other_run = known is not None
                for path in self._paths():
                    path.unlink()
                self.results.unlink(missing_ok=True)
            with replacing(root / "run.json") as file:
                file.write(json.dumps(identity | {_PATH: str(video)}, indent=2).encode())
            self._batches.mkdir(exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"cannot write to {root} ({error.strerror})", field="--out"
            ) from None

    def load(self, start: int) -> PipelineResult | None:
        """The answer for the batch that begins with frame ``start``, if there is one."""
        try:
            return PipelineResult.model_validate_json(self._path(start).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def has_batches(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self._paths())

    def save(self, start: int, result: PipelineResult) -> None:
        """Keep an answer."""
        with replacing(self._path(start)) as file:
            file.write(result.model_dump_json().encode())

    def batches(self) -> Iterator[PipelineResult]:
        """The answers that there are, in the order of their frames."""
        for path in self._paths():
            yield PipelineResult.model_validate_json(path.read_bytes())

    def join(self) -> None:
        """Write ``results.json``: a list of all answers. It may be longer than memory allows."""
        with replacing(self.results) as file:
            for number, path in enumerate(self._paths()):
                file.write(b",\n" if number else b"[")
                file.write(path.read_bytes())
            file.write(b"]\n")

    def _require_unused(self) -> None:
        for path in (self._batches, self.results):
            if path.exists():
                raise InvalidInput(
                    f"{self.root} holds {path.name}, but no run.json: no run of Podium made it; "
                    "name another folder",
                    field="--out",
                )

    def _paths(self) -> list[Path]:
        return sorted(self._batches.glob(_BATCH))

    def _path(self, start: int) -> Path:
        return self._batches / f"{start:010d}.json"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
