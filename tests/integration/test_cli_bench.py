"""``podium bench``: the keys of its file, and the sense of its figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLIP = Path("services/podium/lab/athlete/clips/sprint.mp4")


def podium_bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podium", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_compositions_side_by_side(model_repository: Path, tmp_path: Path) -> None:
    found, plot = tmp_path / "bench.json", tmp_path / "bench.svg"
    ran = podium_bench(
        CLIP, "--models", model_repository, "--compute", "no-op",
        "--workload", "batch of 32, stride 4",
        "--concurrency", "1,2", "--rounds", "2", "--seconds", "0.2", "--here", "decode",
        "--json", found, "--plot", plot,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads(found.read_bytes())
    assert report["format"] == "podium-bench/2"
    assert report["machine"]["cores"] >= 1
    results = {(r["composition"], r["workload"], r["concurrency"]): r for r in report["results"]}
    assert len(results) == 3 * 2
    for (composition, _, _), result in results.items():
        assert len(result["rounds"]) == 2
        median = result["median"]
        assert sum(median["cpu_ms_by_process"].values()) == pytest.approx(
            median["cpu_ms_per_frame"], rel=0.3  # a median of sums is no sum of medians
        )  # fmt: skip
        if composition == "in process":
            assert median["received_mb_per_frame"] == 0
            continue
        assert median["rss_mb_by_process"].keys() == median["cpu_ms_by_process"].keys() - {"client"}
        # One crop of 256 x 256 a frame, received by the gateway and by the pose service, and the
        # detector images of 224 x 224 the same way; the clip and the answers are small.
        images = 2 * 256 * 256 * 3 / 1e6 + 2 * 224 * 224 * 3 / 1e6 / 4
        has_decode = composition == "six services"
        assert ("decode" in median["cpu_ms_by_process"]) == has_decode
        images *= 1 if has_decode else 0.5  # what the gateway's own process decodes comes once
        assert images < median["received_mb_per_frame"] < 1.1 * images + 0.03
        phases = median["phase_ms_per_frame"]
        assert phases["decode infer"] > phases["detection infer"]  # these models compute nothing
        transfer_ms = phases.get("crop transfer", 0.0)
        assert phases["crop total"] >= transfer_ms
        assert (transfer_ms > 0) == has_decode  # crops that are made here are not sent
    assert "six services" in ran.stdout
    assert "ms per frame by stage and phase, c=1" in ran.stdout
    assert plot.read_text().count("CPU-ms per frame") > 0


def test_a_video_that_is_too_short(model_repository: Path, tmp_path: Path) -> None:
    import av

    short = tmp_path / "short.mp4"
    with av.open(str(CLIP)) as source, av.open(str(short), "w") as target:
        given = source.streams.video[0]
        copied = target.add_stream_from_template(given)
        for packet in [p for p in source.demux(given) if p.dts is not None][:5]:
            packet.stream = copied
            target.mux(packet)
    ran = podium_bench(short, "--models", model_repository)
    assert ran.returncode != 0
    assert "VIDEO: has 5 frames; 32 are needed" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_levels_that_are_no_numbers(model_repository: Path) -> None:
    ran = podium_bench(CLIP, "--models", model_repository, "--concurrency", "1,many")
    assert ran.returncode == 2
    assert "'many'" in ran.stderr
    assert "Traceback" not in ran.stderr
