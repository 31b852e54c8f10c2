"""The building blocks of stage contracts: tensors with named sizes, and calls."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from podium.errors import InvalidInput, StageFailed
from podium.wire import InferResult, Parameter, Tensors, TensorSpec
from podium.wire.tensors import DTYPES
from podium.wrong_values import in_plain_words

_FORM = re.compile(r"([A-Z0-9]+)\[([A-Z0-9,]+)\]")

T = TypeVar("T")

_reader: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a contract.

    Attributes:
        name: Name on the wire, and of the field of the record that holds the tensor.
        form: Datatype and sizes, such as ``FP32[M,J,3]``. A letter is a variable size, the same
            throughout a call: N frames, D detector images, K detections, M persons, J key points;
            S, H and W are pixels.
        optional: Whether callers may leave it out.
        by_model: Whether only some models have it.
        is_row_index: Whether it holds, for each row of the outputs, the number of its input row.
    """

    name: str
    form: str
    optional: bool = False
    by_model: bool = False
    is_row_index: bool = False

    def spec(self, **known: int) -> TensorSpec:
        """The tensor in a model's metadata; ``known`` sizes are filled in, others are -1."""
        datatype, sizes = _parts(self.form)
        shape = tuple(known.get(s, -1) if isinstance(s, str) else s for s in sizes)
        return TensorSpec(self.name, datatype, shape, self.optional, self.is_row_index)

    def fits(self, array: NDArray[Any], known: dict[str, int]) -> bool:
        """Whether datatype and sizes are right; adds the sizes of new letters to ``known``.

        ``spec(...).check(array)`` would take ten times as long.
        """
        datatype, sizes = _parts(self.form)
        if array.dtype != DTYPES[datatype] or array.ndim != len(sizes):
            return False
        for want, have in zip(sizes, array.shape, strict=True):
            if have != (known.setdefault(want, have) if isinstance(want, str) else want):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Call:
    """The tensors of one call of a stage.

    Attributes:
        stage: Name of the stage in errors.
        inputs: Tensors of the request.
        outputs: Tensors of the answer.
    """

    stage: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def input_specs(self, *by_model: str, **known: int) -> tuple[TensorSpec, ...]:
        """The inputs in a model's metadata.

        Args:
            by_model: Names of the ``by_model`` tensors that this model has.
            known: Letter -> size, where this model has a fixed size.
        """
        return _specs(self.inputs, by_model, known)

    def output_specs(self, *by_model: str, **known: int) -> tuple[TensorSpec, ...]:
        """The outputs in a model's metadata; arguments as for ``input_specs``."""
        return _specs(self.outputs, by_model, known)

    def tensors_of(self, record: object) -> dict[str, NDArray[Any]]:
        """The outputs, taken from the fields of a record."""
        return {tensor.name: getattr(record, tensor.name) for tensor in self.outputs}

    def read(self, result: InferResult, **known: int) -> dict[str, Any]:
        """The outputs of an answer by name, checked; None for one that the model lacks.

        Args:
            result: The answer.
            known: Letter -> size, from the inputs.

        Raises:
            StageFailed: an output is missing, or has another datatype or shape.
        """
        found: dict[str, Any] = {}
        for tensor in self.outputs:
            array = found[tensor.name] = result.outputs.get(tensor.name)
            if array is None:
                if not tensor.by_model:
                    raise StageFailed(f"{self.stage}: the answer lacks {tensor.name}")
                continue
            before = known.copy()
            if not tensor.fits(array, known):
                try:
                    tensor.spec(**before).check(array)
                except InvalidInput as error:
                    raise StageFailed(f"{self.stage}: the answer's {error.message}") from None
        return found


class ModelServer(Protocol):
    """Answers calls of the Open Inference Protocol, over HTTP or in this process."""

    async def infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, Parameter] | None = None,
        *,
        address: str | None = None,
        call: str | None = None,
    ) -> InferResult:
        """Run a model.

        Args:
            model: ``name`` or ``name@version``.
            inputs: Named arrays.
            parameters: Request parameters.
            address: Base URL of the only replica that can answer; None: any replica.
            call: Name in metrics and timings, for a stage with several models.

        Raises:
            PodiumError: the error that the model answered; Unavailable when nobody answers.
        """
        ...

    async def metadata(self, model: str) -> dict[str, Any]:
        """The metadata of a model. Raises NotFound or Unavailable."""
        ...


def read_record(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from the values of an answer or of metadata; unknown keys are ignored.

    Raises:
        StageFailed: a value is missing or has a wrong type; the message begins with ``where`` and
            names the field.
    """
    try:
        record: T = _reader(kind).validate_python(values)
        return record
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        if first["type"] == "missing":
            raise StageFailed(f"{where} lacks {name}") from None
        raise StageFailed(f"{where} has a wrong {name}: {in_plain_words(first['msg'])}") from None


@functools.cache
def _parts(form: str) -> tuple[str, tuple[int | str, ...]]:
    match = _FORM.fullmatch(form)
    if match is None:
        raise ValueError(f"{form!r} is not the form of a tensor, such as FP32[M,J,3]")
    return match[1], tuple(int(s) if s.isdecimal() else s for s in match[2].split(","))


def _specs(
    tensors: tuple[Tensor, ...], by_model: tuple[str, ...], known: Mapping[str, int]
) -> tuple[TensorSpec, ...]:
    return tuple(
        tensor.spec(**known) for tensor in tensors if not tensor.by_model or tensor.name in by_model
    )
