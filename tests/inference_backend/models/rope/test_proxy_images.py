import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from inference_backend.geometry.blazepose import INDEX, MIRROR
from inference_backend.geometry.projection import project
from inference_backend.models.rope.augmentation import (
    OcclusionSettings,
    channel_noise,
    draw_occlusions,
    jitter_box,
    mirror_pose,
    mirror_proxy,
    occluded_at,
    paint_occlusions,
)
from inference_backend.models.rope.proxy import (
    PROXY_CHANNELS,
    PROXY_HW,
    USED,
    masks_in_box,
    proxy_image,
    render_proxy,
    unpack_masks,
)
from inference_backend.models.rope.splat import silhouettes

BOX = torch.tensor([[100.0, 200.0, 320.0]])
STEP = 320 / 64


def landmarks(place, count=1):
    return torch.tensor(place).expand(count, 33, 2).clone()


def test_a_landmark_is_drawn_where_it_is_and_as_high_as_it_is_visible():
    keypoints = landmarks([100.0, 200.0])
    nose, wrist = USED.index(INDEX["nose"]), USED.index(INDEX["left_wrist"])
    keypoints[0, INDEX["left_wrist"]] = torch.tensor([100 + 10.5 * STEP, 200 - 20.5 * STEP])
    visibility = torch.full((1, 33), 0.5)
    visibility[0, INDEX["left_wrist"]] = 0.8
    world = torch.zeros(1, 33, 3)
    world[0, INDEX["left_wrist"], 2] = 0.4
    image = proxy_image(keypoints, visibility, world, torch.zeros(1, *PROXY_HW), BOX)[0]
    assert image.shape == (PROXY_CHANNELS, 64, 48)
    peak = image[wrist].flatten().argmax().item()
    assert (peak // 48, peak % 48) == (32 - 21, 24 + 10)
    assert image[wrist].max() == pytest.approx(0.8, abs=1e-5)
    torch.testing.assert_close(image[len(USED) + wrist], 0.4 * image[wrist])
    # Between four pixels.
    assert image[nose, 31:33, 23:25].std() < 1e-6
    assert image[nose].max() < 0.5


def test_depth_counts_from_the_hips():
    world = torch.ones(1, 33, 3)
    image = proxy_image(landmarks([100.0, 200.0]), torch.ones(1, 33), world, torch.zeros(1, *PROXY_HW), BOX)
    assert image[0, len(USED) : 2 * len(USED)].abs().max() < 1e-6


def test_what_is_not_known_is_not_drawn():
    keypoints = landmarks([100.0, 200.0], 2)
    keypoints[0] = torch.nan
    world = torch.zeros(2, 33, 3)
    world[1, :, 2] = torch.nan
    image = proxy_image(keypoints, torch.ones(2, 33), world, torch.zeros(2, *PROXY_HW), BOX.expand(2, 3))
    assert image.isfinite().all()
    assert (image == 0).all()


def test_masks_move_from_their_box_into_the_square_one():
    mask = np.zeros((1, 64, 48), np.uint8)
    mask[0, 16:48, 12:36] = 1
    packed = np.packbits(mask, axis=2)
    torch.testing.assert_close(unpack_masks(packed), torch.from_numpy(mask).float())
    # A box of its own, half as wide and as high, a little to the right.
    corners = torch.tensor([[100.0, 120, 220, 280]])
    drawn = masks_in_box(unpack_masks(packed), corners, BOX)[0]
    rows, columns = np.nonzero(drawn.numpy() > 0.5)
    low = np.array([columns.min(), rows.min()]) - [24, 32]
    high = np.array([columns.max(), rows.max()]) - [24, 32] + 1
    np.testing.assert_allclose(low * STEP + [100, 200], [130, 160], atol=STEP)
    np.testing.assert_allclose(high * STEP + [100, 200], [190, 240], atol=STEP)


def test_rendered_and_masked_silhouettes_agree(cloud, pose_bodies):
    """The same body once drawn into the square box at once, once by way of a track's packed mask."""
    people = pose_bodies(3)
    pixels = project(people.vertices, people.K)
    corners = torch.cat((pixels.amin(1), pixels.amax(1)), 1)
    height, width = 640, 480
    fine = silhouettes(cloud, people.vertices, people.K, people.box, (height, width))
    fine = -max_pool2d(-max_pool2d(fine, 9, 1, 4), 9, 1, 4)  # too fine for the cloud: close its holes
    for i in range(3):
        x = (torch.arange(48) + 0.5) / 48 * (corners[i, 2] - corners[i, 0]) + corners[i, 0]
        y = (torch.arange(64) + 0.5) / 64 * (corners[i, 3] - corners[i, 1]) + corners[i, 1]
        column = ((x - people.box[i, 0]) / people.box[i, 2] * height + width / 2).long().clamp(0, width - 1)
        row = ((y - people.box[i, 1]) / people.box[i, 2] * height + height / 2).long().clamp(0, height - 1)
        mask = fine[i][row][:, column]
        packed = np.packbits(mask.numpy().astype(np.uint8)[None], axis=2)
        drawn = masks_in_box(unpack_masks(packed), corners[i : i + 1], people.box[i : i + 1])[0] > 0.5
        direct = silhouettes(cloud, people.vertices[i : i + 1], people.K[:1], people.box[i : i + 1], PROXY_HW)[0] > 0
        assert (drawn & direct).sum() / (drawn | direct).sum() > 0.75


def test_mirrored_proxy_is_the_proxy_of_the_mirrored_person(body, cloud, pose_bodies):
    people = pose_bodies(2)
    flip = torch.tensor([-1.0, 1, 1])
    K = people.K.clone()
    seen = torch.rand(2, 33)
    points = people.pelvis[:, None] + 0.5 * torch.randn(2, 33, 3)
    image = render_proxy(cloud, people.vertices, K, people.box, project(points, K), seen, points)
    other, order = points[:, list(MIRROR)] * flip, list(MIRROR)
    box = people.box.clone()
    box[:, 0] = 2 * K[:, 0, 2] - box[:, 0]
    rotations = mirror_pose(people.rotations)
    rest = body.rest_joints(people.betas)[:, 0]
    vertices = body(people.betas, rotations[:, 0], rotations[:, 1:], people.pelvis * flip - rest).vertices
    expected = render_proxy(cloud, vertices, K, box, project(other, K), seen[:, order], other)
    found = mirror_proxy(image)
    torch.testing.assert_close(found[:, :-1], expected[:, :-1], atol=1e-4, rtol=1e-3)
    same, either = (found[:, -1] > 0) & (expected[:, -1] > 0), (found[:, -1] > 0) | (expected[:, -1] > 0)
    assert same.sum() / either.sum() > 0.85


def test_covers_hide_what_the_settings_say():
    generator = torch.Generator().manual_seed(0)
    places = torch.rand(200, 24, 2, generator=generator)
    off = {"objects": 0.0, "rectangle": 0.0, "part": 0.0, "crop": 0.0}
    assert not draw_occlusions(places, (64, 48), generator, OcclusionSettings(**off)).any()
    rectangles = draw_occlusions(places, (64, 48), generator, OcclusionSettings(**{**off, "rectangle": 1.0}))
    share = rectangles.float().mean((1, 2))
    assert share.min() > 0.08
    assert share.max() < 0.52
    discs = draw_occlusions(places, (64, 48), generator, OcclusionSettings(**{**off, "part": 1.0}))
    assert occluded_at(discs, places).any(1).all(), "a part is a disc about a joint"
    assert 0 < draw_occlusions(places, (64, 48), generator).float().mean() < 0.6


def test_covers_are_repeatable():
    places = torch.rand(5, 24, 2)
    first, second = (draw_occlusions(places, (64, 48), torch.Generator().manual_seed(3)) for _ in range(2))
    assert (first == second).all()


def test_points_outside_count_as_covered():
    covers = torch.zeros(1, 64, 48, dtype=torch.bool)
    covers[0, :32] = True
    places = torch.tensor([[[0.5, 0.2], [0.5, 0.8], [1.2, 0.8], [0.5, -0.1]]])
    assert occluded_at(covers, places).tolist() == [[True, False, True, True]]


def test_painting_changes_only_what_is_covered():
    images = torch.rand(2, 3, 64, 48)
    covers = torch.zeros(2, 64, 48, dtype=torch.bool)
    covers[:, 20:40, 10:30] = True
    painted = paint_occlusions(images, covers, torch.Generator().manual_seed(0))
    changed = (painted != images).any(1)
    assert changed[:, 23:37, 13:27].all()
    assert not changed[:, :16].any()
    assert ((painted >= 0) & (painted <= 1)).all()
    noisy = channel_noise(images, torch.Generator().manual_seed(0))
    ratio = (noisy / images)[(noisy < 1) & (images > 0.01)]
    assert 0.6 <= ratio.min() < ratio.max() <= 1.4


def test_boxes_jitter_within_bounds():
    box = BOX.expand(500, 3)
    moved = jitter_box(box, torch.Generator().manual_seed(0))
    assert ((moved[:, 2] / 320 - 1).abs() <= 0.25).all()
    assert ((moved[:, :2] - box[:, :2]).abs() <= 32).all()
    assert (moved[:, 2] / 320 - 1).abs().max() > 0.2
