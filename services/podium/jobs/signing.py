"""Signed addresses, valid for a limited time: HMAC-SHA256 over everything that they allow."""

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
    """Signs requests and checks them, with the same secret.

    Args:
        secret: At least 32 random bytes, shared by all replicas.
        base_url: Prefix of the addresses, such as ``https://podium.example/v1/objects``.
    """

    secret: bytes
    base_url: str

    def fields(self, verb: str, key: str, *, seconds: float, **allowed: str) -> dict[str, str]:
        """The signed fields that a request must have.

        Args:
            verb: The allowed action, such as ``read``.
            key: Key of the object.
            seconds: Time to live.
            allowed: Further conditions, such as ``max_bytes``; included and signed.
        """
        fields = {**allowed, "expires": str(int(time.time() + seconds))}
        return {**fields, "signature": self._signature(verb, key, fields)}

    def url(self, verb: str, key: str, *, seconds: float, **allowed: str) -> str:
        """The address of an object, with the signed fields."""
        query = urlencode(self.fields(verb, key, seconds=seconds, **allowed))
        return f"{self.base_url}/{quote(key)}?{query}"

    def check(self, verb: str, key: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Check a request; returns its further conditions.

        Args:
            verb: The requested action.
            key: Key of the object.
            fields: Fields of the request.

        Raises:
            Forbidden: the signature is not valid for this request, or has expired.
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
    """The secret in a file, which is created on first use and readable only by its owner.

    The file appears complete, as api and controllers may start at the same time.
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
