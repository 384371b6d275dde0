"""Losses by hand-worked cases, masking strategies, selection and augmentation."""

import math

import numpy as np
import pytest
import roma
import torch

from inference_backend.models.moro.tokenizer.selection import expected_codes, select_codes, selection_temperature
from inference_backend.models.moro.training import augmentation as aug
from inference_backend.models.moro.training import losses, masking
from inference_backend.models.moro.training.loss_terms import WEIGHTS, total_loss

SHAPE = torch.Size((3, 10, 12))
MASK = 32


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def ids(generator):
    return torch.randint(0, MASK, SHAPE, generator=generator)


def test_token_loss_ignores_unlabelled_tokens():
    logits = torch.zeros(1, 1, 3, 4)
    logits[0, 0, 0, 2] = 100.0
    labels = torch.tensor([[[2, 1, 4]]])
    assert losses.token_loss(logits, labels).item() == pytest.approx(math.log(4) / 2, abs=1e-5)
    assert losses.token_accuracy(logits, labels).item() == 0.5
    assert losses.token_loss(logits, torch.full((1, 1, 3), 4)).item() == 0
    assert losses.token_accuracy(logits, torch.full((1, 1, 3), 4)).item() == 0


def test_distances():
    a, b = torch.zeros(2, 3, 5, 3), torch.zeros(2, 3, 5, 3)
    b[..., 0], b[..., 1] = 3, 4
    assert losses.point_distance(a, b).item() == 5
    b[:, 1] = 0
    assert losses.velocity_loss(a, b).item() == 5
    assert losses.acceleration(b).item() == pytest.approx((6**2 + 8**2) / 3)


def test_last_canonical_step_does_not_count():
    a, b = torch.zeros(1, 4, 9), torch.zeros(1, 4, 9)
    b[:, -1] = 7
    assert losses.canonical_loss(a, b).item() == 0
    b[:, 0] = 2
    assert losses.canonical_loss(a, b).item() == 1  # 4 / 4 frames


def test_projection_in_half_box_sides():
    K = torch.tensor([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]]).expand(1, 1, 3, 3)
    a = torch.tensor([[[[0.0, 0, 10]]]])
    b = torch.tensor([[[[1.0, 0, 10]]]])
    assert losses.projection_loss(a, b, K, torch.tensor([[2.0]])).item() == pytest.approx(100 / 200 / 2, rel=1e-5)


def test_weak_projection():
    joints = torch.tensor([[[[0.5, 0.25, 9.0]]]])
    weak = torch.zeros(1, 1, 9)
    weak[..., 6] = math.log(2)
    weak[..., 7] = 0.1
    keypoints = torch.tensor([[[[1.2, 0.0]]]])
    confidence = torch.tensor([[[0.5]]])
    assert losses.weak_projection_loss(joints, weak, keypoints, confidence).item() == pytest.approx(0.125)


def test_skating_and_contact():
    joints = torch.zeros(1, 3, 22, 3)
    joints[0, 1:, 7, 0] = 0.01  # 0.3 m/s in the first step, then still
    contact = torch.ones(1, 2, 4)
    assert losses.skating_loss(joints, contact).item() == pytest.approx((0.3 - 0.15) / 8, rel=1e-3)
    assert losses.skating_loss(joints, torch.zeros(1, 2, 4)).item() == 0
    joints[0, 1:, 7, 0] = 0.0101
    assert losses.contact_labels(joints).tolist() == [[[0, 1, 1, 1], [1, 1, 1, 1]]]
    logits = torch.zeros(1, 3, 4)
    assert losses.contact_loss(logits, contact).item() == pytest.approx(math.log(2))


def test_weights_of_the_terms():
    one = torch.tensor(1.0)
    terms = dict.fromkeys(WEIGHTS["video"], one) | {"accel": one}
    assert total_loss("video", terms).item() == sum(WEIGHTS["video"].values())
    assert total_loss("motion", {"cano_traj": one, "ce": one}, {"cano_traj": 0.0}).item() == 1


