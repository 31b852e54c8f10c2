"""What the commands say and which exit code they give; no services needed."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import podium
from podium.cli import OBJECTS
from podium.cli.objects import sections
from podium.errors import SetupError
from podium.local.stack import HOST, Stack, free_ports


def command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podium", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    )


@pytest.mark.parametrize("verb", [[], ["run"], ["up"], ["models"], ["models", "pull"], ["doctor"]])
def test_every_command_explains_itself(verb: list[str]) -> None:
    result = command(*verb, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: podium " + " ".join(verb))
    assert "\b" not in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert podium.__version__ in command("--version").stdout


def loaded_with(module: str, statement: str = "") -> set[str]:
    code = f"import sys, {module}; {statement or 'pass'}; print(*sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    return set(listed.split())


def test_help_loads_no_service() -> None:
    heavy = {"numpy", "av", "cv2", "onnxruntime", "aiohttp", "fastapi", "pydantic"}
    assert not heavy & loaded_with(
        "podium.cli", "podium.cli.cli.main(['--help'], standalone_mode=False)"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_matrix_products_have_no_threads_that_wait_in_loops() -> None:
    code = """if True:
        import os, podium.cli
        def command(**_):
            import numpy, scipy.linalg
            print(len(os.listdir("/proc/self/task")))
        podium.cli.cli.main = command
        podium.cli.main()
    """
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own
    )
    assert done.stdout == "1\n"


def test_help_names_every_kind_of_object() -> None:
    assert list(OBJECTS.items()) == sections()


def test_a_run_in_one_process_waits_for_nothing_that_it_does_not_need_for_frames() -> None:
    assert not {"aiohttp", "fastapi", "scipy", "plotly"} & loaded_with("podium.local.run_here")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "no-such-file.mp4"],
        ["run", __file__, "--batch", "0"],
        ["run", __file__, "--uri", "s3://clips/a.mp4"],
        ["models", "pull", "something"],
        ["up", "--port", "70000"],
    ],
)
def test_a_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    result = command(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_wrong_choice_of_athlete_shows_before_anything_is_done(tmp_path: Path) -> None:
    result = command("run", __file__, "--athlete", "fastest", cwd=tmp_path)
    assert result.returncode == 2
    assert "'--athlete': must be all, largest, longest" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_models_come_with_the_remedy(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x")
    for arguments in (["models", "list", "--repository", "."], ["up", "--models", "."]):
        result = command(*arguments, cwd=tmp_path)
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        assert "podium models pull blazepose" in result.stderr


def test_a_ground_truth_that_is_none_is_refused(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "truth.json").write_text("{}")
    result = command("run", str(clip), "--truth", str(tmp_path / "truth.json"), cwd=tmp_path)
    assert result.returncode == 1
    assert "--truth" in result.stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    result = command("export", str(tmp_path))
    assert result.returncode == 1
    assert "name a folder that `podium run` wrote" in result.stderr
    assert "Traceback" not in result.stderr


def test_verify_finds_damaged_weights(model_repository: Path, tmp_path: Path) -> None:
    good = tmp_path / "models"
    shutil.copytree(model_repository, good)
    assert command("models", "verify", "--repository", str(good)).returncode == 0
    weights = good / "blazepose-detector" / "1" / "model.onnx"
    data = bytearray(weights.read_bytes())
    data[1000] ^= 1
    weights.write_bytes(data)
    result = command("models", "verify", "--repository", str(good))
    assert result.returncode == 1
    assert "damaged" in result.stdout
    assert "blazepose-landmark@1: ok" in result.stdout


def test_list_names_every_model(model_repository: Path) -> None:
    result = command("models", "list", "--repository", str(model_repository))
    assert result.returncode == 0
    for word in ("blazepose-detector", "blazepose-landmark", "Apache-2.0", "verified"):
        assert word in result.stdout


def test_pull_leaves_models_that_are_there_alone(model_repository: Path) -> None:
    manifest = model_repository / "blazepose-detector" / "1" / "model.yaml"
    before = manifest.stat().st_mtime_ns
    result = command("models", "pull", "blazepose", "--repository", str(model_repository))
    assert result.returncode == 0
    assert manifest.stat().st_mtime_ns == before


def test_the_doctor_finds_this_machine_ready(model_repository: Path) -> None:
    result = command("doctor", "--json", "--models", str(model_repository))
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert {"python", "packages", "codecs", "models", "ports", "machine"} <= set(findings)
    assert findings["models"]["state"] == "ok"
    assert result.returncode == 0


def test_the_doctor_fails_with_a_remedy_without_models(tmp_path: Path) -> None:
    result = command("doctor", "--models", str(tmp_path))
    assert result.returncode == 1
    assert "run `podium models pull blazepose`" in result.stdout


def test_a_taken_port_is_named_with_its_service(model_repository: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {**free_ports(), "decode": port}
        with (
            pytest.raises(SetupError, match=rf"{port} \(decode\)"),
            Stack(models=model_repository, ports=ports),
        ):
            pass


@pytest.mark.parametrize(
    ("provider", "state", "words"),
    [
        ("cpu", "info", "no NVIDIA GPU"),
        ("cuda", "fail", "has no CUDAExecutionProvider"),
        ("tensorrt", "fail", "has no TensorrtExecutionProvider"),
        ("gpu", "fail", "must be one of cpu, cuda, tensorrt"),
    ],
)
def test_the_doctor_says_whether_the_networks_run_where_they_are_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, state: str, words: str
) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("the answers are those of a machine without a GPU")
    monkeypatch.setenv("PODIUM_PROVIDER", provider)
    answer = command("doctor", "--json", "--models", str(tmp_path))
    (found,) = (each for each in json.loads(answer.stdout) if each["name"] == "gpu")
    assert found["state"] == state
    assert words in found["detail"] + found["remedy"]


@pytest.mark.parametrize("name", ["PODIUM_WORKERS", "PODIUM_DECODE_WORKER"])
def test_a_service_and_the_command_line_end_with_one_line(name):
    environment = os.environ | {name: "2"}
    service, command = (
        subprocess.run(
            [sys.executable, "-m", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=120,
        )
        for arguments in (["podium.decode"], ["podium", "settings"])
    )
    assert service.returncode == command.returncode == 1
    (line,) = service.stdout.splitlines()
    assert json.loads(line)["message"].startswith(f"{name} ")
    assert "PODIUM_DECODE_WORKERS" in json.loads(line)["message"]
    (line,) = command.stderr.splitlines()
    assert line.startswith(f"error: {name} ")
    assert "PODIUM_DECODE_WORKERS" in line
