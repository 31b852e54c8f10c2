"""Copies models of an ``s3://`` repository into a folder, before a service starts.

``python -m podium.models.fetch FOLDER [NAME[@VERSION]]...`` needs only the packages of a service
and copies from the repository ``PODIUM_MODELS``; ``podium models fetch`` is the command for
people.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path

from podium.environment import read_group
from podium.errors import InvalidInput, PodiumError, SetupError, Unavailable
from podium.models.cache import ModelCache
from podium.models.s3_repository import Progress, s3_repository
from podium.models.settings import RepositorySettings, is_s3


def fetch(
    source: str,
    folder: Path,
    references: Collection[str],
    settings: RepositorySettings,
    progress: Progress | None = None,
) -> list[Path]:
    """Copy models into a folder that a service can use as its repository.

    Undamaged copies are not downloaded again, and an interrupted download continues.

    Args:
        source: ``s3://bucket/prefix``.
        folder: Created if it is missing; several processes may fill it at the same time.
        references: ``name``, ``name@latest`` or ``name@3``; empty: those of ``settings.serve``;
            if that is empty too, every version of every model.
        settings: Where the bucket is.
        progress: Called with the bytes so far.

    Returns:
        The folders of the models.

    Raises:
        SetupError: some models are damaged or do not fit; the others have been copied.
        PodiumError: the repository cannot be read.
    """
    if not is_s3(source):
        raise InvalidInput(f"must look like s3://bucket/prefix, not {source!r}", field="from")
    repository = s3_repository(source, settings, ModelCache(folder), progress)
    folders, problems = [], []
    for key in repository.select(references or settings.serve):
        try:
            folders.append(repository.load(*key).hold().path.parent)
        except Unavailable:
            raise
        except PodiumError as error:
            problems.append(error.message)
    if problems:
        raise SetupError("\n".join(problems))
    return folders


def main() -> None:
    """Run ``python -m podium.models.fetch``; the exit code is 1 when a model is missing."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    if len(sys.argv) < 2:
        sys.exit("usage: python -m podium.models.fetch FOLDER [NAME[@VERSION]]...")
    source = os.environ.get("PODIUM_MODELS", "")
    try:
        for path in fetch(source, Path(sys.argv[1]), sys.argv[2:], read_group(RepositorySettings)):
            logging.getLogger("podium.models").info("%s is there", path)
    except PodiumError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
