"""The answer of a pipeline: held as flat arrays, written as JSON or OIP tensors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import orjson

from podium.pipelines.persons import Persons
from podium.schemas.results import UNDECODABLE, FrameStatus
from podium.types import Bool, Float64, Int64, SourceFacts
from podium.wire import InferResult, TensorSpec, bytes_tensor

OUTPUTS = (
    TensorSpec("frame_index", "INT64", (-1,)),
    TensorSpec("time_s", "FP64", (-1,)),
    TensorSpec("status", "BYTES", (-1,)),
    TensorSpec("person_frame_index", "INT64", (-1,)),
    TensorSpec("track_ids", "INT64", (-1,)),
    TensorSpec("boxes", "FP32", (-1, 4)),
    TensorSpec("scores", "FP32", (-1,)),
    TensorSpec("keypoints", "FP32", (-1, -1, 3)),
)
OUTPUTS_3D = (
    *OUTPUTS,
    TensorSpec("keypoints_3d", "FP32", (-1, -1, 3)),
    TensorSpec("root_depth", "FP32", (-1,), optional=True),  # of models that measure it
)

Similarity = tuple[float, float, float, float]
"""a, b, x, y: see ``FrameResult.background``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to a request, or a part of it (consecutive frames)."""

    pipeline: str
    skeleton: str
    models: dict[str, str]
    source: SourceFacts
    width: int
    height: int
    frame_index: Int64  # (N,)
    time_s: Float64  # (N,)
    frame_ok: Bool  # (N,) False: the frame does not decode
    failed: dict[int, str]  # frame index -> why an engine refused it
    persons: Persons
    timing_ms: dict[str, dict[str, float]]  # stage -> times of the request so far
    notes: tuple[str, ...] = ()  # assumptions, as sentences for people
    background: dict[int, Similarity] = field(default_factory=dict)  # by frame index

    @staticmethod
    def join(parts: list[Answer]) -> Answer:
        """Join the answers of consecutive chunks of one request."""
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            frame_index=np.concatenate([p.frame_index for p in parts]),
            time_s=np.concatenate([p.time_s for p in parts]),
            frame_ok=np.concatenate([p.frame_ok for p in parts]),
            failed={index: why for p in parts for index, why in p.failed.items()},
            persons=Persons.concatenate([p.persons for p in parts]),
            timing_ms=parts[-1].timing_ms,
            models=_joined([p.models for p in parts]),
            notes=tuple(dict.fromkeys(note for p in parts for note in p.notes)),
            background={index: move for p in parts for index, move in p.background.items()},
        )

    def with_persons(self, persons: Persons) -> Answer:
        """A copy with other persons."""
        return replace(self, persons=persons)

    @property
    def status(self) -> list[FrameStatus]:
        """Status of each frame (N)."""
        with_person = set(self.persons.frame_index.tolist())
        return [
            "decode_error"
            if not ok
            else "ok"
            if index in with_person
            else "failed"
            if index in self.failed
            else "no_person"
            for index, ok in zip(self.frame_index.tolist(), self.frame_ok.tolist(), strict=True)
        ]

    @property
    def degraded(self) -> list[str]:
        """What is missing or was assumed, as sentences for people."""
        notes = list(self.notes)
        if not self.source.complete:
            notes.append("the source ends before the frames that it declares")
        if self.failed:
            notes.append(f"an engine refused {len(self.failed)} frame(s)")
        return notes

    def head(self) -> dict[str, Any]:
        """The facts that hold for all frames."""
        return {
            "pipeline": self.pipeline,
            "skeleton": self.skeleton,
            "models": self.models,
            "source": {"width": self.width, "height": self.height, **_facts(self.source)},
        }

    def frames(self) -> list[dict[str, Any]]:
        """``podium.schemas.results.FrameResult`` of each frame, with numpy arrays."""
        by_frame: dict[int, list[dict[str, Any]]] = {int(i): [] for i in self.frame_index}
        p = self.persons
        for row, frame in enumerate(p.frame_index.tolist()):
            by_frame[frame].append(
                {
                    "track_id": int(p.track_ids[row]),
                    "box": p.boxes[row],
                    "score": float(p.scores[row]),
                    "keypoints": p.keypoints[row],
                    "keypoints_3d": None if p.keypoints_3d is None else p.keypoints_3d[row],
                    **({} if p.root_depth is None else {"root_depth": float(p.root_depth[row])}),
                }
            )
        return [
            {
                "index": index,
                "time_s": time_s,
                "status": status,
                "error": UNDECODABLE if status == "decode_error" else self.failed.get(index),
                "persons": by_frame[index],
                **({"background": self.background[index]} if index in self.background else {}),
            }
            for index, time_s, status in zip(
                self.frame_index.tolist(), self.time_s.tolist(), self.status, strict=True
            )
        ]

    def to_json(self) -> bytes:
        """``podium.schemas.results.PipelineResult`` as JSON."""
        return to_json(
            {
                **self.head(),
                "frames": self.frames(),
                "timing_ms": self.timing_ms,
                "degraded": self.degraded,
            }
        )

    def to_tensors(self) -> InferResult:
        """The answer as named arrays, with the facts as parameters."""
        p = self.persons
        outputs: dict[str, np.ndarray[Any, Any]] = {
            "frame_index": self.frame_index,
            "time_s": self.time_s,
            "status": bytes_tensor(*self.status),
            "person_frame_index": p.frame_index,
            "track_ids": p.track_ids,
            "boxes": p.boxes,
            "scores": p.scores,
            "keypoints": p.keypoints,
        }
        for name in ("keypoints_3d", "root_depth"):
            if (array := getattr(p, name)) is not None:
                outputs[name] = array
        return InferResult(
            outputs,
            {
                "skeleton": self.skeleton,
                "models": ",".join(f"{stage}={name}" for stage, name in self.models.items()),
                "width": self.width,
                "height": self.height,
                "degraded": "; ".join(self.degraded),
                **_facts(self.source),
            },
        )


def _joined(models: list[dict[str, str]]) -> dict[str, str]:
    """Stage -> name@version; several in order of first use, if the load policy switched models."""
    return {stage: ",".join(dict.fromkeys(part[stage] for part in models)) for stage in models[0]}


def to_json(value: dict[str, Any]) -> bytes:
    """Encode dictionaries that hold numpy arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _facts(source: SourceFacts) -> dict[str, Any]:
    facts = asdict(source)
    del facts["notes"]  # ``degraded`` has them
    return facts
