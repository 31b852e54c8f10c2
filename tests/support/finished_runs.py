"""Folders as `podium run` leaves them, of a trajectory instead of a video."""

from podium.postprocess.postprocessor import Postprocessor
from podium.schemas.postprocess import PostprocessOptions
from podium.schemas.results import FrameResult, PersonResult, PipelineResult, SourceResult


def finished_run(folder, trajectory, height_m):
    """Write results, tables and documents of a person with the key points of BlazePose."""
    boxes, points = trajectory.boxes.tolist(), trajectory.keypoints.tolist()
    times_s = trajectory.time_s.tolist()
    frames = [
        FrameResult(
            index=t,
            time_s=time_s,
            status="ok",
            persons=[PersonResult(track_id=0, box=boxes[t], score=0.9, keypoints=points[t])],
        )
        for t, time_s in enumerate(times_s)
    ]
    result = PipelineResult(
        pipeline="pose-2d",
        skeleton="blazepose33",
        models={},
        source=SourceResult(
            width=2400, height=800, fps=60, frame_count=len(frames), duration_s=len(frames) / 60
        ),
        frames=frames,
    )
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(f"[{result.model_dump_json()}]")
    options = PostprocessOptions(athlete_height_m=height_m, overlay=False, overlay_frames=0)
    Postprocessor().process(folder / "no.mp4", [result], folder, options)
    return folder
