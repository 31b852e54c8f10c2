"""Base of all users: retries and waits, pace, and a record of each call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import gevent
from locust import FastHttpUser

from loadtest.calls import Call, reason
from loadtest.payloads import Clip
from loadtest.preflight import key_headers
from loadtest.profile import Profile, User, UserName
from podium.wire import read_error

RETRIES = 5
RETRYABLE = frozenset({429, 502, 503, 504})
LONGEST_WAIT_S = 30.0

Check = Callable[[bytes, Mapping[str, str]], str]
"""Body and headers of an answer -> why it is wrong, or an empty string."""


@dataclass
class Plan:
    """Shared by all users of this process.

    Attributes:
        profile: The profile of the run.
        clips: The payloads, by kind of user.
        tiers: Names of the gateways in the order in which users take them, by kind of user.
        calls: The calls so far.
        seconds_per_frame: Time per frame for each user of a kind; kinds that are not in it send
            the next request as soon as they have the answer.
    """

    profile: Profile
    clips: Mapping[UserName, Clip]
    tiers: Mapping[UserName, Iterator[str]]
    calls: list[Call] = field(default_factory=list)
    seconds_per_frame: Mapping[UserName, float] = field(default_factory=dict)


@dataclass
class Answer:
    """The answer to one attempt; status 0: there was none."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    latency_ms: float
    first_ms: float = 0.0  # until the first frame, if the answer is streamed
    lost: str = ""  # why the answer is missing or incomplete


class PodiumUser(FastHttpUser):
    """A caller of a pipeline; subclasses define the requests and the checks of answers."""

    abstract = True
    network_timeout = 120.0
    connection_timeout = 10.0
    retries = RETRIES
    plan: ClassVar[Plan]  # set before the first user is made

    def __init__(self, environment: Any) -> None:
        self.kind = cast("UserName", type(self).__name__)
        self.tier = next(self.plan.tiers[self.kind])
        self.host = self.plan.profile.gateways()[self.tier].host.rstrip("/")
        super().__init__(environment)
        self.settings: User = self.plan.profile.users[self.kind]
        self.clip = self.plan.clips[self.kind]
        self._random = random.Random()  # noqa: S311 - no secret
        self._asked = 0
        self._due_s = 0.0

    @property
    def frames_per_call(self) -> int:
        """Frames that one call asks for."""
        return min(self.settings.frames, self.clip.frame_count)

    @property
    def period_s(self) -> float:
        """Time from one call to the next; 0: at once."""
        return self.plan.seconds_per_frame.get(self.kind, 0.0) * self.frames_per_call

    def wait_time(self) -> float:
        """Seconds until the next call is due."""
        if self.period_s == 0:
            return 0.0
        now_s = time.perf_counter()
        if self._due_s == 0.0:  # users that started together do not call together
            self._due_s = now_s - self.period_s * self._random.random()
        # A user who is late by less than a period catches up, so the average pace holds.
        self._due_s = max(self._due_s + self.period_s, now_s - self.period_s)
        return max(0.0, self._due_s - now_s)

    def call(
        self,
        path: str,
        body: bytes,
        headers: dict[str, str],
        check: Check,
        *,
        frames: int,
        target_ms: float = float("inf"),
        skips_after_s: float = float("inf"),
    ) -> None:
        """Send a request, with retries, and record the call.

        Args:
            path: Path with the query.
            body: Body of the request.
            headers: Headers of the request.
            check: Compares the answer with the ground truth.
            frames: Number of requested frames.
            target_ms: Later answers are late.
            skips_after_s: The caller skips a frame each time this passes during the call.
        """
        started = time.perf_counter()
        refusals: list[int] = []
        while True:
            answer = self.attempt(path, body, headers)
            if answer.status not in RETRYABLE or len(refusals) == self.retries:
                break
            refusals.append(answer.status)
            gevent.sleep(retry_after_s(answer.headers) * self._random.uniform(1.0, 1.25))
        latency_ms = (time.perf_counter() - started) * 1e3
        failure = self._failure(answer, check)
        self._remember(
            Call(
                ended_s=time.time(),
                user=self.kind,
                tier=self.tier,
                endpoint=path.partition("?")[0],
                latency_ms=latency_ms,
                answer_ms=answer.latency_ms,
                first_ms=answer.first_ms,
                frames=0 if failure else frames,
                code=answer.status,
                failure=failure,
                refusals=tuple(refusals),
                on_time=latency_ms <= target_ms,
                skipped=int(latency_ms / 1e3 / skips_after_s),
            ),
            len(answer.body),
        )

    def attempt(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """One request and its whole answer."""
        response = self.send(path, body, headers)
        meta = response.request_meta
        content = response.content
        error = meta["exception"] if response.status_code == 0 or content is None else None
        return Answer(
            status=0 if error else response.status_code,
            body=b"" if content is None else bytes(content),
            headers=response.headers or {},
            latency_ms=meta["response_time"],
            lost=no_answer(error),
        )

    def send(self, path: str, body: bytes, headers: dict[str, str], **options: Any) -> Any:
        """Send a request without Locust counting it; only whole calls are reported to it."""
        return self.client.request(
            "POST",
            path,
            data=body,  # type: ignore[arg-type]  # bytes go as they are
            headers={"accept-encoding": "identity", **key_headers(), **headers},
            catch_response=True,
            **options,
        )

    def _failure(self, answer: Answer, check: Check) -> str:
        if answer.status not in (0, 200):
            return reason(read_error(answer.body))
        if answer.lost:
            return answer.lost
        self._asked += 1
        every = 0 if self.plan.profile.no_op else self.plan.profile.check_every
        checked = every > 0 and self._asked % every == 0
        return check(answer.body, answer.headers) if checked else ""

    def _remember(self, call: Call, size: int) -> None:
        """Record a call for the report and for Locust's own figures."""
        self.plan.calls.append(call)
        self.environment.events.request.fire(
            request_type="POST",
            name=f"{call.user} {call.endpoint} {call.tier}".strip(),
            response_time=call.latency_ms,
            response_length=size,
            exception=RuntimeError(f"{call.code} {call.failure}") if call.failure else None,
            context={},
        )


def retry_after_s(headers: Mapping[str, str]) -> float:
    """``Retry-After`` of an answer, bounded; 1 s if it is missing or a date."""
    try:
        return min(LONGEST_WAIT_S, max(0.0, float(headers.get("retry-after", ""))))
    except (TypeError, ValueError):
        return 1.0


def no_answer(error: BaseException | None) -> str:
    """The reason why there is no answer; empty without an error."""
    return "" if error is None else f"no answer ({type(error).__name__})"
