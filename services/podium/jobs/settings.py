"""Settings of the api and the controllers, and the environment made from them."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from podium.containment.settings import CodecsSettings, codecs_of
from podium.environment import Settings
from podium.errors import SetupError
from podium.jobs.environment import Environment, Stream, Workflow
from podium.jobs.folder_objects import FolderObjects
from podium.jobs.gateway import HttpTiers
from podium.jobs.objects import Objects
from podium.jobs.observing.oplog import FileLog, OperationalLog, StreamLog
from podium.jobs.probe import Probe
from podium.jobs.signing import SECRET_BYTES, Signer, secret_in
from podium.jobs.sql.database import Credentials, Database
from podium.jobs.timing import Timing

_REST_S = 10.0
"""After the last video, the process that starts decoders ends."""


class JobsSettings(Settings):
    """Read from ``PODIUM_JOBS_<FIELD>`` in the environment."""

    service: ClassVar[str] = "jobs"
    common: ClassVar[frozenset[str]] = frozenset({"host", "port"})

    state: Path = Path("podium-state")
    """Folder for what is kept: the database, objects, the signing key, the operational log."""

    database_url: SecretStr | None = None
    """``mysql+pymysql://user:password@host/name``; unset: SQLite in the folder of the state."""

    gateway_url: str | None = "http://127.0.0.1:8000"
    """Gateway of projects that name none of their own."""

    gateway_key: SecretStr | None = None
    """API key for the gateways, where they ask for one."""

    objects_url: str = "http://127.0.0.1:8006/v1/objects"
    """Where signed addresses of objects in the folder lead: the api, as clients reach it."""

    signing_key: SecretStr | None = None
    """64 hexadecimal digits, the same for all replicas; unset: a file in the folder of the
    state."""

    signing_key_secret: str | None = None
    """Secret of AWS with the signing key."""

    s3_bucket: str | None = None
    """Bucket for uploads and results; unset: the folder of the state."""

    s3_prefix: str = ""
    """Folder in the bucket."""

    s3_endpoint: str | None = None
    """Base URL of an S3-compatible store; unset: AWS."""

    s3_region: str = "us-east-1"
    """Region of the bucket."""

    s3_allow_http: bool = False
    """Whether the endpoint may be plain HTTP."""

    host: str = "127.0.0.1"
    """Address that a controller listens on; 0.0.0.0 in a container."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """Port for health and metrics of a controller; unset: none."""

    operational_log: Literal["folder", "stdout"] = "folder"
    """Where the operational log goes: files in the folder of the state, or standard output."""

    aws_region: str = "us-east-1"
    """Region of the streams, the state machine, the delivery stream and the secrets."""

    streams: str | None = None
    """Streams of Kinesis that tell consumers of frame batches: ``<this>-standard``,
    ``<this>-priority`` and ``<this>-high-priority``; unset: controllers look for themselves."""

    state_machine: str | None = None
    """ARN of the state machine that has the steps called; unset: controllers call them."""

    delivery_stream: str | None = None
    """Firehose for the operational log; unset: where ``operational_log`` says."""

    database_secret: str | None = None
    """Secret of AWS with ``username`` and ``password``, which go into the database's address."""

    gateway_key_secret: str | None = None
    """Secret of AWS with the API key for the gateways."""

    workers: int = Field(default=4, ge=1, le=1024)
    """Frame batches at work at the same time in one controller."""

    steps: int = Field(default=2, ge=1, le=64)
    """Other steps at work at the same time in one controller."""

    batch_frames: int = Field(default=64, ge=1, le=4096)
    """Frames per frame batch, where neither job nor pipeline says."""

    lease_s: float = Field(default=60.0, ge=5, le=3600)
    """A controller that was silent for longer has died; its work is given to another."""

    deadline_s: float = Field(default=86_400.0, ge=60)
    """A job that has not ended by then expires."""

    usd_per_hour: float | None = Field(default=None, ge=0)
    """What the nodes of a tier cost, for estimates."""

    codecs: CodecsSettings = Field(default_factory=CodecsSettings)
    """Where the packets of uploaded videos are read."""

    private_webhooks: bool = False
    """Whether webhooks may lead into private networks."""


