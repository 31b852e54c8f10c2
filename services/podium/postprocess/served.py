"""Postprocessing as a served model: addresses and options in, the list of written files out."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError, Executor
from pathlib import Path

import podium
from podium.errors import Forbidden, InvalidInput, NotFound
from podium.postprocess.frame_results import parse_results
from podium.postprocess.options import Options
from podium.postprocess.postprocessor import Postprocessor
from podium.schemas.results import PostprocessResult
from podium.serving.http.parameters import read_parameters
from podium.serving.observing.in_thread import in_thread
from podium.storage.object_store import ObjectStore
from podium.wire import InferRequest, InferResult, Parameter, TensorSpec, bytes_tensor


class PostprocessModel:
    """The model ``postprocess``.

    Args:
        postprocessor: Does the work.
        store: Reads the source and the results, writes the files.
        executor: Where the work is done.
    """

    name = "postprocess"
    version = podium.__version__
    platform = "podium"
    inputs = (
        TensorSpec("source", "BYTES", (1,)),
        TensorSpec("results", "BYTES", (1,), optional=True),
        TensorSpec("results_uri", "BYTES", (1,), optional=True),
        TensorSpec("output", "BYTES", (1,)),
    )
    outputs = (TensorSpec("result", "BYTES", (1,)),)

    def __init__(
        self, postprocessor: Postprocessor, store: ObjectStore, executor: Executor
    ) -> None:
        self._postprocessor = postprocessor
        self._store = store
        self._executor = executor

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The options and their defaults; one without a default is left out."""
        return {k: v for k, v in Options().model_dump().items() if v is not None}

    async def infer(self, request: InferRequest) -> InferResult:
        """Process a video and publish its files below ``output``.

        When the caller is gone, the work ends after its current step.

        Raises:
            InvalidInput, Forbidden, NotFound, TooLarge: names the input or the parameter.
        """
        options = read_parameters(Options, request.parameters)
        given = request.inputs.keys() & {"results", "results_uri"}
        if len(given) != 1:
            raise InvalidInput("give exactly one of results and results_uri", field="results")
        output = self._address(request, "output", write=True)
        source = await self._fetch(request, "source")
        if "results_uri" in given:
            results: bytes | Path = await self._fetch(request, "results_uri")
        else:
            results = bytes(request.inputs["results"].item(0))
        cancelled = threading.Event()
        work = asyncio.create_task(self._work(source, results, output, options, cancelled))
        try:
            # Shielded: the folder must outlive the thread that writes to it.
            done = await asyncio.shield(work)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return InferResult({"result": bytes_tensor(done.model_dump_json())})

    async def _work(
        self,
        source: Path,
        results: bytes | Path,
        output: str,
        options: Options,
        cancelled: threading.Event,
    ) -> PostprocessResult:
        def check() -> None:
            if cancelled.is_set():
                raise CancelledError

        def process(folder: Path) -> PostprocessResult:
            check()
            data = results.read_bytes() if isinstance(results, Path) else results
            parsed = parse_results(data)
            return self._postprocessor.process(source, parsed, folder, options, check)

        with tempfile.TemporaryDirectory(prefix="podium-postprocess-") as name:
            folder = Path(name)
            done = await in_thread(self._executor, process, folder)
            check()
            files = {file.name: folder / file.name for file in done.files}
            addresses = await self._store.publish(files, output)
        for file in done.files:
            file.uri = addresses[file.name]
        return done

    async def _fetch(self, request: InferRequest, name: str) -> Path:
        uri = self._address(request, name)
        try:
            return await self._store.fetch(uri)
        except (InvalidInput, Forbidden, NotFound) as error:
            raise _named(error, name) from None

    def _address(self, request: InferRequest, name: str, *, write: bool = False) -> str:
        try:
            uri = bytes(request.inputs[name].item(0)).decode()
            self._store.check(uri, write=write)
        except UnicodeDecodeError:
            raise InvalidInput("is not text", field=name) from None
        except (InvalidInput, Forbidden) as error:
            raise _named(error, name) from None
        return uri


def _named(
    error: InvalidInput | Forbidden | NotFound, name: str
) -> InvalidInput | Forbidden | NotFound:
    """The store's error, with the name of our input in place of its own."""
    return type(error)(f"{name}: {error.message.removeprefix('uri: ')}")
