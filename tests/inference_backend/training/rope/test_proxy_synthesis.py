import torch

from inference_backend.geometry.projection import project
from inference_backend.models.rope.camera import ASPECT
from inference_backend.models.rope.parts import PART_JOINTS
from inference_backend.models.rope.proxy import PROXY_CHANNELS, USED
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.training.rope.occluders import Occluders
from inference_backend.training.rope.synthesis import FOCAL


def true_places(batch, body):
    """Joints `[B,22,2]` in the picture, 0..1 over its width and height."""
    truth = batch.targets
    rest = body.rest_joints(truth.betas)[:, 0]
    joints, _ = body.skeleton(truth.betas, truth.rotations[:, 0], truth.rotations[:, 1:], truth.pelvis - rest)
    away = (project(joints, truth.K) - truth.box[:, None, :2]) / truth.box[:, None, 2:]
    return away / torch.tensor([ASPECT, 1.0]) + 0.5


def at(maps, places):
    """Values of `[B,h,w]` at places `[B,P,2]` in 0..1."""
    height, width = maps.shape[1:]
    column = (places[..., 0] * width).long().clamp(0, width - 1)
    row = (places[..., 1] * height).long().clamp(0, height - 1)
    return maps.flatten(1).gather(1, row * width + column)


def test_shapes_and_repeatability(source):
    windows, synthesis = source(seed=5)
    batch = synthesis.batch(windows.draw(8, 6))
    assert batch.images.shape == (8, PROXY_CHANNELS, 64, 48)
    assert batch.targets.labels.shape == (8, 32, 24)
    assert batch.targets.visible.shape == (8, 24)
    assert batch.images.isfinite().all()
    windows, synthesis = source(seed=5)
    again = synthesis.batch(windows.draw(8, 6))
    assert torch.equal(batch.images, again.images)
    assert torch.equal(batch.targets.labels, again.targets.labels)


def test_without_occlusion_image_labels_and_truth_agree(source, body):
    windows, synthesis = source(occlude=False)
    batch = synthesis.batch(windows.draw(128, 6))
    places = true_places(batch, body)
    knees = places[:, [BODY_JOINTS.index(f"{side}_knee") for side in ("left", "right")]]
    assert (at(batch.targets.labels, knees) > 0).float().mean() > 0.95, "knees lie inside the drawn body"
    # Landmark maps peak near the true joints.
    for side in ("left", "right"):
        channel = USED.index(23 if side == "left" else 24)
        drawn = batch.images[:, channel].flatten(1).argmax(1)
        found = torch.stack((drawn % 48 + 0.5, drawn // 48 + 0.5), -1) / torch.tensor([48, 64])
        hip = places[:, BODY_JOINTS.index(f"{side}_hip")]
        away = (found - hip) * torch.tensor([ASPECT, 1.0])
        assert away.norm(dim=-1).median() < 0.06
    there = batch.images[:, -1].flatten(1).any(1)
    inside = (batch.targets.labels > 0).flatten(1).float().mean(1)
    drawn = batch.images[there, -1].flatten(1).mean(1)
    # 45 % are a pixel too wide or too narrow; the rest are not.
    assert (drawn - inside[there]).abs().quantile(0.4) < 0.03


def test_some_images_have_no_silhouette_and_some_no_depth(source):
    windows, synthesis = source()
    batch = synthesis.batch(windows.draw(300, 2))
    no_mask = ~batch.images[:, -1].flatten(1).any(1)
    no_depth = ~batch.images[:, len(USED) : -1].flatten(1).any(1)
    assert 0.2 < no_mask.float().mean() < 0.45
    assert 0.005 < no_depth.float().mean() < 0.12


def test_what_is_in_the_way_hides_landmarks_joints_and_silhouette_but_not_part_masks(source, body, monkeypatch):
    """Everybody behind a wall up to the middle of their box."""
    wall = Occluders(
        torch.ones(64, 1, dtype=torch.bool), torch.tensor([[[0.0, 1.0]]]).expand(64, 1, 2),
        torch.tensor([[[9.0, 1.0]]]).expand(64, 1, 2), torch.zeros(64, 1),
    )  # fmt: skip
    module = "inference_backend.training.rope.synthesis.draw_occluders"
    windows, synthesis = source(seed=2)
    free = synthesis.batch(windows.draw(64, 4))
    monkeypatch.setattr(module, lambda *_: wall)
    windows, synthesis = source(seed=2)
    batch = synthesis.batch(windows.draw(64, 4))
    ankles = [PART_JOINTS.index("left_ankle"), PART_JOINTS.index("right_ankle")]
    assert batch.targets.visible[:, ankles].mean() < 0.1
    assert free.targets.visible[:, ankles].mean() > 0.4
    assert batch.hidden[:, [27, 28]].float().mean() > 0.9
    whole = (batch.targets.labels[:, 16:] > 0).float().mean()
    assert whole > 0.6 * (free.targets.labels[:, 16:] > 0).float().mean(), "attention still learns where legs are"
    drawn = batch.images[:, -1, 40:].mean() / free.images[:, -1, 40:].mean()
    assert drawn < 0.4


def test_the_camera_is_still_and_has_the_same_focal_length_for_all(source):
    windows, synthesis = source()
    truth = synthesis.batch(windows.draw(5, 4)).targets
    assert (truth.K[:, 0, 0] == FOCAL).all()
    assert (truth.pelvis[:, 2] > 0.5).all()
