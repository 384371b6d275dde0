"""Augmentation of single images."""

import numpy as np
import pytest

from inference_backend.models.moro import image_augmentation as image_aug
from inference_backend.models.moro.augmentation import EXTREME_CROPS


def draw(confidence, count=6000):
    rng = np.random.default_rng(0)
    drawn = [image_aug.draw_image_crop(confidence, rng) for _ in range(count)]
    named = [name for name in drawn if name]
    return set(named), len(named) / count


def test_crops_follow_what_is_annotated():
    whole = np.ones(44)
    names, share = draw(whole)
    assert names == set(EXTREME_CROPS)
    assert share == pytest.approx(0.1, abs=0.015)
    upper = np.zeros(44)
    upper[[0, 1, 2, 5]] = 1
    names, share = draw(upper)
    assert names == {"shoulders", "head", "torso", "right_arm", "left_arm"}
    assert share == pytest.approx(0.1, abs=0.015)
    partly = upper.copy()
    partly[9] = 1
    assert draw(partly)[1] == 0
    assert draw(np.zeros(44))[1] == 0


def test_pictures_change_now_and_then_and_stay_pictures():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    kept = picture.copy()
    made = [image_aug.photometric(picture, rng) for _ in range(400)]
    assert np.array_equal(picture, kept)
    assert all(m.shape == picture.shape and m.dtype == np.uint8 for m in made)
    same = np.mean([np.array_equal(m, picture) for m in made])
    assert same == pytest.approx(0.49, abs=0.08)


@pytest.mark.parametrize("change", [image_aug._blur, image_aug._noise, image_aug._compress, image_aug._haze])
def test_disturbances_leave_the_picture_recognisable(change):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:64, :64]
    picture = np.stack((x * 4, y * 4, (x + y) * 2), -1).astype(np.uint8)
    made = change(picture, rng)
    assert not np.array_equal(made, picture)
    assert np.corrcoef(made.ravel(), picture.ravel())[0, 1] > 0.9
