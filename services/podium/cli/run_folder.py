"""The folder of a run: what has been done already, so that an interrupted run goes on.

``run.json`` says which video and options the batches are of; ``batches/<start>.json`` are the
answers; ``results.json`` is all of them together.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import podium
from podium.errors import InvalidInput
from podium.results import PipelineResult

_EDGE_BYTES = 1 << 20
_RESULTS = TypeAdapter(list[PipelineResult])


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


class RunFolder:
    """The batches of one run.

    Args:
        root: The output folder; made when missing.
        identity: From ``fingerprint``.
    """

    def __init__(self, root: Path, identity: dict[str, Any]) -> None:
        self.root = root
        self.results = root / "results.json"
        self._batches = root / "batches"
        self.is_other_run = False
        """Whether the folder held batches of another video or of other options."""
        try:
            self._batches.mkdir(parents=True, exist_ok=True)
            known = _read_json(root / "run.json")
            if known != identity:
                self.is_other_run = known is not None
                for path in self._batches.glob("*.json"):
                    path.unlink()
                self.results.unlink(missing_ok=True)
                _write(root / "run.json", json.dumps(identity, indent=2).encode())
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
        return any(self._batches.glob("*.json"))

    def save(self, start: int, result: PipelineResult) -> None:
        """Keep an answer; the file appears whole or not at all."""
        _write(self._path(start), result.model_dump_json().encode())

    def save_all(self, results: list[PipelineResult]) -> None:
        """Write ``results.json``."""
        _write(self.results, _RESULTS.dump_json(results))

    def _path(self, start: int) -> Path:
        return self._batches / f"{start:08d}.json"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, data: bytes) -> None:
    descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
