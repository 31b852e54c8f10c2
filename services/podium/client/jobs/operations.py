"""All operations of the api as data, for the SDK's methods and the commands of the CLI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from podium.schemas import jobs, objects


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        name: Its ``operationId`` in the OpenAPI document, such as ``create_pipeline``.
        method: Method of HTTP.
        path: Path with the names of ids in braces.
        summary: One line for people.
        body: Schema of the body; None: no body.
        answer: Schema of the answer, or of one item of a list; None: no answer.
        query: Schema of the query.
        is_keyed: Whether it takes an ``Idempotency-Key``, which makes it safe to repeat.
        has_versions: Whether it takes ``If-Match`` with a version.
    """

    name: str
    method: str
    path: str
    summary: str
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    is_keyed: bool = False
    has_versions: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the ids in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def is_list(self) -> bool:
        """Whether the answer is pages of items."""
        return self.name.startswith("list_")

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be repeated after a lost answer."""
        return self.method in ("GET", "PUT", "DELETE") or self.name in _SAME_TWICE


_SAME_TWICE = frozenset({"cancel_job", "complete_upload", "abort_upload"})


def _five(
    name: str, create: type[BaseModel], update: type[BaseModel], shown: type[BaseModel]
) -> Iterator[Operation]:
    """List, create, get, update and delete objects of one kind."""
    many = name if name.endswith("s") else f"{name}s"
    path, one, words = f"/v1/{many}", f"/v1/{many}/{{{name}_id}}", name.replace("_", " ")
    article = "" if many == name else "an " if name[0] == "a" else "a "
    yield Operation(f"list_{many}", "GET", path, f"List {many.replace('_', ' ')}.", None, shown)
    yield Operation(f"create_{name}", "POST", path, f"Create {article}{words}.", create, shown)
    yield Operation(f"get_{name}", "GET", one, f"Get {article}{words}.", None, shown)
    yield Operation(
        f"update_{name}", "PUT", one, f"Update {article}{words}.", update, shown, has_versions=True
    )
    yield Operation(
        f"delete_{name}", "DELETE", one, f"Delete {article}{words}.", has_versions=name != "webhook"
    )


_JOB = "/v1/jobs/{job_id}"
_HOOK = "/v1/webhooks/{webhook_id}"
_UPLOAD = "/v1/uploads/{upload_id}"

_ALL: Final = (
    *_five("user", objects.UserCreate, objects.UserUpdate, objects.User),
    *_five("user_group", objects.UserGroupCreate, objects.UserGroupUpdate, objects.UserGroup),
    *_five("project", objects.ProjectCreate, objects.ProjectUpdate, objects.Project),
    *_five("pipeline", objects.PipelineCreate, objects.PipelineUpdate, objects.Pipeline),
    *_five(
        "pipeline_parameter_set",
        objects.PipelineParameterSetCreate,
        objects.PipelineParameterSetUpdate,
        objects.PipelineParameterSet,
    ),
    *_five(
        "pipeline_parameters",
        objects.PipelineParametersCreate,
        objects.PipelineParametersUpdate,
        objects.PipelineParameters,
    ),
    *_five("athlete", objects.AthleteCreate, objects.AthleteUpdate, objects.Athlete),
    *_five("webhook", objects.WebhookCreate, objects.WebhookUpdate, objects.Webhook),
    Operation("list_videos", "GET", "/v1/videos", "List videos.", None, jobs.Video, ("job_id",)),
    Operation("get_video", "GET", "/v1/videos/{video_id}", "Get a video.", None, jobs.Video),
    Operation(
        "get_video_viewer", "GET", "/v1/videos/{video_id}/viewer",
        "Get an address where a browser shows the results of a video.", None, jobs.ViewerAddress,
        ("valid_s", "corrects"),
    ),
    Operation(
        "list_frame_batches", "GET", "/v1/frame_batches", "List frame batches.", None,
        jobs.FrameBatch, ("video_id",),
    ),
    Operation(
        "get_frame_batch", "GET", "/v1/frame_batches/{frame_batch_id}", "Get a frame batch.", None,
        jobs.FrameBatch,
    ),
    Operation(
        "list_jobs", "GET", "/v1/jobs", "List jobs, the newest first.", None, jobs.Job,
        ("status", "created_after", "oldest_first"),
    ),
    Operation(
        "create_job", "POST", "/v1/jobs", "Start a job.", jobs.JobCreate, jobs.Job, is_keyed=True
    ),
    Operation("get_job", "GET", _JOB, "Get a job.", None, jobs.Job),
    Operation(
        "update_job", "PUT", _JOB, "Rename a job, change its priority, or how long it is kept.",
        jobs.JobUpdate, jobs.Job, has_versions=True,
    ),
    Operation("delete_job", "DELETE", _JOB, "Delete a job that has ended, with its data."),
    Operation(
        "cancel_job", "POST", f"{_JOB}/cancel", "Begin no more work on a job.", None, jobs.Job
    ),
    Operation(
        "retry_job", "POST", f"{_JOB}/retry", "Do again what failed, and nothing else.", None,
        jobs.Job,
    ),
    Operation(
        "rerun_job", "POST", f"{_JOB}/rerun", "Run the videos of a job again, as a new job.",
        jobs.JobRerun, jobs.Job, is_keyed=True,
    ),
    Operation(
        "get_job_results", "GET", f"{_JOB}/results", "Get the files of a job.", None,
        jobs.JobResults,
    ),
    Operation(
        "delete_job_data", "DELETE", f"{_JOB}/data", "Delete uploads and results of a job.", None,
        jobs.Job,
    ),
    Operation(
        "list_job_events", "GET", f"{_JOB}/events", "What happened to a job.", None, jobs.JobEvent,
        ("after",),
    ),
    Operation("get_queue", "GET", "/v1/queue", "What waits and what is at work.", None, jobs.Queue),
    Operation(
        "upload_handler", "GET", "/v1/jobs/upload", "A signed form for one file.", None,
        objects.Upload, ("upload_name", "size_bytes"), is_keyed=True,
    ),
    Operation("list_uploads", "GET", "/v1/uploads", "List uploads.", None, objects.Upload),
    Operation(
        "create_upload", "POST", "/v1/uploads", "Begin an upload.", objects.UploadCreate,
        objects.Upload, is_keyed=True,
    ),
    Operation("get_upload", "GET", _UPLOAD, "What has arrived of a file.", None, objects.Upload),
    Operation(
        "complete_upload", "POST", f"{_UPLOAD}/complete", "Say that a file has been sent.", None,
        objects.Upload,
    ),
    Operation(
        "abort_upload", "POST", f"{_UPLOAD}/abort", "Drop an upload that is not complete.", None,
        objects.Upload,
    ),
    Operation("get_me", "GET", "/v1/me", "Whose key this is.", None, objects.WhoAmI),
    Operation("list_api_keys", "GET", "/v1/api_keys", "List API keys.", None, objects.ApiKey),
    Operation(
        "create_api_key", "POST", "/v1/api_keys", "Make an API key; it is shown this once.",
        objects.ApiKeyCreate, objects.NewApiKey,
    ),
    Operation(
        "get_api_key", "GET", "/v1/api_keys/{api_key_id}", "Get an API key, without its secret.",
        None, objects.ApiKey,
    ),
    Operation(
        "delete_api_key", "DELETE", "/v1/api_keys/{api_key_id}", "Revoke an API key.", None,
        objects.ApiKey,
    ),
    Operation(
        "list_webhook_deliveries", "GET", f"{_HOOK}/deliveries", "List what a webhook was told.",
        None, objects.WebhookDelivery,
    ),
    Operation(
        "resend_webhook_delivery", "POST", f"{_HOOK}/deliveries/{{delivery_id}}/resend",
        "Send a delivery again.", None, objects.WebhookDelivery,
    ),
)  # fmt: skip

OPERATIONS: Final = MappingProxyType({operation.name: operation for operation in _ALL})
"""Name -> operation."""
