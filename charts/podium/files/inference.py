"""Runs pipelines on a picture of an athlete; ends with 1 unless each finds the athlete.

Part of `helm test`: python inference.py GATEWAY_URL PICTURE SECONDS PIPELINE...
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ATHLETE_XY = 160, 160  # pixels of the picture, on the athlete


def main() -> None:
    """Read the command line, ask, judge."""
    gateway, picture, seconds, *pipelines = sys.argv[1:]
    give_up = time.monotonic() + float(seconds)
    media = Path(picture).read_bytes()
    for pipeline in pipelines:
        frame = ask(f"{gateway}/v1/pipelines/{pipeline}", media, give_up)["frames"][0]
        if frame["status"] != "ok":
            sys.exit(f"{pipeline}: the frame is {frame['status']}, not ok: {frame}")
        person = frame["persons"][0]
        x0, y0, x1, y1 = person["box"]
        if not (x0 < ATHLETE_XY[0] < x1 and y0 < ATHLETE_XY[1] < y1):
            sys.exit(f"{pipeline}: the athlete at {ATHLETE_XY} is not in the box {person['box']}")
        found = f"{len(person['keypoints'])} key points, score {person['score']:.2f}"
        sys.stdout.write(f"{pipeline}: {found}\n")


def ask(url: str, media: bytes, give_up: float) -> dict[str, Any]:
    """Ask until there is an answer: a release that has just begun may still load its models."""
    headers = {"content-type": "image/jpeg"}
    if key := os.environ.get("API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    while True:
        left = give_up - time.monotonic()
        try:
            request = urllib.request.Request(url, media, headers)  # noqa: S310 - the release's own
            with urllib.request.urlopen(request, timeout=max(left, 1)) as answer:  # noqa: S310
                result: dict[str, Any] = json.load(answer)
                return result
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code not in (429, 502, 503, 504) or left < 0:
                sys.exit(f"{url}: {error.code} {text}")
        except OSError as error:
            if left < 0:
                sys.exit(f"{url}: {error}")
        time.sleep(2)


if __name__ == "__main__":
    main()