def test_random_masks(generator):
    hidden = masking.random_tokens(SHAPE, 0.25, generator)
    assert (hidden.flatten(1).sum(1) == 30).all()
    assert not torch.equal(hidden[0], hidden[1])
    assert masking.random_tokens(SHAPE, 0.0, generator).flatten(1).sum(1).tolist() == [1, 1, 1]


def test_slot_masks_hide_a_part_of_the_body_all_the_time(generator):
    hidden = masking.random_slots(SHAPE, 0.5, generator)
    assert torch.equal(hidden, hidden[:, :1].expand(SHAPE))
    assert (hidden[:, 0].sum(1) == 6).all()


def test_frame_masks_hide_a_run_of_frames(generator):
    for centred in (False, True):
        hidden = masking.random_frames(SHAPE, 0.3, generator, centred=centred)
        frames = hidden.all(-1)
        assert torch.equal(hidden.any(-1), frames)
        for row in frames:
            where = torch.nonzero(row).squeeze(1)
            assert len(where) == 3
            assert where[-1] - where[0] == 2
            if centred:
                assert where[0] == 4  # round(3.5) to even


def test_masking_tokens(ids, generator):
    hidden = masking.random_tokens(SHAPE, 0.9, generator)
    made = masking.apply_mask(ids, hidden, MASK, generator)
    assert torch.equal(made.labels[hidden], ids[hidden])
    assert (made.labels[~hidden] == MASK).all()
    assert torch.equal(made.ids[~hidden], ids[~hidden])
    random = (made.ids[hidden] != MASK).float().mean()
    assert 0.05 < random < 0.16
    assert (masking.apply_mask(ids, hidden, MASK, generator, keep_mask=True).ids[hidden] == MASK).all()


def test_strategies_are_drawn_by_their_shares(ids, generator):
    whole = masking.mask_for_training(ids, MASK, {"full": 1.0}, generator)
    assert (whole.ids == MASK).all()
    assert torch.equal(whole.labels, ids)
    kinds = {"joint": 0, "frame": 0, "other": 0}
    for _ in range(60):
        hidden = masking.mask_for_training(ids, MASK, {"joint": 0.5, "frame": 0.5}, generator).labels != MASK
        joint = torch.equal(hidden, hidden[:, :1].expand(SHAPE))
        frame = torch.equal(hidden, hidden[..., :1].expand(SHAPE))
        kinds["joint" if joint and not frame else "frame" if frame else "other"] += 1
    assert kinds["other"] == 0
    assert min(kinds["joint"], kinds["frame"]) > 10


def test_validation_hides_a_fifth(ids):
    for name, count in {"random": 24, "joint": 2 * 10, "frame": 2 * 12}.items():
        made = masking.mask_for_validation(ids, MASK, name)
        assert ((made.labels != MASK).flatten(1).sum(1) == count).all(), name


def test_share_to_mask_leans_to_many(generator):
    shares = torch.tensor([masking.drawn_share(generator) for _ in range(4000)])
    assert shares.mean().item() == pytest.approx(2 / math.pi, abs=0.02)
    assert shares.min() >= 0
    assert shares.max() <= 1


def test_second_pass_sees_the_first_ones_predictions(ids, generator):
    logits = torch.randn(*SHAPE, MASK, generator=generator)
    made = masking.mask_least_certain(ids, logits, MASK, 0.4)
    hidden = made.ids == MASK
    assert (hidden.flatten(1).sum(1) == 48).all()
    probability, best = logits.softmax(-1).max(-1)
    assert torch.equal(made.ids[~hidden], best[~hidden])
    assert torch.equal(made.labels[hidden], ids[hidden])
    assert (made.labels[~hidden] == MASK).all()
    for i in range(3):
        assert probability[i][hidden[i]].max() <= probability[i][~hidden[i]].min()


def test_selection_is_hard_and_lets_gradients_through():
    torch.manual_seed(0)
    book = torch.randn(MASK, 5)
    logits = (10 * torch.nn.functional.one_hot(torch.arange(12) % MASK, MASK).float()).requires_grad_()
    codes = select_codes(logits, book, 0.1)
    assert (torch.cdist(codes, book, compute_mode="donot_use_mm_for_euclid_dist").min(1).values < 1e-4).all()
    codes.sum().backward()
    assert logits.grad.abs().sum() > 0
    torch.testing.assert_close(expected_codes(100 * logits.detach(), book), book[:12])
    assert selection_temperature(0) == pytest.approx(1.0)
    assert selection_temperature(1) == pytest.approx(0.01)
    assert selection_temperature(0.5) == pytest.approx(0.505)


