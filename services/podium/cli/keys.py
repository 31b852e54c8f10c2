"""``podium keys``: API keys for a gateway."""

from __future__ import annotations

import click
import yaml
from pydantic import ValidationError

from podium.serving.http.keys import ApiKey, new_key


@click.group("keys")
def command() -> None:
    """Make API keys for a gateway.

    A gateway asks for keys when PODIUM_API_KEYS names a file of them. The file holds only hashes.

    \b
    Example:
      podium keys new club-a >> keys.yaml
      PODIUM_API_KEYS=keys.yaml podium up
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines


@command.command("new")
@click.argument("name")
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="Limit of requests.")
@click.option("--bytes-per-minute", type=click.IntRange(min=1), help="Limit of request bodies.")
def new(name: str, requests_per_minute: int | None, bytes_per_minute: int | None) -> None:
    """Make a key for NAME: the entry for the file on stdout, the key itself on stderr.

    The key is shown this once and stored nowhere.
    """
    key, sha256 = new_key()
    try:
        entry = ApiKey(
            id=name,
            sha256=sha256,
            requests_per_minute=requests_per_minute,
            bytes_per_minute=bytes_per_minute,
        )
    except ValidationError:
        raise click.BadParameter("use letters, digits, dots, dashes; at most 64") from None
    click.echo(yaml.safe_dump([entry.model_dump(exclude_none=True)], sort_keys=False), nl=False)
    click.echo(f"The key of {name}, shown this once: {key}", err=True)
