"""The clips of the bench beside MediaPipe: the same frames, again and again."""

import av

from loadtest.beside_mediapipe import repeat
from tests.support.videos import number_of, write_video


def test_a_clip_is_repeated_with_ascending_times(tmp_path):
    once = write_video(tmp_path / "once.mp4", 8, g="12", bf="2")
    repeat(once, tmp_path / "three.mp4", 3)
    with av.open(str(tmp_path / "three.mp4")) as video:
        frames = [
            (number_of(frame.to_ndarray(format="rgb24")), frame.time)
            for frame in video.decode(video=0)
        ]
    assert [number for number, _ in frames] == [*range(8)] * 3
    times = [time_s for _, time_s in frames]
    assert times == sorted(set(times))
