from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from inference_backend.protocol.errors import Cancelled
from inference_backend.records.context import StageContext
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.shots.find_shots import find_shots
from inference_backend.stages.shots.settings import ShotSettings

WIDTH, HEIGHT = 240, 136


def scene(seed: int, width=WIDTH, height=HEIGHT) -> np.ndarray:
    """A picture of random blobs, coarse and fine."""
    random = np.random.default_rng(seed)
    layers = [cv2.resize(random.random((rows, 2 * rows, 3)), (width, height)) for rows in (4, 9, 20)]
    return (255 * np.clip(sum(layers) / 1.5 - 0.5, 0, 1)).astype(np.uint8)


def figure(picture: np.ndarray, x: float, colour=(40, 30, 60), height=90) -> np.ndarray:
    """A picture with somebody standing at x."""
    drawn = picture.copy()
    foot = HEIGHT - 10
    cv2.rectangle(drawn, (int(x) - 9, foot - height), (int(x) + 9, foot), colour, -1)
    cv2.circle(drawn, (int(x), foot - height - 9), 10, colour, -1)
    return drawn


def shots_of(folder: Path, pictures, fps=25.0):
    for number, picture in enumerate(pictures):
        Image.fromarray(np.asarray(picture, np.uint8)).save(folder / f"{number:04d}.bmp")
    return find_shots(probe(folder, image_fps=fps), ShotSettings(), StageContext())


def starts(shots) -> list[int]:
    return (np.flatnonzero(np.diff(shots.shot_id)) + 1).tolist()


def test_cuts_are_found_to_the_frame(tmp_path):
    pictures = [scene(1 + (frame >= 20) + (frame >= 45)) for frame in range(70)]
    shots = shots_of(tmp_path, pictures)
    assert starts(shots) == [20, 45]
    assert shots.count == 3
    assert not shots.blended.any()
    assert shots.frames(1).tolist() == list(range(20, 45))


@pytest.mark.parametrize("length", [8, 25])
def test_a_cross_fade_parts_two_shots_in_its_middle(tmp_path, length):
    one, other = scene(1).astype(float), scene(2).astype(float)
    share = np.clip((np.arange(90) - 40) / length, 0, 1)
    shots = shots_of(tmp_path, [(1 - s) * one + s * other for s in share])
    assert shots.count == 2
    middle = 40 + length / 2
    assert abs(starts(shots)[0] - middle) <= 0.2 * length + 1
    assert shots.blended[round(middle)]
    assert not shots.blended[:30].any()
    assert not shots.blended[75:].any()


def test_somebody_who_runs_through_is_no_cut(tmp_path):
    background = scene(3)
    assert shots_of(tmp_path, [figure(background, 12 * frame - 40) for frame in range(40)]).count == 1


def test_something_that_passes_close_to_the_camera_is_no_cut(tmp_path):
    pictures = []
    for frame in range(60):
        picture = figure(scene(4), 120)
        x = 12 * frame - 200
        picture[:, max(0, x) : max(0, x + 150)] = scene(5)[:, max(0, x) : max(0, x + 150)]
        pictures.append(picture)
    assert shots_of(tmp_path, pictures).count == 1


def test_something_that_hides_everything_for_a_moment_is_no_cut(tmp_path):
    pictures = [scene(6) if not 30 <= frame < 36 else scene(7) for frame in range(70)]
    assert shots_of(tmp_path, pictures).count == 1


def test_a_flash_is_no_cut(tmp_path):
    pictures = [scene(8).astype(int) + (180 if frame in (20, 21) else 0) for frame in range(45)]
    assert shots_of(tmp_path, [np.clip(picture, 0, 255) for picture in pictures]).count == 1


def test_a_change_of_light_is_no_fade(tmp_path):
    light = 0.35 + 0.65 * np.clip((np.arange(70) - 25) / 15, 0, 1)
    assert shots_of(tmp_path, [scene(9) * factor for factor in light]).count == 1


@pytest.mark.parametrize("step", [4, 15])
def test_a_pan_or_a_shaken_camera_is_no_cut(tmp_path, step):
    wide = scene(10, width=1600, height=HEIGHT + 40)
    random = np.random.default_rng(0)
    pictures = []
    for frame in range(60):
        x, y = step * frame + random.integers(0, 12), random.integers(0, 20)
        pictures.append(wide[y : y + HEIGHT, x : x + WIDTH])
    assert shots_of(tmp_path, pictures).count == 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips_are_one_shot(tmp_path, count):
    shots = shots_of(tmp_path, [scene(11)] * count)
    assert shots.shot_id.tolist() == [0] * count


def test_detection_can_be_turned_off_and_cancelled(tmp_path):
    pictures = [scene(1 + (frame >= 20)) for frame in range(70)]
    shots_of(tmp_path, pictures)
    video = probe(tmp_path)
    assert find_shots(video, ShotSettings(detect=False), StageContext()).count == 1

    def cancel(fraction: float, frames: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_shots(video, ShotSettings(), StageContext(progress=cancel))


@pytest.mark.parametrize(
    "name",
    ["nogt_basketball_one", "nogt_enter_table_leave", "nogt_roof_and_tree", "nogt_tennis", "p2s_c1__bar", "p2s_two_c1"],
)
def test_real_clips_without_a_cut(shared, name):
    video = probe(shared / "realvideo" / f"{name}.mp4")
    assert find_shots(video, ShotSettings(), StageContext()).count == 1


def test_a_real_cross_fade_over_the_same_background(shared):
    video = probe(shared / "realvideo" / "nogt_jumping_jacks.mp4")
    shots = find_shots(video, ShotSettings(), StageContext())
    assert shots.count == 2
    assert 77 <= starts(shots)[0] <= 86
    assert set(np.flatnonzero(shots.blended)) <= set(range(75, 90))
