"""Landmark tokens, crops as evidence, and evidence that is missing, empty or broken."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.models.moro.evidence.crop import crop_person
from inference_backend.models.moro.evidence.landmark_evidence import LandmarkSource, fill_gaps, landmark_tokens
from inference_backend.models.moro.recovery.crop_evidence import CropSource
from inference_backend.models.moro.recovery.recover_clip import recover_clip
from inference_backend.protocol.errors import RecoverError


def person(frames, seed=0):
    """Landmarks of somebody about 5 m away: points `[T,33,3]` in the camera, visibility, world landmarks."""
    generator = torch.Generator().manual_seed(seed)
    body = torch.randn(33, 3, generator=generator) * torch.tensor([0.2, 0.5, 0.15])
    sway = torch.cumsum(torch.randn(frames, 1, 3, generator=generator) * 0.01, 0)
    points = body + sway + torch.tensor([0.8, 0.2, 5.0])
    world = body - body[[23, 24]].mean(0) + 0.01 * torch.randn(frames, 33, 3, generator=generator)
    return points, torch.rand(frames, 33, generator=generator), world


def rays(points):
    return points[..., :2] / points[..., 2:]


def test_tokens_are_relative_to_the_box():
    points, visibility, world = person(5)
    made = landmark_tokens(rays(points)[None], visibility[None], world[None], torch.ones(1, 5, dtype=torch.bool))
    assert made.tokens.shape == (1, 5, 33, 7)
    assert made.valid.all()
    local = made.tokens[..., :2]
    extent = local.amax(2) - local.amin(2)
    torch.testing.assert_close(extent.amax(-1), torch.full((1, 5), 2 / 1.2), atol=0.01, rtol=0)
    torch.testing.assert_close((local.amax(2) + local.amin(2)) / 2, torch.zeros(1, 5, 2), atol=0.05, rtol=0)
    torch.testing.assert_close(made.tokens[..., 2], visibility[None])
    torch.testing.assert_close(made.tokens[..., 3:6], world[None])
    assert (made.tokens[..., 6] == 1).all()
    torch.testing.assert_close(roma.special_procrustes(made.to_camera), made.to_camera, atol=1e-6, rtol=0)


def test_the_view_does_not_depend_on_where_the_camera_looks():
    """The same person seen by a camera that is turned (level) gives the same tokens and box."""
    points, visibility, world = person(6)
    found = torch.ones(1, 6, dtype=torch.bool)
    straight = landmark_tokens(rays(points)[None], visibility[None], world[None], found)
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.3, 0.0]))
    aside = landmark_tokens(rays(points @ turn.T)[None], visibility[None], world[None], found)
    torch.testing.assert_close(aside.tokens, straight.tokens, atol=2e-3, rtol=0)
    torch.testing.assert_close(aside.box, straight.box, atol=1e-3, rtol=0)
    torch.testing.assert_close(turn.T @ aside.to_camera[0], straight.to_camera[0], atol=5e-3, rtol=0)


def test_a_centred_person_is_in_the_middle_of_the_view():
    points, visibility, world = person(3)
    made = landmark_tokens(rays(points)[None], visibility[None], world[None], torch.ones(1, 3, dtype=torch.bool))
    forward = made.to_camera[0, :, 2]
    torso = torch.nn.functional.normalize(points[:, [11, 12, 23, 24]], dim=-1).mean((0, 1))
    assert torch.dot(forward, torso) / torso.norm() > 0.9999
    assert made.to_camera[0, 1, 0].abs() < 1e-6, "x stays level"


def test_gaps_are_bridged_and_marked():
    points, visibility, world = person(7)
    found = torch.tensor([[False, True, True, False, False, True, False]])
    made = landmark_tokens(rays(points)[None], visibility[None], world[None], found)
    assert torch.equal(made.valid.any(-1), found)
    assert (made.tokens[0, 3] == 0).all()
    assert made.box.isfinite().all()


def test_boxes_follow_the_person_but_not_what_jumps():
    points, visibility, world = person(9)
    found = torch.ones(1, 9, dtype=torch.bool)
    still = landmark_tokens(rays(points[:1].expand(9, -1, -1))[None], visibility[None], world[None], found)
    jumping = points[:1].expand(9, -1, -1).clone()
    jumping[4, 27:] += 1.5
    seen = landmark_tokens(rays(jumping)[None], visibility[None], world[None], found)
    torch.testing.assert_close(still.box[0, 0], still.box[0, 8])
    change = (seen.box - still.box).abs()[0, :, 2]
    alone = landmark_tokens(rays(jumping[4:5])[None], visibility[None, 4:5], world[None, 4:5], found[:, 4:5])
    assert change.max() < 0.3 * (alone.box[0, 0, 2] - still.box[0, 4, 2]).abs()


def test_fill_gaps_leaves_empty_rows():
    values = torch.randn(2, 4, 1)
    filled = fill_gaps(values, torch.tensor([[False] * 4, [True] * 4]))
    assert torch.equal(filled, values)


def test_broken_landmarks_are_left_out():
    points, visibility, world = person(4)
    seen = rays(points)
    seen[1, 5] = torch.nan
    world[2, 7, 1] = torch.inf
    visibility[3, 9] = torch.nan
    made = landmark_tokens(seen[None], visibility[None], world[None], torch.ones(1, 4, dtype=torch.bool))
    for x in (made.tokens, made.box, made.to_camera):
        assert torch.isfinite(x).all()
    missing = torch.nonzero(~made.valid[0]).tolist()
    assert missing == [[1, 5], [2, 7], [3, 9]]
    assert (made.tokens[0][~made.valid[0]] == 0).all()


def source(frames, found=None, seed=0):
    points, visibility, world = person(frames, seed)
    found = torch.ones(frames, dtype=torch.bool) if found is None else found
    return LandmarkSource(rays(points), visibility, world, found)


def finite(motion):
    return all(torch.isfinite(x).all() for x in (motion.codes, motion.rotation, motion.translation, motion.contact))


def test_nobody_seen_at_all_gives_a_defined_motion(landmark_network):
    found = recover_clip(landmark_network, source(30, torch.zeros(30, dtype=torch.bool)))
    assert finite(found)
    again = recover_clip(landmark_network, source(30, torch.zeros(30, dtype=torch.bool), seed=5))
    assert torch.equal(found.ids, again.ids), "what was not found has no say"


def test_no_frames_at_all(landmark_network):
    with pytest.raises(RecoverError, match="no frame"):
        recover_clip(landmark_network, source(0))


def test_all_landmarks_broken(landmark_network):
    nothing = torch.full((12, 33, 2), torch.nan), torch.full((12, 33), torch.nan), torch.full((12, 33, 3), torch.nan)
    assert finite(recover_clip(landmark_network, LandmarkSource(*nothing, torch.ones(12, dtype=torch.bool))))


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips(landmark_network, frames):
    found = recover_clip(landmark_network, source(frames))
    assert finite(found)
    assert len(found) == frames


def test_ten_thousand_frames(make_small_network):
    model = make_small_network(
        backbone=False, width=8, heads=2, motion_depth=1, decoder_depth=1, clip_frames=500, overlap_frames=120
    )
    found = recover_clip(model, source(10_000), steps=1)
    assert len(found) == 10_000
    assert finite(found)


def test_behind_the_person_or_beside_the_image(landmark_network):
    points, visibility, world = person(5)
    far = rays(points) + torch.tensor([30.0, 0.0])
    made = landmark_tokens(far[None], visibility[None], world[None], torch.ones(1, 5, dtype=torch.bool))
    assert torch.isfinite(made.tokens).all()
    assert finite(recover_clip(landmark_network, LandmarkSource(far, visibility, world, torch.ones(5).bool())))


def test_masked_tokens_have_no_say(landmark_network):
    network = landmark_network.dst_former
    tokens = torch.randn(1, 3, 33, 7)
    valid = torch.ones(1, 3, 33, dtype=torch.bool)
    valid[:, 1, 4:9] = False
    box = torch.tensor([0.0, 0.0, 0.5]).expand(1, 3, 3)
    broken = tokens.masked_fill(~valid[..., None], torch.nan)
    first, second = (network.encode_image(x, valid, box) for x in (tokens, broken))
    for a, b in zip(first[:4], second[:4], strict=True):
        assert torch.equal(a, b)
    without = network.encode_image(tokens, None, box)
    assert not torch.equal(without.weak, first.weak)


def test_each_crop_goes_through_the_backbone_once(image_network, monkeypatch):
    frames = 60
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (frames, 32, 32, 3), dtype=np.uint8)
    box = torch.tensor([0.0, 0.0, 0.5]).expand(frames, 3)
    seen = []
    run = type(image_network.backbone).forward

    def counted(self, batch):
        seen.append(len(batch))
        return run(self, batch)

    monkeypatch.setattr(type(image_network.backbone), "forward", counted)
    made = CropSource(image_network, iter(crops), box)
    found = recover_clip(image_network, made)
    assert sum(seen) == frames
    assert finite(found)
    tokens = image_network.backbone(torch.from_numpy(crops[16:40]))
    again = CropSource(image_network, iter(crops), box)
    again.window(0, 24)
    torch.testing.assert_close(again.window(16, 40).tokens, tokens, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("center", "scale"),
    [((np.nan, 5), 0.2), ((5, 5), np.nan), ((5, 5), 0), ((5, 5), -1), ((5, 5), 1e9), ((np.inf, 0), 1), ((1e9, 0), 0.1)],
)
def test_impossible_boxes_give_black_crops(center, scale):
    image = np.full((40, 60, 3), 200, np.uint8)
    crop = crop_person(image, np.array(center, dtype=float), scale, 16)
    assert crop.shape == (16, 16, 3)
    assert not crop.any()


def test_crop_keeps_what_is_inside():
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:60, 40:60] = (10, 20, 30)
    crop = crop_person(image, np.array([50.0, 50.0]), 0.09, 8)
    assert (crop == (10, 20, 30)).all()
