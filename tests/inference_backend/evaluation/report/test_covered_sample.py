"""The sample clip with things laid over the person."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_backend.evaluation.report.covered_sample import COVERS, covered_joints, covered_video
from inference_backend.protocol.skeleton import BODY_JOINTS

SAMPLE = Path(__file__).parents[3] / "sample" / "sample.mp4"
ANKLES = [BODY_JOINTS.index(f"{side}_ankle") for side in ("left", "right")]
HEAD = BODY_JOINTS.index("head")


def frames_of(video: Path, wanted: list[int]) -> np.ndarray:
    source = cv2.VideoCapture(str(video))
    frames = []
    for number in range(max(wanted) + 1):
        read, picture = source.read()
        assert read
        if number in wanted:
            frames.append(picture)
    source.release()
    return np.stack(frames).astype(int)


@pytest.mark.parametrize("cover", [name for name in COVERS if name != "sweeping bar"])
def test_legs_are_covered_and_heads_are_not(cover: str):
    hidden = covered_joints(SAMPLE, cover)
    assert not hidden[:, HEAD].any()
    assert not hidden[0].any()
    assert 0.3 <= hidden[:, ANKLES].all(1).mean() <= 0.8


def test_the_bar_covers_everything_at_some_time():
    hidden = covered_joints(SAMPLE, "sweeping bar")
    assert hidden.any(0).all()
    assert hidden.mean() < 0.5


def test_pictures_change_where_the_cover_is_and_nowhere_else(tmp_path: Path):
    video = covered_video(SAMPLE, "wall to the knees", tmp_path / "a folder")
    plain, covered = (frames_of(path, [0, 100]) for path in (SAMPLE, video))
    change = np.abs(plain - covered).mean(-1)
    assert change[0].mean() < 4
    with np.load(SAMPLE.with_name("reference.npz"), allow_pickle=False) as file:
        joints = file["joints_2d"]
    edge = int(joints[:, ANKLES, 1].mean())
    head = int(joints[100, HEAD, 1])
    assert change[1, : head + 1].mean() < 4
    assert change[1, edge:].mean() > 20
    assert [path.name for path in video.parent.iterdir()] == [video.name]
