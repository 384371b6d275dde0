from dataclasses import replace

import pytest
import roma
import torch

from inference_backend.geometry.projection import project
from inference_backend.models.rope.camera import (
    ASPECT,
    MARGIN,
    box_feature,
    camera_from_box,
    depth_sigma,
    lift,
    square_box,
    weak_camera,
    weak_projection,
)
from inference_backend.models.rope.config import OPEN
from inference_backend.models.rope.network import Rope
from inference_backend.models.rope.proxy import PROXY_CHANNELS

K = torch.tensor([[900.0, 0, 630], [0, 900, 350], [0, 0, 1]], dtype=torch.float64)


def cameras(count=200):
    generator = torch.Generator().manual_seed(0)
    chance = torch.rand(count, 6, generator=generator, dtype=torch.float64)
    camera = torch.stack((0.3 + chance[:, 0], chance[:, 1] - 0.5, chance[:, 2] - 0.5), 1)
    box = torch.stack((1280 * chance[:, 3], 720 * chance[:, 4], 80 + 600 * chance[:, 5]), 1)
    return camera, box


def test_round_trip():
    camera, box = cameras()
    assert (weak_camera(lift(camera, box, K), box, K) - camera).abs().max() < 1e-10
    single = [x.float() for x in (camera, box, K)]
    assert (weak_camera(lift(*single), single[1], single[2]) - single[0]).abs().max() < 1e-4


def test_lifted_camera_equals_the_weak_one_for_points_without_depth():
    camera, box = cameras()
    points = torch.randn(len(camera), 5, 3, dtype=torch.float64)
    points[..., 2] = 0
    full = project(points + lift(camera, box, K)[:, None], K)
    assert (full - weak_projection(points, camera, box)).abs().max() < 1e-8


def test_scales_that_are_not_positive_stay_before_the_camera():
    camera = torch.tensor([[-1.0, 0, 0], [0, 0, 0]])
    placed = lift(camera, torch.tensor([640.0, 360, 200]).expand(2, 3), K.float())
    assert placed.isfinite().all()
    assert (placed[:, 2] > 0).all()


def test_box_feature_is_cliffs():
    feature = box_feature(torch.tensor([[630.0 + 90, 350 - 45, 0.24 * 900 + 0.06 * 900]]), K.float())
    torch.testing.assert_close(feature, torch.tensor([[0.28, -0.14, 1.0]]))


def test_the_view_of_a_box_looks_at_its_middle_and_is_not_rolled():
    boxes = torch.tensor([[630.0, 350, 300], [1200.0, 80, 200], [20.0, 700, 90]])
    turn = camera_from_box(box_feature(boxes, K.float().expand(3, 3, 3)))[:, 0]
    torch.testing.assert_close(turn[0], torch.eye(3))
    assert roma.is_rotation_matrix(turn, epsilon=1e-5)
    middles = project(turn[:, None, :, 2] * 3.0, K.float().expand(3, 3, 3))[:, 0]
    torch.testing.assert_close(middles, boxes[:, :2], atol=1e-2, rtol=0)
    assert turn[:, 1, 0].abs().max() < 1e-6, "its right stays level"


def test_the_same_picture_beside_the_middle_is_somebody_who_is_turned_with_the_view():
    torch.manual_seed(0)
    model = Rope(
        replace(OPEN, channels=(8, 12), neck=8, trunk=8, token=8, heads=2, shape_hidden=8, pose_hidden=8)
    ).eval()
    image = torch.rand(1, PROXY_CHANNELS, 64, 48).expand(2, -1, -1, -1)
    feature = box_feature(torch.tensor([[630.0, 350, 300], [1100.0, 350, 300]]), K.float())
    ahead, aside = model(image, feature).rotations
    torch.testing.assert_close(aside[0], camera_from_box(feature)[1, 0] @ ahead[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(aside[1:], ahead[1:], atol=1e-5, rtol=0)
    model.config = replace(model.config, turn_to_box=False)
    ahead, aside = model(image, feature).rotations
    torch.testing.assert_close(aside, ahead, atol=1e-5, rtol=0)


@pytest.mark.parametrize("wide", [False, True])
def test_box_holds_all_landmarks_inside_its_middle_columns(wide):
    points = torch.rand(1, 33, 2) * torch.tensor([400.0, 100] if wide else [100.0, 400]) + 50
    points[0, 3] = torch.nan
    box = square_box(points)
    away = (points - box[:, None, :2]).abs() / box[:, None, 2:]
    kept = [i for i in range(33) if i != 3]
    assert (away[0, kept, 0] <= 0.5 * ASPECT / MARGIN + 1e-4).all()
    assert (away[0, kept, 1] <= 0.5 / MARGIN + 1e-4).all()
    assert max(away[0, kept, 0].max() / ASPECT, away[0, kept, 1].max()) == pytest.approx(0.5 / MARGIN, rel=1e-3)


def test_a_person_without_landmarks_has_a_box():
    assert square_box(torch.full((2, 33, 2), torch.nan)).isfinite().all()


def test_depth_is_uncertain_where_it_jumps():
    generator = torch.Generator().manual_seed(0)
    calm = torch.full((90,), 4.0, dtype=torch.float64)
    restless = calm * (0.1 * torch.randn(90, generator=generator, dtype=torch.float64)).exp()
    torch.testing.assert_close(depth_sigma(calm), calm * 0.02)
    assert 0.3 < depth_sigma(restless).mean() < 0.65
    outlier = calm.clone()
    outlier[40] = 9
    assert depth_sigma(outlier)[30] == pytest.approx(0.08)
    assert depth_sigma(calm[:1]).shape == (1,)
