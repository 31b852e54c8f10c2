"""Postprocessing in a thread of this process; its imports run while frames are processed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from podium.freed_memory import give_back
from podium.local.video_run import VideoRun
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.stages import Postprocess

if TYPE_CHECKING:
    from podium.postprocess.service import PostprocessService


@contextmanager
def files_here(run: VideoRun) -> Iterator[Postprocess]:
    """A postprocessor in a thread; it may read the run's video and write to its ``out``."""
    with ThreadPoolExecutor(1, thread_name_prefix="postprocess") as executor:
        yield _FilesHere(run, executor)


class _FilesHere:
    """Implements ``podium.stages.Postprocess``.

    Its imports take nearly a second, so they run while the first frames are decoded.
    """

    def __init__(self, run: VideoRun, executor: ThreadPoolExecutor) -> None:
        self._run = run
        self._executor = executor
        self._service = executor.submit(self._load)

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
        service = await asyncio.wrap_future(self._service)
        give_back()  # that of decoded frames, before the files take theirs
        return await service.postprocess(
            source, output, options, results=results, results_uri=results_uri
        )

    def _load(self) -> PostprocessService:
        import scipy.linalg
        import scipy.ndimage  # noqa: F401 - else SciPy would import both at their first use

        from podium.postprocess.postprocessor import Postprocessor
        from podium.postprocess.service import PostprocessService
        from podium.storage.object_store import ObjectStore
        from podium.storage.settings import ObjectStoreSettings

        roots = ObjectStoreSettings(
            read_roots=(self._run.video, self._run.out), write_roots=(self._run.out,)
        )
        return PostprocessService(Postprocessor(), ObjectStore(roots), self._executor)
