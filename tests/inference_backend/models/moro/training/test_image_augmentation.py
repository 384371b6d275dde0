"""Augmentation of pictures, and of what belongs to them."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.training import image_augmentation as image_aug
from inference_backend.models.moro.training.augmentation import EXTREME_CROPS, OPENPOSE_FROM_SMPLX, ImageWarp
from inference_backend.models.moro.training.image_warp import (
    KEYPOINT_MIRROR,
    warp_body,
    warp_keypoints,
    warp_matrix,
    warp_picture,
)

WARPS = [
    ImageWarp(False, 0.0, 1.0),
    ImageWarp(True, 0.0, 1.0),
    ImageWarp(False, 40.0, 1.2),
    ImageWarp(True, -25.0, 0.8),
]


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


@pytest.mark.parametrize("warp", WARPS)
def test_a_spot_lands_where_its_keypoint_does(warp):
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[88:93, 168:173] = (255, 128, 0)
    keypoints = np.zeros((44, 3))
    keypoints[4] = (170, 90, 1)  # the right wrist
    matrix = warp_matrix(np.array([150.0, 100.0]), 0.6, warp, 128)
    crop = warp_picture(picture, matrix, 128)
    y, x = np.nonzero(crop[..., 0] > 100)
    placed = warp_keypoints(keypoints, matrix, warp, 128)
    wrist = placed[7 if warp.mirror else 4]
    assert wrist[2] == 1
    np.testing.assert_allclose((wrist[:2] + 1) * 64, (x.mean(), y.mean()), atol=0.7)
    assert crop[int(y.mean()), int(x.mean()), 2] < 40


@pytest.mark.parametrize("warp", WARPS)
def test_the_warped_body_is_the_one_in_the_warped_picture(warp):
    """A small perspective picture of a body, warped, shows the warped body (weak perspective, middle of the box)."""
    body = Body.load(None)
    generator = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.4 * torch.randn(22, 3, generator=generator)).numpy()
    rotations[0] = np.diag([1.0, -1, -1]) @ rotations[0]

    def joints(turned):
        t = torch.from_numpy(turned).float()
        found, _ = body.skeleton(torch.zeros(10), t[0], t[1:], torch.zeros(3))
        return (found - found[:1]).double().numpy()[:, :2]

    center, scale = np.array([400.0, 300.0]), 1.1
    body_points = np.zeros((44, 3))
    ids = [j for j in OPENPOSE_FROM_SMPLX if j < 22]
    rows = [i for i, j in enumerate(OPENPOSE_FROM_SMPLX) if j < 22]
    body_points[rows, :2], body_points[rows, 2] = center + 90 * joints(rotations)[ids], 1
    seen = warp_keypoints(body_points, warp_matrix(center, scale, warp, 256), warp, 256)
    turned, _ = warp_body(rotations, np.zeros(3), warp)
    expected = 90 * joints(turned)[ids] / (200 * scale * warp.scale) * 2
    np.testing.assert_allclose(seen[rows, :2], expected, atol=0.02)  # the open body is not quite symmetric


def test_mirroring_twice_changes_nothing():
    mirror = np.array(KEYPOINT_MIRROR)
    assert mirror[mirror].tolist() == list(range(44))
    rotations, position = roma.random_rotmat(22).double().numpy(), np.array([0.3, 0.1, 4.0])
    once = warp_body(rotations, position, ImageWarp(True, 0.0, 1.0))
    assert once[1].tolist() == [-0.3, 0.1, 4.0]
    again = warp_body(*once, ImageWarp(True, 0.0, 1.0))
    np.testing.assert_allclose(again[0], rotations, atol=1e-12)


def test_shrunk_pictures_do_not_alias():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    matrix = warp_matrix(np.array([200.0, 200.0]), 2.0, ImageWarp(False, 0.0, 1.0), 57)
    middle = warp_picture(stripes, matrix, 57)[10:-10, 10:-10]
    assert np.ptp(middle.astype(int)) < 30
    assert middle.mean() == pytest.approx(127, abs=10)


def test_whole_images_are_augmented():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    keypoints = np.concatenate((rng.uniform((40, 20), (120, 100), (44, 2)), np.ones((44, 1))), 1)
    made = [image_aug.augment_image(picture, keypoints, np.array([80.0, 60.0]), 0.5, rng, 64) for _ in range(300)]
    assert all(m.crop.shape == (64, 64, 3) and m.crop.dtype == np.uint8 for m in made)
    assert all(np.isfinite(m.keypoints).all() for m in made)
    assert np.mean([m.warp.mirror for m in made]) == pytest.approx(0.5, abs=0.1)
    parts = [m for m in made if m.scale != 0.5]
    assert len(parts) / 300 == pytest.approx(0.1, abs=0.05)
    whole = [m for m in made if m.scale == 0.5]
    assert max(np.abs(m.center - (80, 60)).max() for m in whole) <= 10 + 1e-9
    assert np.mean([(np.abs(m.keypoints[:, :2]) <= 1).mean() for m in whole]) > 0.85


def test_boxes_of_clips():
    rng = np.random.default_rng(1)
    center, scale = np.full((20, 2), 200.0), np.full(20, 1.0)
    keypoints = np.concatenate((rng.uniform(100, 300, (20, 44, 2)), np.ones((20, 44, 1))), 2)
    cropped = 0
    for _ in range(200):
        moved, sizes = image_aug.augment_boxes(center, scale, keypoints, (400, 400), rng, 0.2)
        changed = sizes != 1
        cropped += changed.any()
        assert not changed.any() or 4 <= changed.sum() <= 20
        assert np.abs(moved - 200)[~changed].max(initial=0) <= 20 + 1e-9
    assert cropped / 200 == pytest.approx(0.2, abs=0.08)
