"""Answers with objects: JSON of their schema, with their version as ``ETag``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header
from pydantic import BaseModel, Field
from starlette.responses import Response

from podium.errors import InvalidInput, Outdated
from podium.jobs.sql.catalogue import USUAL_LIMIT
from podium.schemas.base import Closed
from podium.schemas.jobs import Job
from podium.schemas.states import is_terminal

RETRY_AFTER_S = 2
"""Suggested interval for asking about a job that has not ended."""

JSON: Literal["application/json"] = "application/json"

IfMatch = Annotated[
    str | None,
    Header(description="`ETag` of the object as it was read: 412 where it has changed since."),
]


class Paging(Closed):
    """Query parameters of a page of a list."""

    limit: int = Field(default=USUAL_LIMIT, ge=1)
    """Largest number of items; values above 1,000 mean 1,000."""

    cursor: str | None = Field(default=None, max_length=200)
    """``next_cursor`` of the previous page."""


def answer(shown: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with an object; with an ``ETag`` if it has a version."""
    version = getattr(shown, "version", None)
    tag = {} if version is None else {"etag": f'"{version}"'}
    return Response(shown.model_dump_json(), status, {**tag, **(headers or {})}, JSON)


def created(shown: Any, path: str) -> Response:
    """Answer 201 with a created object; ``Location`` has its address."""
    return answer(shown, 201, {"location": f"{path}/{shown.id}"})


def job_answer(job: Job, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a job; until its end, with ``Retry-After``."""
    again = {} if is_terminal(job.job_status) else {"retry-after": str(RETRY_AFTER_S)}
    return answer(job, status, {**again, **(headers or {})})


def version_of(if_match: str | None) -> int | None:
    """The version in ``If-Match``; None: any.

    Raises:
        Outdated: it is not an ETag of this api.
        InvalidInput: it names several versions.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if "," in if_match:
        raise InvalidInput("takes one ETag", field="If-Match")
    tag = if_match.strip()
    number = tag[1:-1]
    if not (tag.startswith('"') and tag.endswith('"') and number.isascii() and number.isdigit()):
        raise Outdated("If-Match is no ETag of this object; read it again")
    return int(number)