def test_trajectory_noise_grows_with_training():
    assert [aug.noise_level(p) for p in (0, 0.29, 0.3, 0.59, 0.6, 1)] == [
        (0, 0), (0, 0), (0.01, 1), (0.01, 1), (0.03, 2), (0.03, 2),
    ]  # fmt: skip


def test_trajectory_noise(generator):
    rotation = roma.random_rotmat(2000).view(2, 1000, 3, 3)
    translation = torch.randn(2, 1000, 1, 3)
    same = aug.noisy_trajectory(rotation, translation, (0.0, 0.0), generator)
    torch.testing.assert_close(same[0], rotation, atol=1e-5, rtol=0)
    assert torch.equal(same[1], translation)
    turned, moved = aug.noisy_trajectory(rotation, translation, (0.03, 2.0), generator)
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3).expand_as(turned), atol=1e-5, rtol=0)
    assert (moved - translation).std().item() == pytest.approx(0.03, rel=0.05)
    angle = torch.rad2deg(roma.rotmat_geodesic_distance(rotation, turned))
    assert 2.0 < angle.mean() < 4.5


def test_crops_to_parts_of_the_body():
    keypoints = np.zeros((2, 44, 3))
    keypoints[:, :25, 0] = np.arange(25) * 10
    keypoints[:, :25, 1] = 100 + np.arange(25) ** 2
    keypoints[:, :25, 2] = 1
    center, scale = np.full((2, 2), 7.0), np.full(2, 3.0)
    moved, size = aug.crop_to_part(center, scale, keypoints, "right_arm", np.array([True, False]))
    x, y = keypoints[0, 2:5, 0], keypoints[0, 2:5, 1]
    np.testing.assert_allclose(moved[0], [(x.min() + x.max()) / 2, (y.min() + y.max()) / 2])
    assert size[0] == pytest.approx(max(np.ptp(x), np.ptp(y)) * 1.2 * 1.1 / 200)
    np.testing.assert_array_equal(moved[1], center[1])
    assert size[1] == 3.0
    keypoints[..., 2] = 0
    moved, size = aug.crop_to_part(center, scale, keypoints, "right_arm", np.array([True, True]))
    np.testing.assert_array_equal(moved, center)
    keypoints[:, 2, 2] = 1  # a single point is no box
    assert aug.crop_to_part(center, scale, keypoints, "right_arm", np.array([True, True]))[1].tolist() == [3.0, 3.0]


def test_drawing_augmentations():
    rng = np.random.default_rng(0)
    drawn = [aug.draw_crop(rng) for _ in range(4000)]
    assert drawn.count("hips") / 4000 == pytest.approx(0.2, abs=0.02)
    assert drawn.count("head") / 4000 == pytest.approx(0.1, abs=0.02)
    assert set(drawn) == set(aug.EXTREME_CROPS)
    assert sum(crop.share for crop in aug.EXTREME_CROPS.values()) == pytest.approx(1.0)
    for n in (1, 5, 60):
        counts = [aug.frames_to_crop(n, rng).sum() for _ in range(200)]
        assert min(counts) >= max(1, round(0.2 * n))
        assert max(counts) <= n
    center = aug.jitter_center(np.full((5000, 2), 500.0), np.full(5000, 1.0), (1920, 1080), rng)
    assert np.abs(center - 500).max() <= 20 + 1e-9
    assert (np.abs(center - 500).max(0) > 19.9).all()
    assert aug.jitter_center(np.array([[5.0, 1079.0]]), np.array([9.0]), (1920, 1080), rng).min() >= 0
    warps = [aug.draw_warp(rng) for _ in range(3000)]
    assert np.mean([w.mirror for w in warps]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([w.turn != 0 for w in warps]) == pytest.approx(0.6, abs=0.04)
    assert max(abs(w.turn) for w in warps) <= 60
    assert all(0.7 <= w.scale <= 1.3 for w in warps)
