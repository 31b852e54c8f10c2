"""READ FIRST: the stages, one file each.

A pipeline is one short async function over these five protocols (``pipelines/run.py``):

    batch      = await stages.decode.decode(media, range, stride, letterbox)
    detections = await stages.detection.detect(model, batch.images)
    crops      = await stages.decode.crop(batch.frames, frame_index, rois, spec)
    poses      = await stages.pose2d.estimate(model, crops.images)      # or stages.pose3d
    stages.decode.release(batch.frames)
    written    = await stages.postprocess.postprocess(source, output, options, results=...)

The file of a stage holds its whole contract: the Python protocol, the tensors and parameters on
the wire, and both ends. The client end (``DecodeClient``, ...) implements the protocol by calls of
the Open Inference Protocol; the server end (``DecodeModel``, ...) answers these calls with an
implementation of the protocol. Model services have no server end here: an adapter of
``podium.models`` takes and returns the tensors of the contract. Stages never call each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from podium.stages.decode import Decode
from podium.stages.detection import Detection
from podium.stages.pose import Pose2D, Pose3D
from podium.stages.postprocess import Postprocess

__all__ = ["Decode", "Detection", "Pose2D", "Pose3D", "Postprocess", "Stages"]


@dataclass(frozen=True, slots=True)
class Stages:
    """The five stages that a pipeline is composed of."""

    decode: Decode
    detection: Detection
    pose2d: Pose2D
    pose3d: Pose3D
    postprocess: Postprocess
