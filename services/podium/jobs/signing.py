"""Addresses that whoever has them may use for a while: HMAC-SHA256 over all that they allow."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from podium.errors import Forbidden

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs what a request may do; whoever receives it checks with the same secret.

    Args:
        secret: At least 32 random bytes, shared by all replicas.
        base_url: Where the addresses lead, such as ``https://podium.example/v1/objects``.
    """

    secret: bytes
    base_url: str

    def fields(self, verb: str, key: str, *, seconds: float, **allowed: str) -> dict[str, str]:
        """What a request has to carry.

        Args:
            verb: What it may do, such as ``read``.
            key: With which object.
            seconds: For how long.
            allowed: What else holds for it, such as ``max_bytes``; carried and signed.
        """
        fields = {**allowed, "expires": str(int(time.time() + seconds))}
        return {**fields, "signature": self._signature(verb, key, fields)}

    def url(self, verb: str, key: str, *, seconds: float, **allowed: str) -> str:
        """The address of an object, with all that a request has to carry."""
        query = urlencode(self.fields(verb, key, seconds=seconds, **allowed))
        return f"{self.base_url}/{quote(key)}?{query}"

    def check(self, verb: str, key: str, fields: Mapping[str, str]) -> dict[str, str]:
        """What a request is allowed, beside its verb and key.

        Args:
            verb: What it wants to do.
            key: With which object.
            fields: What it carries.

        Raises:
            Forbidden: it is not signed by us for this, or no longer.
        """
        signed = {name: value for name, value in fields.items() if name != "signature"}
        expected = self._signature(verb, key, signed)
        if not hmac.compare_digest(expected.encode(), fields.get("signature", "").encode()):
            raise Forbidden("the signature of this address does not hold for this request")
        if int(signed["expires"]) < time.time():
            raise Forbidden("this address has expired; ask for a new one")
        return signed

    def _signature(self, verb: str, key: str, fields: Mapping[str, str]) -> str:
        text = urlencode([("verb", verb), ("key", key), *sorted(fields.items())])
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def secret_in(path: Path) -> bytes:
    """The secret in a file, which is made on first use and read by its owner alone.

    Whoever finds the file finds all of it: api and controllers may start at the same time.
    """
    if not path.exists():
        partial = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()
    return bytes.fromhex(path.read_text())
