"""Options of all commands of the api, and its client with errors that have a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from podium.client.jobs.client import Client
from podium.errors import Forbidden, Unauthorized

Command = TypeVar("Command", bound=Callable[..., Any])


def endpoint_option(command: Command) -> Command:
    """Add ``--endpoint-url`` to a command."""
    return click.option(
        "--endpoint-url",
        metavar="URL",
        help="URL of the api. [default: PODIUM_ENDPOINT_URL, or that of `podium configure`]",
    )(command)


def output_option(command: Command) -> Command:
    """Add ``-o`` to a command."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to print: for people, or for programs.",
    )(command)


@contextmanager
def api_client(endpoint_url: str | None) -> Iterator[Client]:
    """A client; its errors about keys have a note with the remedy."""
    try:
        with Client(endpoint_url) as client:
            yield client
    except Unauthorized as error:
        error.add_note("`podium configure` keeps a key; PODIUM_API_KEY goes before it")
        raise
    except Forbidden as error:
        error.add_note("`podium get-me` says what this key may do")
        raise
