"""Types of arguments and options whose mistakes come with the remedy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class VideoFile(click.Path):
    """A file that is there; a folder and an address are told how videos are named."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file."""
        text = os.fsdecode(value)
        if "://" in text:
            self.fail(
                f"{text} is an address: download the video first, or give an s3:// or file:// "
                "address that a gateway can read with --gateway and --uri",
                param,
                ctx,
            )
        if Path(text).is_dir():
            self.fail(
                f"{text} is a folder; a run takes one video: "
                f'for video in "{text}"/*; do podium run "$video"; done',
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number within limits, with a decimal point."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        try:
            float(value)
        except ValueError:
            dotted = str(value).replace(",", ".")
            hint = f"; decimals have a point: {dotted}" if _is_number(dotted) else ""
            self.fail(f"{value!r} is not a number{hint}", param, ctx)
        return super().convert(value, param, ctx)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
