"""Postprocessing beside the frames: in a forked process, or in a thread of this one."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from pydantic import BaseModel, TypeAdapter

from podium.forked import Forked
from podium.freed_memory import give_back
from podium.local.video_run import VideoRun
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.stages import Postprocess

if TYPE_CHECKING:
    from podium.postprocess.service import PostprocessService


def files_beside(run: VideoRun) -> AbstractContextManager[Postprocess]:
    """A postprocessor in a process of its own; where forking is unsafe, in a thread.

    It may read the run's video and write to its ``out``. To be called before this process starts
    threads, and before it imports what only the frames need.
    """
    return _forked(run) if sys.platform == "linux" else files_here(run)


@contextmanager
def files_here(run: VideoRun, *, forks: bool = False) -> Iterator[Postprocess]:
    """A postprocessor in a thread of this process.

    Args:
        run: Its video may be read, and its ``out`` written to.
        forks: Whether overlays are drawn in a fork of this process.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="postprocess") as executor:
        yield _FilesHere(run, executor, forks=forks)


@contextmanager
def _forked(run: VideoRun) -> Iterator[Postprocess]:
    import cv2  # noqa: F401 - imported once, for both processes

    import podium.storage.object_store  # noqa: F401

    asked, asks = Pipe(duplex=False)
    form = TypeAdapter(PostprocessResult)
    with Forked(partial(_answer_once, run, asked, asks), form) as process:
        asked.close()
        yield _FilesBeside(asks, process)


def _answer_once(run: VideoRun, asked: Connection, asks: Connection) -> PostprocessResult:
    """What the forked process does: it imports, and waits for the question."""
    asks.close()
    with files_here(run, forks=True) as files:
        question = _Question.model_validate_json(asked.recv_bytes())

        async def answer() -> PostprocessResult:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - this is one
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            return await files.postprocess(
                question.source,
                question.output,
                question.options,
                results_uri=question.results_uri,
            )

        return asyncio.run(answer())


class _Question(BaseModel):
    """The arguments of ``Postprocess.postprocess``, of results in a file."""

    source: str
    output: str
    options: PostprocessOptions
    results_uri: str | None


class _FilesBeside:
    """Implements ``podium.stages.Postprocess`` for one question, of results in a file."""

    def __init__(self, asks: Connection, process: Forked[PostprocessResult]) -> None:
        self._asks = asks
        self._process = process

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """See ``PostprocessService``."""
        give_back()  # that of decoded frames, before the files take theirs
        question = _Question(source=source, output=output, options=options, results_uri=results_uri)
        self._asks.send_bytes(question.model_dump_json().encode())
        try:
            return await asyncio.to_thread(self._process.result)
        except asyncio.CancelledError:
            self._process.stop()
            raise


class _FilesHere:
    """Implements ``podium.stages.Postprocess``.

    Its imports take nearly a second, so they run while the first frames are decoded.
    """

    def __init__(self, run: VideoRun, executor: ThreadPoolExecutor, *, forks: bool) -> None:
        self._run = run
        self._forks = forks
        self._executor = executor
        self._opens = executor.submit(self._load)

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """See ``PostprocessService``."""
        opens = await asyncio.wrap_future(self._opens)
        give_back()  # that of decoded frames, before the files take theirs
        return await opens().postprocess(
            source, output, options, results=results, results_uri=results_uri
        )

    def _load(self) -> Callable[[], PostprocessService]:
        """Import; what is returned opens a service, which has a folder of its own."""
        import scipy.linalg
        import scipy.ndimage  # noqa: F401 - else SciPy would import both at their first use

        from podium.postprocess.beside import in_fork, in_thread
        from podium.postprocess.overlay_files import Overlays
        from podium.postprocess.postprocessor import Postprocessor
        from podium.postprocess.service import PostprocessService
        from podium.storage.object_store import ObjectStore
        from podium.storage.settings import ObjectStoreSettings

        roots = ObjectStoreSettings(
            read_roots=(self._run.video, self._run.out), write_roots=(self._run.out,)
        )
        postprocessor = Postprocessor(beside=in_fork(Overlays) if self._forks else in_thread)
        return lambda: PostprocessService(postprocessor, ObjectStore(roots), self._executor)
