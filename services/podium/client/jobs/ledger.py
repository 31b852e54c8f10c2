"""Small files that let a repeated call resume an upload or a job after Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from podium.client.jobs.configuration import Connection, home
from podium.errors import InvalidInput
from podium.whole_files import replacing

_HOLDS_S = 23 * 3600.0
"""A little less than the api keeps answers to idempotency keys."""
_EDGE_BYTES = 1 << 20


class _Entry(BaseModel):
    key: str
    made_at: float
    object_id: int | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload or a job that this call or an earlier one began.

    Args:
        key: The idempotency key.
        object_id: Id of the created object, if it is known.
        path: The file of this record.
        made_at: Time of the beginning, seconds since 1970.
    """

    key: str
    object_id: int | None
    path: Path
    made_at: float

    def made(self, object_id: int) -> Begun:
        """Store the id of the created object."""
        known = replace(self, object_id=object_id)
        known.keep()
        return known

    def keep(self) -> None:
        """Write the file; without a writable folder nothing is stored and nothing fails."""
        entry = _Entry(key=self.key, made_at=self.made_at, object_id=self.object_id)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self.path) as file:
                file.write(entry.model_dump_json().encode())

    def anew(self) -> Begun:
        """A record with a new key."""
        fresh = _fresh(self.path)
        fresh.keep()
        return fresh

    def forget(self) -> None:
        """Delete the record, so that the next call begins anew."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def begun(kind: str, connection: Connection, what: dict[str, Any]) -> Begun:
    """The record that a call continues with; a new one if there is none.

    Args:
        kind: ``uploads`` or ``jobs``.
        connection: The api and the key.
        what: Arguments that identify the call.
    """
    whose = [connection.endpoint_url, connection.api_key, what]
    digest = hashlib.sha256(json.dumps(whose, sort_keys=True).encode()).hexdigest()
    path = home() / "begun" / kind / f"{digest}.json"
    try:
        entry = _Entry.model_validate_json(path.read_bytes())
        if entry.made_at > time.time() - _HOLDS_S:
            return Begun(entry.key, entry.object_id, path, entry.made_at)
    except (OSError, ValidationError):
        pass
    fresh = _fresh(path)
    fresh.keep()
    return fresh


def _fresh(path: Path) -> Begun:
    return Begun(str(uuid.uuid4()), None, path, time.time())


def fingerprint(path: Path) -> dict[str, Any]:
    """The identity of a file: name, size, time, hash of its first and last MiB.

    Raises:
        OSError: it cannot be read.
        InvalidInput: it is a folder, or empty.
    """
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder: put its videos into a ZIP", field="source")
    facts = path.stat()
    if not facts.st_size:
        raise InvalidInput(f"{path} is empty", field="source")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, facts.st_size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
    return {
        "name": path.name,
        "size_bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "sha256_of_edges": digest.hexdigest(),
    }
