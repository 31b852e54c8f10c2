"""The objects around jobs: users, projects, pipelines, athletes, uploads, keys, webhooks.

Each object has a document that creates it (``...Create``), one that changes it (``...Update``:
fields that are left out do not change) and the object itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from podium.schemas.base import Address, Answered, Closed, Id, Name, Note, Stored, Time
from podium.schemas.jobs import EventType, JobParameters
from podium.schemas.states import Priority


def _http(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with https:// or http://")
    return value


def _folder(value: str) -> str:
    if not value.startswith(("s3://", "file:///")) or not value.endswith("/"):
        raise ValueError("must look like s3://bucket/folder/ and end in a slash")
    return value


Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Endpoint = Annotated[str, StringConstraints(pattern=r"^/v1/pipelines/[a-z0-9][-a-z0-9]{0,62}$")]
"""The path of a pipeline at the gateway of the project's tier."""
HttpAddress = Annotated[Address, AfterValidator(_http)]
Prefix = Annotated[Address, AfterValidator(_folder)]
"""Prefix of the addresses of objects that may be read."""


class UserCreate(Closed):
    """A person who may submit jobs."""

    user_name: Name
    user_email: Email
    group_id: Id


class UserUpdate(Closed):
    """Changes of a user."""

    user_name: Name | None = None
    user_email: Email | None = None
    group_id: Id | None = None


class User(Stored):
    """A person who may submit jobs; belongs to one group."""

    project_id: Id
    user_name: str
    user_email: str
    group_id: Id


class UserGroupCreate(Closed):
    """Users who share a project and a set of parameters."""

    user_group_name: Name
    user_group_description: Note = ""
    project_id: Id | None = None
    """Left out: the project of the key."""

    pipeline_parameter_set_id: Id | None = None


class UserGroupUpdate(Closed):
    """Changes of a group."""

    user_group_name: Name | None = None
    user_group_description: Note | None = None
    pipeline_parameter_set_id: Id | None = None


class UserGroup(Stored):
    """Users who share a project and a set of parameters."""

    project_id: Id
    pipeline_parameter_set_id: Id | None
    user_group_name: str
    user_group_description: str


class ProjectCreate(Closed):
    """A tenant with a tier of infrastructure."""

    project_name: Name
    project_gateway_url: HttpAddress | None = None
    """Gateway of the tier; left out: that of the installation."""

    project_cluster_url: Address | None = None
    """Database cluster of the tier, if it has its own."""

    project_queue_arn: Address | None = None
    """Stream for frame batches of the tier, if streams are used."""

    project_priority: Priority = "standard"
    """Class of the project's frame batches."""

    project_concurrency: int = Field(default=8, ge=1, le=4096)
    """Frame batches at work at the same time: shards times parallelization factor."""

    input_prefixes: Annotated[list[Prefix], Field(max_length=32)] = Field(default_factory=list)
    """Addresses such as ``s3://clips/``, below which jobs may name videos."""


class ProjectUpdate(Closed):
    """Changes of a project."""

    project_name: Name | None = None
    project_gateway_url: HttpAddress | None = None
    project_cluster_url: Address | None = None
    project_queue_arn: Address | None = None
    project_priority: Priority | None = None
    project_concurrency: int | None = Field(default=None, ge=1, le=4096)
    input_prefixes: Annotated[list[Prefix], Field(max_length=32)] | None = None


class Project(Stored):
    """A tenant with a tier of infrastructure; projects cannot see each other's objects."""

    project_name: str
    project_gateway_url: str | None
    project_cluster_url: str | None
    project_queue_arn: str | None
    project_priority: Priority
    project_concurrency: int
    input_prefixes: list[str]


class PipelineCreate(Closed):
    """A pipeline for jobs."""

    pipeline_name: Name
    pipeline_description: Note = ""
    pipeline_endpoint: Endpoint


class PipelineUpdate(Closed):
    """Changes of a pipeline."""

    pipeline_name: Name | None = None
    pipeline_description: Note | None = None
    pipeline_endpoint: Endpoint | None = None


class Pipeline(Stored):
    """One configuration of a sequence of stages, and the address that runs it."""

    project_id: Id | None
    """Null: shared by all projects."""

    pipeline_name: str
    pipeline_description: str
    pipeline_endpoint: str


class PipelineParameterSetCreate(Closed):
    """A collection of parameters, one for each pipeline."""

    pipeline_parameter_set_name: Name
    pipeline_parameter_set_description: Note = ""


class PipelineParameterSetUpdate(Closed):
    """Changes of a set."""

    pipeline_parameter_set_name: Name | None = None
    pipeline_parameter_set_description: Note | None = None


class PipelineParameterSet(Stored):
    """A collection of parameters for a group of users, one for each pipeline."""

    project_id: Id | None
    """Null: shared by all projects."""

    pipeline_parameter_set_name: str
    pipeline_parameter_set_description: str


class PipelineParametersCreate(Closed):
    """The parameters of one pipeline in a set."""

    pipeline_id: Id
    pipeline_parameter_set_id: Id
    pipeline_parameters_name: Name
    pipeline_parameters_value: JobParameters = JobParameters()


