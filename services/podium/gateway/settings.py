"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from podium.kubernetes.credentials import SERVICE_ACCOUNT
from podium.serving.http.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Read from ``PODIUM_GATEWAY_<FIELD>`` in the environment."""

    service: ClassVar[str] = "gateway"
    common: ClassVar[frozenset[str]] = ServiceSettings.common | {"api_keys"}

    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on."""

    decode_url: str = "http://127.0.0.1:8001"
    """Replicas of the decode service: ``http://host:port``, several with commas between,
    ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for the pods
    of a Service. ``here`` is in the gateway's own process, by the settings of that service."""

    detection_url: str = "http://127.0.0.1:8002"
    """Replicas of the detection service: ``http://host:port``, several with commas between,
    ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for the pods
    of a Service. ``here`` is in the gateway's own process, by the settings of that service."""

    pose2d_url: str = "http://127.0.0.1:8003"
    """Replicas of the 2D pose service: ``http://host:port``, several with commas between,
    ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for the pods
    of a Service. ``here`` is in the gateway's own process, by the settings of that service."""

    pose3d_url: str = "http://127.0.0.1:8004"
    """Replicas of the 3D pose service: ``http://host:port``, several with commas between,
    ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for the pods
    of a Service. ``here`` is in the gateway's own process, by the settings of that service."""

    postprocess_url: str = "http://127.0.0.1:8005"
    """Replicas of the postprocess service: ``http://host:port``, several with commas between,
    ``dns://host:port`` for every address of a name, or ``kubernetes://service:port`` for the pods
    of a Service. ``here`` is in the gateway's own process, by the settings of that service."""

    pipelines: Path | None = None
    """Folder of pipeline YAML files to serve beside the shipped ones; the same name replaces."""

    watch_pipelines: bool = False
    """Whether to serve the Pipeline custom resources of the namespace too; the same name replaces
    that of a file. Needs ``podium[kubernetes]`` and a cluster."""

    namespace: str | None = None
    """Namespace of these; unset: that of the service account, or of the context in
    ``KUBECONFIG``."""

    service_account: Path = SERVICE_ACCOUNT
    """Folder of the credentials for the API server; ``KUBECONFIG`` comes first."""

    zone: str | None = None
    """Zone whose pods are preferred behind ``kubernetes://`` addresses; unset: all alike."""

    chunk_frames: int = Field(default=32, ge=1, le=256)
    """Frames that one decode call takes; a longer request is worked off in such chunks."""

    overlap: int = Field(default=2, ge=1, le=16)
    """Chunks of one request in work beyond the one that is answered next."""

    max_chunks: int = Field(default=16, ge=1, le=4096)
    """Chunks of all requests in the stages at the same time; others wait their turn here, where
    they hold nothing but their media. Raise it with the number of replicas behind the gateway."""

    join_ms: float = Field(default=50, ge=0, le=1000)
    """Longest wait of a stage call for a single picture for those of other requests, to be made in
    one with them; it waits only while at least eight such requests are in work for each replica of
    the stage. 0: every request makes its own calls."""

    max_requests: int = Field(default=64, gt=0)
    """Requests worked on at the same time; beyond, they are answered with 429."""

    max_frames: int = Field(default=1024, ge=1)
    """Most frames that one request may ask for."""

    stage_timeout_s: float = Field(default=120, gt=0)
    """Longest wait for the answer of one stage call."""

    postprocess_timeout_s: float = Field(default=1800, gt=0)
    """Longest wait for the postprocessing of a whole video."""

    api_keys: Path | None = None
    """File of API keys, usually a mounted secret; unset: everybody may use the gateway."""

    def timeout_s(self, stage: str) -> float:
        """Longest wait for an answer of a stage."""
        return self.postprocess_timeout_s if stage == "postprocess" else self.stage_timeout_s

    def stage_urls(self) -> dict[str, str]:
        """Stage -> addresses of its replicas."""
        return {
            "decode": self.decode_url,
            "detection": self.detection_url,
            "pose2d": self.pose2d_url,
            "pose3d": self.pose3d_url,
            "postprocess": self.postprocess_url,
        }
