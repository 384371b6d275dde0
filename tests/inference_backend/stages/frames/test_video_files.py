from fractions import Fraction

import numpy as np
import pytest

from inference_backend.stages.frames.probe import probe
from inference_backend.stages.frames.read import read_frames


def numbers(clips, video, **options):
    return [(frame, clips.number(picture)) for frame, picture in read_frames(video, **options)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("plain.mkv", {}),
        ("plain.ts", {}),
        ("odd.mkv", {"size": (65, 49), "pix_fmt": "yuv444p"}),
        ("ten bit.mkv", {"pix_fmt": "yuv420p10le"}),
        ("grey.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("alpha.mov", {"codec": "qtrle", "pix_fmt": "argb"}),
    ],
)
def test_every_frame_comes_once_in_order(clips, name, options):
    video = probe(clips.write(name, **options))
    assert len(video) == 20
    assert video.size_wh == options.get("size", (64, 48))
    assert video.fps == pytest.approx(25.0)
    assert not video.variable_rate
    assert video.notes == ()
    np.testing.assert_allclose(video.time_s, np.arange(20) / 25, atol=1e-3)
    assert numbers(clips, video) == [(i, i) for i in range(20)]
    _, picture = next(iter(read_frames(video)))
    assert picture.dtype == np.uint8
    assert picture.shape == (video.size_wh[1], video.size_wh[0], 3)
    assert picture.flags.c_contiguous


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)])
def test_the_rate_is_exact(clips, rate):
    assert probe(clips.write("clip.mp4", 12, fps=rate)).fps == pytest.approx(float(rate), rel=1e-6)


def test_a_variable_rate_keeps_its_time_stamps(clips):
    stamps = [0, 40, 80, 160, 170, 300, 340, 380, 420, 1000]
    video = probe(clips.write("phone.mp4", 10, stamps_ms=stamps))
    assert video.variable_rate
    np.testing.assert_allclose(video.time_s * 1000, stamps, atol=1.0)
    assert numbers(clips, video) == [(i, i) for i in range(10)]
    late = probe(clips.folder / "phone.mp4", 0.165, 0.35)
    assert numbers(clips, late) == [(0, 4), (1, 5), (2, 6)]


@pytest.mark.parametrize(("rotation", "edge"), [(0, "top"), (90, "left"), (180, "bottom"), (-90, "right")])
def test_a_phone_held_sideways_is_upright(clips, rotation, edge):
    video = probe(clips.write("phone.mp4", 3, rotation=rotation))
    (_, picture), *_ = read_frames(video)
    assert video.size_wh == ((64, 48) if rotation in (0, 180) else (48, 64))
    bright = {
        "top": picture[:5].mean(),
        "bottom": picture[-5:].mean(),
        "left": picture[:, :5].mean(),
        "right": picture[:, -5:].mean(),
    }
    assert max(bright, key=bright.get) == edge
    assert bright[edge] > 240
    assert max(picture.shape) == 64
    small = next(iter(read_frames(video, max_side=32)))[1]
    assert small.shape[:2] == tuple(side // 2 for side in picture.shape[:2])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0.2, 0.4, range(5, 10)), (None, 0.12, range(3)), (0.6, None, range(15, 20)), (0.04, 0.08, range(1, 2))],
)
def test_a_trim_starts_inside_and_ends_before(clips, start, end, expected):
    video = probe(clips.write("clip.mp4"), start, end)
    assert video.frame_index.tolist() == list(expected)
    assert numbers(clips, video) == list(enumerate(expected))


def test_chosen_frames_are_those_of_the_whole(clips):
    video = probe(clips.write("clip.mp4", 30))
    assert numbers(clips, video, frames=[25, 3, 17, 3]) == [(3, 3), (17, 17), (25, 25)]
    assert numbers(clips, video, frames=[]) == []


def test_one_frame_is_a_clip(clips):
    video = probe(clips.write("one.mp4", 1))
    assert len(video) == 1
    assert video.fps > 0
    assert numbers(clips, video) == [(0, 0)]


def test_a_huge_picture_is_scaled_while_it_is_read(clips):
    video = probe(clips.write("8k.mp4", 2, size=(7680, 4320)))
    assert video.size_wh == (7680, 4320)
    pictures = [picture for _, picture in read_frames(video, max_side=960)]
    assert [picture.shape for picture in pictures] == [(540, 960, 3)] * 2
    assert [clips.number(picture) for picture in pictures] == [0, 1]


def test_a_file_that_is_cut_off_gives_what_is_left_and_says_so(clips):
    path = clips.write("clip.mp4", 30, size=(320, 240), noise=True, faststart=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video = probe(path)
    assert 5 < len(video) < 25
    assert "cut off" in video.notes[0]
    assert "30 frames" in video.notes[0]
    assert numbers(clips, video) == [(i, i) for i in range(len(numbers(clips, video)))]
    assert len(numbers(clips, video)) >= len(video) - 4  # frames that lean on a lost one


def test_broken_frames_are_left_out(clips):
    path = clips.write("clip.mkv", 30, size=(320, 240), noise=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    found = numbers(clips, probe(path))
    # Before the damage everything is right; frame numbers never shift afterwards.
    assert found[:8] == [(i, i) for i in range(8)]
    assert [frame for frame, _ in found] == sorted({frame for frame, _ in found})
    assert found[-1] == (len(probe(path)) - 1, 29)