class PipelineParametersUpdate(Closed):
    """Changes of parameters."""

    pipeline_parameters_name: Name | None = None
    pipeline_parameters_value: JobParameters | None = None


class PipelineParameters(Stored):
    """The parameters of one pipeline in a set."""

    project_id: Id | None
    """Null: shared by all projects."""

    pipeline_id: Id
    pipeline_parameter_set_id: Id
    pipeline_parameters_name: str
    pipeline_parameters_value: JobParameters


Sex = Literal["female", "male", "unspecified"]


class AthleteCreate(Closed):
    """An athlete in videos."""

    athlete_name: Name
    athlete_height_m: float | None = Field(default=None, ge=0.3, le=3.0)
    """Standing height; gives results their scale in metres."""

    athlete_mass_kg: float | None = Field(default=None, ge=10, le=300)
    """Body mass; for the centre of mass and for sprint profiles."""

    athlete_sex: Sex = "unspecified"
    """Chooses the table of segment masses."""


class AthleteUpdate(Closed):
    """Changes of an athlete."""

    athlete_name: Name | None = None
    athlete_height_m: float | None = Field(default=None, ge=0.3, le=3.0)
    athlete_mass_kg: float | None = Field(default=None, ge=10, le=300)
    athlete_sex: Sex | None = None


class Athlete(Stored):
    """An athlete in videos."""

    project_id: Id
    athlete_name: str
    athlete_height_m: float | None
    athlete_mass_kg: float | None
    athlete_sex: Sex


UploadState = Literal["pending", "complete", "aborted"]


class UploadCreate(Closed):
    """A file to upload, in one piece or in parts."""

    upload_name: Name
    """Name of the file; plain text, never used as a path."""

    size_bytes: int = Field(ge=1, le=1 << 50)
    parts: bool = False
    """Whether to upload in parts; each part can be sent again."""


class UploadPart(Answered):
    """A part of an upload."""

    number: int
    url: str | None = None
    """Address for ``PUT``; null once the part has arrived."""

    size_bytes: int
    etag: str | None = None
    """ETag of the part, once it has arrived."""


class Upload(Stored):
    """An upload of a file, in progress or complete."""

    project_id: Id
    upload_name: str
    upload_status: UploadState
    size_bytes: int
    part_size: int | None
    url: str | None = None
    """Address to ``POST`` the form to, for uploads in one piece."""

    fields: dict[str, str] = Field(default_factory=dict)
    """Fields of the form; they go before the field ``file``."""

    parts: list[UploadPart] = Field(default_factory=list)
    expires_at: Time


Scope = Literal["jobs:read", "jobs:write", "admin", "models:approve"]


def _usual_scopes() -> list[Scope]:
    return ["jobs:read", "jobs:write"]


class ApiKeyCreate(Closed):
    """A key for programs and people."""

    api_key_name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)] = Field(
        default_factory=_usual_scopes
    )
    project_id: Id | None = None
    """Left out: the project of the key in the request."""

    user_id: Id | None = None
    expires_at: Time | None = None


class ApiKey(Answered):
    """A key; only a hash of its secret is kept."""

    id: Id
    project_id: Id
    user_id: Id | None
    api_key_name: str
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None


class NewApiKey(ApiKey):
    """A key that was just made."""

    secret: str
    """The value for ``X-Api-Key``; it is shown only once."""


class WhoAmI(Answered):
    """Project, user and scopes of the key in the request."""

    project_id: Id | None
    user_id: Id | None
    scopes: list[Scope]


class WebhookCreate(Closed):
    """An address that receives events."""

    webhook_url: HttpAddress
    events: Annotated[list[EventType], Field(max_length=16)] = Field(default_factory=list)
    """The events to send; empty: all."""


class WebhookUpdate(Closed):
    """Changes of a webhook."""

    webhook_url: HttpAddress | None = None
    events: Annotated[list[EventType], Field(max_length=16)] | None = None
    enabled: bool | None = None
    rotate_secret: bool = False
    """Make a new secret; for a day, messages are also signed with the old one."""


class Webhook(Stored):
    """An address that receives events (Standard Webhooks 1.0.0)."""

    project_id: Id
    webhook_url: str
    events: list[EventType]
    enabled: bool
    disabled_reason: str | None


class NewWebhook(Webhook):
    """A webhook that was just made or changed."""

    secret: str | None
    """A new secret, ``whsec_...``, which is shown only once; null: the secret did not change."""


DeliveryState = Literal["pending", "delivered", "failed"]


class WebhookDelivery(Answered):
    """Delivery of one event to one webhook."""

    id: Id
    webhook_id: Id
    event_id: Id | None
    message_id: str
    """The ``webhook-id`` of all attempts."""

    type: str
    delivery_status: DeliveryState
    attempts: int
    next_attempt_at: Time | None
    last_status: int | None
    """HTTP status of the last answer."""

    last_error: str | None
    created_at: Time
    delivered_at: Time | None
