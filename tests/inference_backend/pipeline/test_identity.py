import os
import shutil

import pytest

from inference_backend.pipeline.identity import video_identity
from inference_backend.protocol.errors import ErrorCode, RecoverError


def test_a_clip_is_the_same_until_it_changes(tmp_path):
    clip = tmp_path / 'a "clip" 视频.mp4'
    clip.write_bytes(bytes(range(256)) * 20_000)
    first = video_identity(clip)
    assert video_identity(clip) == first
    (tmp_path / "link.mp4").symlink_to(clip)
    assert video_identity(tmp_path / "link.mp4") == first

    stat = clip.stat()
    with clip.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    os.utime(clip, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed = video_identity(clip)
    assert changed != first
    os.utime(clip, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert video_identity(clip) != changed
    shutil.copy2(clip, tmp_path / "copy.mp4")
    assert video_identity(tmp_path / "copy.mp4") != video_identity(clip)


def test_a_sequence_changes_with_each_of_its_images(tmp_path):
    for i in range(1, 5):
        (tmp_path / f"shot.{i:04}.png").write_bytes(b"image %d" % i)
    first = video_identity(tmp_path)
    assert video_identity(tmp_path / "shot.####.png") == first
    assert video_identity(tmp_path / "shot.0001.png") == first
    (tmp_path / "shot.0003.png").write_bytes(b"another")
    second = video_identity(tmp_path)
    assert second != first
    (tmp_path / "shot.0005.png").write_bytes(b"one more")
    assert video_identity(tmp_path) != second


@pytest.mark.parametrize(
    "name", ["gone.mp4", "empty.mp4", "x" * 300 + ".mp4", "nul\0.mp4", "gone.####.png", "no images"]
)
def test_what_is_not_there_gets_a_sentence(tmp_path, name):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "no images").mkdir()
    with pytest.raises(RecoverError) as caught:
        video_identity(tmp_path / name)
    assert caught.value.code is ErrorCode.BAD_INPUT
    assert len(caught.value.sentence) < 300
    assert caught.value.remedy
