"""``podium configure``: stores the address of an api and a key."""

from __future__ import annotations

import os
import sys

import click

from podium.client.jobs import configuration
from podium.client.jobs.client import Client
from podium.errors import Unauthorized, Unavailable


@click.command("configure")
@click.option("--endpoint-url", metavar="URL", help="URL of the api. [default: asks for it]")
@click.option("--check/--no-check", default=True, help="Whether to try the key first.")
def command(endpoint_url: str | None, check: bool) -> None:
    """Store the address of an api and a key for it, for `podium jobs` and the SDK.

    The key is asked for, or read from PODIUM_API_KEY or from stdin: other users of the machine
    could read it among the arguments. Only you can read the file. PODIUM_ENDPOINT_URL and
    PODIUM_API_KEY have precedence over the file.

    \b
    Examples:
      podium configure
      podium configure --endpoint-url https://podium.example < key.txt
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines
    known = configuration.find()
    asks = sys.stdin.isatty()
    if endpoint_url is None:
        usual = known.endpoint_url
        endpoint_url = click.prompt("Address of the api", default=usual) if asks else usual
    url = configuration.checked_url(endpoint_url)
    key = os.environ.get(configuration.API_KEY)
    if not key:
        key = click.prompt("API key", hide_input=True) if asks else sys.stdin.readline()
    key = key.strip()
    if not key:
        raise click.UsageError("an API key is needed; `podium up` prints one at its first start")
    told = ""
    if check:
        with Client(url, api_key=key) as client:
            try:
                me = client.get_me()
            except (Unauthorized, Unavailable) as error:
                error.add_note("nothing was kept; --no-check keeps it unseen")
                raise
        told = f" (project {me.project_id}, may {', '.join(me.scopes)})"
    path = configuration.write(configuration.Connection(url, key))
    click.echo(f"{url}{told} is kept in {path}")
