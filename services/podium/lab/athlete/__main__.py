"""Command line of the rendered athlete: ``python -m podium.lab.athlete --help``."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from podium.lab.athlete.camera import VIEWS
from podium.lab.athlete.clip import make, write
from podium.lab.athlete.film import write_scene
from podium.lab.athlete.posture import Gait
from podium.lab.athlete.scenes import SCENES

EPILOG = """\
Writes OUT/NAME.mp4 (H.264) and OUT/NAME.json, the ground truth: 2D and 3D joints, person box,
knee angles, foot contacts, camera. ground_truth.py documents and reads that file.
The camera stands still and zooms so that the whole run fits in the frame: a longer or faster
clip makes the athlete smaller. The same arguments give the same clip.

examples:
  python -m podium.lab.athlete --view side --out services/podium/lab/athlete/clips --name sprint
  python -m podium.lab.athlete --view front --frames 120 --speed 7 --stride 2.2 --out results/front
  python -m podium.lab.athlete --scene crossing --out results/crossing

A scene (scenes.py) has its own athletes, camera and length: only --seed and --crf go with it.
"""


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) % 2 == int(height) % 2 == 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT in even pixels")
    return int(width), int(height)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def main() -> None:
    """Parse the arguments, render, and print the written files."""
    parser = argparse.ArgumentParser(
        prog="python -m podium.lab.athlete",
        description="Render a running athlete whose joints and camera are known exactly.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scene", choices=SCENES, help="a named scene of one or several athletes")
    parser.add_argument("--view", choices=VIEWS, default="side", help="where the camera stands")
    parser.add_argument("--frames", type=_positive, default=60, help="number of frames (60)")
    parser.add_argument("--fps", type=_positive, default=60, help="frames per second (60)")
    parser.add_argument("--size", type=_size, default=(1280, 720), help="WIDTHxHEIGHT (1280x720)")
    parser.add_argument("--speed", type=float, default=5.0, help="metres per second (5.0)")
    parser.add_argument("--stride", type=float, default=2.0, help="strides per second (2.0)")
    parser.add_argument("--height", type=float, default=1.80, help="body height, metres (1.80)")
    parser.add_argument("--seed", type=int, default=0, help="scenery and noise (0)")
    parser.add_argument("--crf", type=int, default=18, help="H.264 quality, lower is better (18)")
    parser.add_argument("--name", help="file name without ending (the view)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    args = parser.parse_args()
    if args.scene:
        name = args.name or args.scene
        _print(write_scene(SCENES[args.scene], args.out, name, crf=args.crf, seed=args.seed))
        return
    try:
        gait = Gait(args.speed, args.stride, args.height)
        clip = make(
            gait, args.view, frames=args.frames, fps=args.fps, size_px=args.size, seed=args.seed
        )
    except ValueError as error:
        parser.error(str(error))
    _print(write(clip, args.out, args.name or args.view, args.crf))


def _print(paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
