"""Address and key of the api: from arguments, else the environment, else the user's file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict, ValidationError

from podium.errors import InvalidInput, SetupError

ENDPOINT_URL, API_KEY, HOME = "PODIUM_ENDPOINT_URL", "PODIUM_API_KEY", "PODIUM_CLIENT_HOME"
USUAL_ENDPOINT = "http://127.0.0.1:8006"
"""Where ``podium up`` puts the api."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An api and the key for it."""

    endpoint_url: str
    api_key: str | None = field(default=None, repr=False)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    endpoint_url: str
    api_key: str | None = None


def home() -> Path:
    """The folder of the configuration and of the records of interrupted submissions."""
    return Path(os.environ.get(HOME) or click.get_app_dir("podium"))


def configuration_file() -> Path:
    """The file that ``podium configure`` writes."""
    return home() / "client.json"


def find(endpoint_url: str | None = None, api_key: str | None = None) -> Connection:
    """The connection to use; arguments come before environment and file.

    The key of the file is only sent to the address of the file.

    Raises:
        SetupError: the file cannot be read.
        InvalidInput: the address is not an HTTP address.
    """
    stored = _read(configuration_file())
    url = endpoint_url or os.environ.get(ENDPOINT_URL) or stored.endpoint_url
    key = api_key or os.environ.get(API_KEY)
    if key is None and url.rstrip("/") == stored.endpoint_url.rstrip("/"):
        key = stored.api_key
    return Connection(checked_url(url), key)


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises InvalidInput."""
    if not url.startswith(("http://", "https://")) or not url.isprintable() or " " in url:
        raise InvalidInput(f"{url!r} is no address such as {USUAL_ENDPOINT}", field="endpoint_url")
    return url.rstrip("/")


def write(connection: Connection) -> Path:
    """Store a connection in the file, readable only by its owner. Raises OSError."""
    path = configuration_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    text = _File(endpoint_url=connection.endpoint_url, api_key=connection.api_key)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text.model_dump_json(indent=2) + "\n")
    partial.replace(path)
    return path


def _read(path: Path) -> _File:
    try:
        return _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _File(endpoint_url=USUAL_ENDPOINT)
    except (OSError, ValidationError) as error:
        raise SetupError(f"{path} cannot be read; `podium configure` writes it anew") from error
