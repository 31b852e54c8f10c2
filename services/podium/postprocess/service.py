"""The postprocess stage: reads from addresses, processes, and publishes the files."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections import deque
from concurrent.futures import CancelledError, Executor
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from podium.biomechanics.signals.checkpoints import checked_by
from podium.errors import Forbidden, InvalidInput, NotFound
from podium.freed_memory import give_back
from podium.postprocess.postprocessor import Postprocessor
from podium.postprocess.result_text import parse_results
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.serving.observing.in_thread import in_thread
from podium.storage.file_locks import HeldFile
from podium.storage.object_store import ObjectStore


class PostprocessService:
    """Implements ``podium.stages.Postprocess``.

    Args:
        postprocessor: Does the work.
        store: Reads the source and the results, writes the files.
        executor: Threads for the work.
    """

    def __init__(
        self, postprocessor: Postprocessor, store: ObjectStore, executor: Executor
    ) -> None:
        self._postprocessor = postprocessor
        self._store = store
        self._executor = executor

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """Process a video and publish its files below ``output``.

        If the caller is cancelled, the work ends after its current step.

        Raises:
            InvalidInput, Forbidden, NotFound, TooLarge: the message names the input or parameter.
        """
        if (results is None) == (results_uri is None):
            raise InvalidInput("give exactly one of results and results_uri", field="results")
        self._check(output, "output", write=True)
        video = await self._fetch(source, "source")
        held: bytes | HeldFile = results or b""
        if results_uri is not None:
            held = await self._fetch(results_uri, "results_uri")
        cancelled = threading.Event()
        name = PurePosixPath(unquote(urlsplit(source).path)).name
        work = asyncio.create_task(self._work(video, held, output, options, cancelled, name=name))
        try:
            # Shielded: the folder must outlive the thread that writes to it.
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def _work(
        self,
        source: HeldFile,
        results: bytes | HeldFile,
        output: str,
        options: PostprocessOptions,
        cancelled: threading.Event,
        *,
        name: str,
    ) -> PostprocessResult:
        def check() -> None:
            if cancelled.is_set():
                raise CancelledError

        def process(folder: Path) -> PostprocessResult:
            check()
            with checked_by(check):
                batches = deque(
                    parse_results(
                        results if isinstance(results, bytes) else results.path.read_bytes()
                    )
                )
            each = (batches.popleft() for _ in range(len(batches)))
            try:
                return self._postprocessor.process(
                    source.path, each, folder, options, check, name=name
                )
            finally:
                give_back()

        with tempfile.TemporaryDirectory(prefix="podium-postprocess-") as scratch:
            folder = Path(scratch)
            done = await in_thread(self._executor, process, folder)
            check()
            files = {file.name: folder / file.name for file in done.files}
            addresses = await self._store.publish(files, output)
        for file in done.files:
            file.uri = addresses[file.name]
        return done

    async def _fetch(self, uri: str, name: str) -> HeldFile:
        self._check(uri, name)
        try:
            return await self._store.fetch(uri)
        except (InvalidInput, Forbidden, NotFound) as error:
            raise _named(error, name) from None

    def _check(self, uri: str, name: str, *, write: bool = False) -> None:
        try:
            self._store.check(uri, write=write)
        except (InvalidInput, Forbidden) as error:
            raise _named(error, name) from None


def _named(
    error: InvalidInput | Forbidden | NotFound, name: str
) -> InvalidInput | Forbidden | NotFound:
    """The store's error, with the name of the stage's input."""
    return type(error)(f"{name}: {error.message.removeprefix('uri: ')}")
