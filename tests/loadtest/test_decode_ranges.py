"""The bench of decoding in ranges: both ways decode the same frames of the video it makes."""

import av

from loadtest.decode_ranges import by_pyav, encode, in_ranges


def test_both_ways_decode_every_frame_once(tmp_path):
    path = tmp_path / "clip.mp4"
    encode(path, (320, 180), 26, gop=12)
    with av.open(str(path)) as video:
        is_key = [packet.is_keyframe for packet in video.demux(video=0) if packet.size]
    assert [place for place, key in enumerate(is_key) if key] == [0, 12, 24]
    assert by_pyav(path) == in_ranges(path, 8) == 26
