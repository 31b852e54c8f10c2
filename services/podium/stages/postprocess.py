"""The postprocess stage: the frame results of a whole video to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import ValidationError

import podium
from podium.errors import InvalidInput, StageFailed
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.summary import PostprocessResult
from podium.stages.contract import Call, ModelServer, Tensor
from podium.wire import InferRequest, InferResult, Parameter, bytes_tensor
from podium.wire.parameters import read_parameters


class Postprocess(Protocol):
    """The frame results of a whole video to files."""

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """Write CSV, biomechanics, overlays and the report; return what was written.

        Args:
            source: ``uri`` of the video.
            output: ``uri`` of the folder to write to.
            options: Options of the analysis and of the files.
            results: The frame results as JSON; None: read them from ``results_uri``.
            results_uri: ``uri`` of the frame results, if ``results`` is None.

        Raises:
            InvalidInput, Forbidden, NotFound, TooLarge: the message names the argument or option.
        """
        ...


POSTPROCESS = Call(
    "postprocess",
    inputs=(
        Tensor("source", "BYTES[1]"),
        Tensor("results", "BYTES[1]", optional=True),
        Tensor("results_uri", "BYTES[1]", optional=True),
        Tensor("output", "BYTES[1]"),
    ),
    outputs=(Tensor("result", "BYTES[1]"),),
)


class PostprocessClient:
    """``Postprocess`` by calls of a server."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server

    async def postprocess(
        self,
        source: str,
        output: str,
        options: PostprocessOptions,
        *,
        results: bytes | None = None,
        results_uri: str | None = None,
    ) -> PostprocessResult:
        """Call ``postprocess``."""
        given = {"source": source, "output": output, "results": results, "results_uri": results_uri}
        inputs = {name: bytes_tensor(text) for name, text in given.items() if text is not None}
        answer = await self._server.infer(
            "postprocess", inputs, options.model_dump(exclude_unset=True, exclude_none=True)
        )
        text = POSTPROCESS.read(answer)["result"].item(0)
        try:
            return PostprocessResult.model_validate_json(text)
        except ValidationError as error:
            raise StageFailed(f"postprocess: the answer is garbled: {error}") from None


class PostprocessModel:
    """The model ``postprocess``: the server end.

    Args:
        postprocess: Answers the calls.
    """

    name = "postprocess"
    version = podium.__version__
    platform = "podium"
    inputs = POSTPROCESS.input_specs()
    outputs = POSTPROCESS.output_specs()

    def __init__(self, postprocess: Postprocess) -> None:
        self._postprocess = postprocess

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The options with their defaults; those without a default are left out."""
        return PostprocessOptions().model_dump(exclude_none=True)

    async def infer(self, request: InferRequest) -> InferResult:
        """Process a video. Raises what ``Postprocess.postprocess`` raises."""
        given = {name: array.item(0) for name, array in request.inputs.items()}
        texts = {name: _text(name, value) for name, value in given.items() if name != "results"}
        options = read_parameters(PostprocessOptions, request.parameters)
        done = await self._postprocess.postprocess(
            **texts, options=options, results=given.get("results")
        )
        return InferResult({"result": bytes_tensor(done.model_dump_json())})


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput("is not text", field=name) from None
