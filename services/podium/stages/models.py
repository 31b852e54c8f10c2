"""Shared by the stages that run networks: facts of a model, refused rows, the client end."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Self, TypeVar

import orjson

from podium.errors import InvalidInput, StageFailed, Unprocessable
from podium.stages.contract import Call, ModelServer, read_record
from podium.types import FailedRows
from podium.wire import Parameter, Tensors

_FACTS_TTL_S = 5.0
"""How long facts are kept, and so may be old after a model was swapped."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of a model from its service, so that a pipeline need only name it.

    The fields after name and version are the parameters in the metadata of the model.
    """

    name: str
    version: str

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def to_parameters(self) -> dict[str, Parameter]:
        """The facts as parameters; those with their default value are left out."""
        own = fields(self)[len(fields(ModelFacts)) :]
        values = ((field, getattr(self, field.name)) for field in own)
        return {field.name: value for field, value in values if value != field.default}

    @classmethod
    def from_parameters(cls, name: str, version: str, parameters: Mapping[str, Any]) -> Self:
        """Read the facts from the metadata of a model.

        Raises:
            StageFailed: a fact is missing or wrong; names the model and the fact.
        """
        values = {**parameters, "name": name, "version": version}
        return read_record(cls, values, f"model {name}: its metadata")


Facts = TypeVar("Facts", bound=ModelFacts)


class ModelClient(Generic[Facts]):
    """The client end of a stage whose models all have the same tensors.

    Args:
        server: Serves the models.
        call: The tensors.
        facts: Class of the facts of a model.
    """

    def __init__(self, server: ModelServer, call: Call, facts: type[Facts]) -> None:
        self._server = server
        self._call = call
        self._facts = facts
        self._described: dict[str, tuple[float, Facts]] = {}  # model -> when asked, answer

    async def describe(self, model: str) -> Facts:
        """The facts of a model.

        Raises:
            NotFound: there is no such model.
            StageFailed: its metadata lacks a fact.
        """
        asked_s, _ = self._described.get(model, (-math.inf, None))
        if time.monotonic() - asked_s > _FACTS_TTL_S:
            metadata = await self._server.metadata(model)
            try:
                name, versions = str(metadata["name"]), metadata["versions"]
                version = model.partition("@")[2] or str(versions[-1])
                parameters = dict(metadata.get("parameters", {}))
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise StageFailed(
                    f"{self._call.stage}: the metadata of {model} lacks or garbles {error}"
                ) from None
            facts = self._facts.from_parameters(name, version, parameters)
            self._described[model] = time.monotonic(), facts
        return self._described[model][1]

    async def infer(self, model: str, inputs: Tensors, **known: int) -> dict[str, Any]:
        """Run a model; returns the outputs by name, and ``failed``.

        Args:
            model: ``name`` or ``name@version``.
            inputs: The tensors of the call.
            known: Letter -> size, from the inputs.

        Raises:
            Unprocessable: the engine refuses every row.
            StageFailed: the model refuses the inputs, or the answer breaks the contract.
        """
        try:
            result = await self._server.infer(model, inputs)
        except Unprocessable:
            raise
        except InvalidInput as error:  # the fault of the pipeline, not of its caller
            raise StageFailed(f"{self._call.stage}: {model}: {error.message}") from None
        failed = read_failed(result.parameters, self._call.stage)
        return {**self._call.read(result, **known), "failed": failed}


def failed_parameters(failed: FailedRows) -> dict[str, Parameter]:
    """Encode refused rows as two parameters, JSON lists; no parameters if none failed."""
    if not failed:
        return {}
    return {
        "failed_rows": orjson.dumps(list(failed)).decode(),
        "failed_reasons": orjson.dumps(list(failed.values())).decode(),
    }


def read_failed(parameters: Mapping[str, Parameter], stage: str) -> FailedRows:
    """Decode refused rows. Raises StageFailed when they are malformed."""
    if "failed_rows" not in parameters:
        return {}
    try:
        rows, reasons = (
            orjson.loads(str(parameters[name])) for name in ("failed_rows", "failed_reasons")
        )
        return dict(zip(rows, reasons, strict=True))
    except (KeyError, ValueError, TypeError) as error:
        raise StageFailed(f"{stage}: the answer lacks or garbles {error}") from None
