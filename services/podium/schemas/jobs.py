"""Jobs, their videos, frame batches and events."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from podium.schemas.base import Address, Answered, Closed, Id, Name, Stored, Time, few_keys
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.states import BatchState, JobState, Priority

Scalar = str | int | float | bool

_OPTION_NAME = r"^[a-z][a-z0-9_]{0,63}$"
Options = Annotated[
    dict[Annotated[str, Field(pattern=_OPTION_NAME)], Scalar],
    Field(max_length=64),
    BeforeValidator(few_keys),
]
"""Options of a pipeline or of postprocessing: name -> value."""


class JobParameters(Closed):
    """Parameters of a job; parameters that are left out are taken from the pipeline's."""

    frames: Options = Field(default_factory=dict)
    """Options of the pipeline, such as ``stride``, ``tiles`` or ``athlete``."""

    postprocess: Options = Field(default_factory=dict)
    """Options of postprocessing, such as ``cutoff_hz`` or ``overlay``."""

    step: int | None = Field(default=None, ge=1, le=10_000)
    """Take every Nth frame."""

    batch_frames: int | None = Field(default=None, ge=1, le=4096)
    """Frames per frame batch: fewer give shorter waits, more give higher throughput."""

    @field_validator("frames")
    @classmethod
    def _the_range_is_ours(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        for name in ("start", "count", "step", "uri"):
            if name in value:
                raise ValueError(f"{name} is set for each frame batch by the job")
        return value

    @field_validator("postprocess")
    @classmethod
    def _known_options(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        PostprocessOptions.model_validate(value)
        return value


class JobInput(Closed):
    """The videos of a job: exactly one of these fields."""

    upload_id: Id | None = None
    """A completed upload: a video, or a ZIP of videos."""

    uri: Address | None = None
    """An object below an address that the project may read, such as ``s3://clips/sprint.mp4``."""

    video_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None
    """Videos of earlier jobs."""

    job_id: Id | None = None
    """An earlier job, to run its videos with other parameters."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("give exactly one of upload_id, uri, video_ids and job_id")
        return self


class JobCreate(Closed):
    """A job to start."""

    job_name: Name | None = None
    """Name for people; left out: the name of the upload."""

    input: JobInput
    pipeline_id: Id
    user_id: Id | None = None
    """The user who gets the job; left out: the user of the key."""

    pipeline_parameter_set_id: Id | None = None
    """Parameter set for this pipeline; left out: that of the user's group."""

    athlete_id: Id | None = None
    """The athlete in the videos, whose height gives results their scale."""

    job_parameters: JobParameters = JobParameters()
    retain_days: int | None = Field(default=None, ge=1, le=3650)
    """Uploads and results are deleted this many days after the end; left out: never."""


class JobUpdate(Closed):
    """Changes of a job."""

    job_name: Name | None = None
    priority: Priority | None = None
    """Class of its frame batches that have not ended. Only administrators choose one above that of
    the project."""

    retain_days: int | None = Field(default=None, ge=1, le=3650)
    """Counts from the end of the job; null: uploads and results are never deleted."""


class JobRerun(Closed):
    """Changes for a new run of a job's videos."""

    job_name: Name | None = None
    pipeline_id: Id | None = None
    pipeline_parameter_set_id: Id | None = None
    athlete_id: Id | None = None
    job_parameters: JobParameters | None = None
    retain_days: int | None = Field(default=None, ge=1, le=3650)


class JobError(Answered):
    """Why something failed."""

    code: str
    """For programs, such as ``video_unreadable``."""

    message: str
    """For people: what is wrong and what to do about it."""

    retryable: bool = False
    """Whether the same work may succeed later."""


class Count(Answered):
    """Numbers of all, succeeded and failed items."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0


class Progress(Answered):
    """Progress of a job."""

    videos: Count = Count()
    frame_batches: Count = Count()
    percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the known frame batches that have ended."""

    eta_s: float | None = None
    """Seconds to the end at the rate so far; null while no frame batch has ended."""

    queue_position: int | None = None
    """Frame batches of the same class and project ahead in the queue; null once it runs."""


class FrameRange(Answered):
    """Consecutive frames of a video."""

    start: int
    count: int


class OtherFile(Answered):
    """A file of an upload that is not a video; it is kept beside the results."""

    name: str
    path: str
    size_bytes: int


class Job(Stored):
    """A job."""

    project_id: Id
    user_id: Id | None
    pipeline_id: Id
    pipeline_parameter_set_id: Id | None
    athlete_id: Id | None
    job_name: str
    job_status: JobState
    job_input: JobInput
    job_parameters: JobParameters
    job_results_path: str
    """Path of the results below the object store of the project."""

    priority: Priority
    progress: Progress = Progress()
    error: JobError | None = None
    """Set if the job failed, partially succeeded or expired."""

    other_files: list[OtherFile] = Field(default_factory=list)
    state_times: dict[JobState, Time]
    """Time at which the job last entered each state."""

    deadline_at: Time
    """A job that has not ended by this time expires."""

    finished_at: Time | None = None
    retain_until: Time | None = None
    data_deleted_at: Time | None = None


class Video(Stored):
    """One video of a job."""

    job_id: Id
    video_name: str
    """Name in the upload; plain text, never used as a path."""

    video_path: str
    video_results_path: str
    video_status: JobState
    video_progress_percentage: float = Field(ge=0, le=100)
    size_bytes: int
    frame_count: int | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    missing: list[FrameRange] = Field(default_factory=list)
    """Frames without results, because their frame batches failed."""

    warnings: list[str] = Field(default_factory=list)
    error: JobError | None = None


class FrameBatch(Stored):
    """Consecutive frames of a video: the unit of work."""

    video_id: Id
    job_id: Id
    frame_batch_start_number: int
    """The first frame."""

    frame_batch_end_number: int
    """The last frame."""

    frame_batch_input_path: str
    frame_batch_results_path: str
    frame_batch_status: BatchState
    attempt: int
    """How often it was given to a worker."""

    error: JobError | None = None


EventType = Literal[
    "job.started",
    "job.progress",
    "job.succeeded",
    "job.failed",
    "job.canceled",
    "video.succeeded",
    "video.failed",
]
"""``job.succeeded`` includes partial success, ``job.failed`` includes expiry; ``data`` has the
state."""


class JobEvent(Answered):
    """An event of a job; ids ascend over all jobs."""

    id: Id
    job_id: Id
    type: EventType
    created_at: Time
    data: dict[str, JsonValue]


class ResultFile(Answered):
    """A file of results, with an address that is valid for a limited time."""

    name: str
    path: str
    size_bytes: int
    media_type: str
    sha256: str | None = None
    url: str


class VideoResults(Answered):
    """The files of one video."""

    video_id: Id
    video_name: str
    video_status: JobState
    files: list[ResultFile]


class JobResults(Answered):
    """The files of a job: those of each video, the other files, the manifest."""

    job_id: Id
    job_status: JobState
    videos: list[VideoResults]
    other_files: list[ResultFile]
    manifest: ResultFile | None
    """Null until the job has ended."""


class ViewerAddress(Answered):
    """Address of the viewer of a video's results, valid for a limited time."""

    url: str
    expires_at: Time


class JobEstimate(Answered):
    """Estimate of a job that is not created."""

    videos: int
    frames: int
    frame_batches: int
    seconds: float | None
    """Duration without the wait, at the recent rate of the tier; null if the rate is unknown."""

    frames_per_s: float | None
    """The recent rate."""

    cost_usd: float | None
    """Cost of the tier's nodes for this duration; null if their price is unknown."""

    queue_position: int
    """Frame batches of the same class and project ahead in the queue."""

    problems: list[JobError]
    """Errors of videos that would fail."""


class Queue(Answered):
    """Unfinished work of the project; administrators see all projects."""

    jobs: dict[JobState, int]
    """State -> number of jobs."""

    waiting: dict[Priority, int]
    """Class -> number of waiting frame batches."""

    oldest_s: dict[Priority, float]
    """Class -> wait of the oldest frame batch."""

    at_work: dict[Priority, int]
    """Class -> number of frame batches at work."""
