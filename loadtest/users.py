"""The kinds of users: a stream consumer, a live camera, an archive of clips, a tensor client."""

from __future__ import annotations

import time

import orjson
from locust import task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from loadtest.answers import Expected, check_end, check_json, check_lines, check_tensors
from loadtest.caller import Answer, PodiumUser, no_answer
from loadtest.profile import UserName
from podium.wire import HEADER_LENGTH, bytes_tensor, write_request

NDJSON = "application/x-ndjson"


class KinesisConsumerUser(PodiumUser):
    """A stream consumer: one batch of frames per call, by address and range, synchronously."""

    @task
    def batch(self) -> None:
        """Request a range of the clip."""
        count = self.frames_per_call
        start = self._random.randint(0, self.clip.frame_count - count)
        expected = Expected.of_range(self.clip.truth, start, count)
        path = f"/v1/pipelines/{self.settings.pipeline}"
        if folder := self.plan.profile.media_uri:
            uri = f"{folder.rstrip('/')}/{self.settings.size}/{self.clip.path.name}"
            body = orjson.dumps({"uri": uri, "start": start, "count": count, "athlete": "largest"})
            headers = {"content-type": "application/json"}
        else:
            path += f"?start={start}&count={count}&athlete=largest"
            body, headers = self.clip.video, {"content-type": "video/mp4"}
        self.call(path, body, headers, lambda got, _: check_json(got, expected), frames=count)


class LiveFrameUser(PodiumUser):
    """A live camera: single JPEG frames at its rate; no retries, as refused frames are too old.

    The camera does not wait: frames that are due during a call are skipped.
    """

    retries = 0

    @property
    def frames_per_call(self) -> int:
        return 1

    @property
    def period_s(self) -> float:
        return max(1 / self.settings.fps, super().period_s)

    @task
    def frame(self) -> None:
        """Request one picture."""
        index = self._random.choice(tuple(self.clip.jpegs))
        expected = Expected.of_picture(self.clip.truth, index)
        self.call(
            f"/v1/pipelines/{self.settings.pipeline}?athlete=largest",
            self.clip.jpegs[index],
            {"content-type": "image/jpeg"},
            lambda got, _: check_json(got, expected),
            frames=1,
            target_ms=self.settings.target_ms,
            skips_after_s=self.period_s,
        )


class BatchVideoUser(PodiumUser):
    """An archive: whole clips; the answers are streamed frame by frame (NDJSON)."""

    @property
    def frames_per_call(self) -> int:
        return self.clip.frame_count

    @task
    def video(self) -> None:
        """Request the whole clip."""
        expected = Expected.of_range(self.clip.truth, 0, self.clip.frame_count)
        self.call(
            f"/v1/pipelines/{self.settings.pipeline}?athlete=largest",
            self.clip.video,
            {"content-type": "video/mp4", "accept": NDJSON},
            lambda got, _: check_lines(got.splitlines(), expected),
            frames=self.clip.frame_count,
        )

    def attempt(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Read the answer line by line: the facts, the frames, the timing."""
        started = time.perf_counter()
        response = self.send(path, body, headers, stream=True)
        if response.status_code != 200:
            error = response.request_meta["exception"] if response.status_code == 0 else None
            return Answer(
                status=response.status_code,
                body=bytes(response.content or b""),
                headers=response.headers or {},
                latency_ms=(time.perf_counter() - started) * 1e3,
                lost=no_answer(error),
            )
        lines: list[bytes] = []
        first_ms = 0.0
        try:
            while line := response._response.readline(b"\n"):
                lines.append(line)
                if len(lines) == 2:
                    first_ms = (time.perf_counter() - started) * 1e3
        except FAILURE_EXCEPTIONS:
            lines.append(b"")  # marks a missing end
        return Answer(
            status=200,
            body=b"".join(lines),
            headers=response.headers,
            latency_ms=(time.perf_counter() - started) * 1e3,
            first_ms=first_ms,
            lost=check_end(lines[-1] if lines else b""),
        )


class OipClientUser(PodiumUser):
    """A client of the Open Inference Protocol: binary tensors in and out."""

    @task
    def infer(self) -> None:
        """Request a range of the clip, sent as a BYTES tensor; the answer has arrays."""
        count = self.frames_per_call
        start = self._random.randint(0, self.clip.frame_count - count)
        expected = Expected.of_range(self.clip.truth, start, count)
        parameters: dict[str, str | int | float | bool] = {
            "start": start,
            "count": count,
            "athlete": "largest",
        }
        request = write_request({"media": bytes_tensor(self.clip.video)}, parameters)
        self.call(
            f"/v2/models/{self.settings.pipeline}/infer",
            request.data,
            request.headers,
            lambda got, headers: check_tensors(got, headers.get(HEADER_LENGTH), expected),
            frames=count,
        )


USERS: dict[UserName, type[PodiumUser]] = {
    "KinesisConsumerUser": KinesisConsumerUser,
    "LiveFrameUser": LiveFrameUser,
    "BatchVideoUser": BatchVideoUser,
    "OipClientUser": OipClientUser,
}