def open_environment(settings: JobsSettings) -> Environment:
    """Open the environment of the steps from the settings.

    Raises:
        SetupError: a setting is wrong; the message names it.
    """
    state = settings.state.absolute()
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"PODIUM_JOBS_STATE: {state} cannot be made ({error.strerror})") from None
    url = settings.database_url
    timing = replace(
        Timing(),
        batch_frames=settings.batch_frames,
        lease_s=settings.lease_s,
        job_deadline_s=settings.deadline_s,
    )
    return Environment(
        database=Database.in_file(state / "podium.db")
        if url is None
        else Database(url.get_secret_value(), _credentials(settings)),
        objects=_objects(settings, state),
        tiers=HttpTiers(
            timing, _secret(settings, settings.gateway_key_secret, settings.gateway_key)
        ),
        gateway_url=settings.gateway_url,
        stream=_stream(settings),
        workflow=_workflow(settings),
        log=_log(settings, state),
        timing=timing,
        # Videos come rarely, and memory would be held always.
        probe=Probe(codecs=partial(codecs_of, settings.codecs, idle=0, rest_s=_REST_S)),
        tier_usd_per_hour=settings.usd_per_hour,
        private_webhooks=settings.private_webhooks,
    )


def objects_folder(settings: JobsSettings) -> Path:
    """The folder that the services of the tier must be allowed to read and write."""
    return settings.state.absolute() / "objects"


def _objects(settings: JobsSettings, state: Path) -> Objects:
    if settings.s3_bucket is not None:
        from podium.jobs.aws.s3_objects import S3Objects
        from podium.storage.s3 import S3Connection

        connection = S3Connection(settings.s3_endpoint, settings.s3_region, settings.s3_allow_http)
        return S3Objects(settings.s3_bucket, settings.s3_prefix.strip("/"), connection)
    return FolderObjects(
        objects_folder(settings), Signer(signing_secret(settings, state), _base(settings))
    )


def _stream(settings: JobsSettings) -> Stream | None:
    if settings.streams is None:
        return None
    from podium.jobs.aws.kinesis_stream import KinesisStream

    return KinesisStream(settings.streams, settings.aws_region)


def _workflow(settings: JobsSettings) -> Workflow | None:
    if settings.state_machine is None:
        return None
    from podium.jobs.aws.step_functions import StepFunctions

    return StepFunctions(settings.state_machine, settings.aws_region)


def _log(settings: JobsSettings, state: Path) -> OperationalLog:
    if settings.delivery_stream is None and settings.operational_log == "stdout":
        return StreamLog(sys.stdout.buffer)
    if settings.delivery_stream is None:
        return FileLog(state / "log")
    from podium.jobs.aws.firehose_log import FirehoseLog

    return FirehoseLog(settings.delivery_stream, settings.aws_region)


def _credentials(settings: JobsSettings) -> Credentials | None:
    if settings.database_secret is None:
        return None
    from podium.jobs.aws.secret_values import SecretValues

    return partial(SecretValues(settings.aws_region).credentials, settings.database_secret)


def _secret(settings: JobsSettings, name: str | None, given: SecretStr | None) -> str | None:
    """The secret in AWS if one is named, else the value in the settings."""
    if name is None:
        return None if given is None else given.get_secret_value()
    from podium.jobs.aws.secret_values import SecretValues

    return SecretValues(settings.aws_region).text(name)


def _base(settings: JobsSettings) -> str:
    return settings.objects_url.rstrip("/")


def signing_secret(settings: JobsSettings, state: Path) -> bytes:
    """The key that signs addresses. Raises SetupError."""
    given = _secret(settings, settings.signing_key_secret, settings.signing_key)
    if given is None:
        return secret_in(state / "signing-key")
    try:
        secret = bytes.fromhex(given)
    except ValueError:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise SetupError(
            "PODIUM_JOBS_SIGNING_KEY, or its secret, must have at least "
            f"{2 * SECRET_BYTES} hexadecimal digits"
        )
    return secret
