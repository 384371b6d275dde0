"""Cameras see people; the simulated landmarker errs as a real one was measured to err."""

import pytest
import torch

from inference_backend.geometry.blazepose import INDEX
from inference_backend.training.data.archive import read_archive
from inference_backend.training.data.cameras import draw_cameras
from inference_backend.training.data.noise import image_noise, looking_at, slow, world_landmarks
from inference_backend.training.data.occlusion import draw_failures, draw_runs, false_places, heights, hide
from inference_backend.training.data.posing import PosedBody
from inference_backend.training.data.report import error_figures
from inference_backend.training.data.synthesis import Synthesis, corrupt
from inference_backend.training.data.windows import MotionWindows

FRAMES = 32


@pytest.fixture(scope="module")
def posed(body):
    return PosedBody(body, [0, 100, 5000])


@pytest.fixture(scope="module")
def batch(body, posed, prepared):
    generator = torch.Generator().manual_seed(5)
    windows = MotionWindows(read_archive(prepared / "train.npz"), body, generator)
    return Synthesis(posed, generator).batch(windows.draw(256, FRAMES))


def test_cameras_keep_people_in_front_and_upright(generator):
    path = torch.randn(300, 10, 3, generator=generator) * torch.tensor([0.5, 0.05, 0.5]) + torch.tensor([0.0, 0.9, 2.0])
    cameras = draw_cameras(path, generator)
    seen = cameras.see(path)
    assert (seen[..., 2] > 0.5).all()
    torch.testing.assert_close(
        cameras.rotation @ cameras.rotation.mT, torch.eye(3).expand(300, 3, 3), atol=1e-5, rtol=0
    )
    assert (torch.linalg.det(cameras.rotation) > 0.99).all()
    head = cameras.see(path + torch.tensor([0.0, 0.7, 0.0]))
    assert ((head - seen)[..., 1] < 0).all(), "y points down"
    inside = (seen[..., :2] / seen[..., 2:]).abs() < cameras.border[:, None]
    assert inside.all(-1).float().mean() > 0.75


def test_the_view_of_truth_and_evidence_is_the_same(batch):
    """Joints and landmarks agree in the virtual view: the true hips project to where the clean landmarks have them."""
    seen = batch.landmarks
    to_view = batch.evidence.to_camera.mT
    rays = torch.nn.functional.pad(seen.true_rays, (0, 1), value=1.0) @ to_view.mT[:, None]
    hips = rays[:, :, [INDEX["left_hip"], INDEX["right_hip"]]]
    expected = batch.joints[:, :, 1:3]
    off = hips[..., :2] / hips[..., 2:] - expected[..., :2] / expected[..., 2:]
    assert (off.norm(dim=-1) * expected[..., 2]).median() < 0.03
    torch.testing.assert_close(batch.joints[:, :, :1], batch.translation, atol=1e-5, rtol=0)
    assert (batch.translation[..., 2] > 0.5).all()


def test_perfect_landmarks_without_noise_would_fit_the_truth(posed, body, prepared, generator):
    windows = MotionWindows(read_archive(prepared / "train.npz"), body, generator).draw(4, 6)
    made = Synthesis(posed, generator, occlude=False).batch(windows)
    assert not made.landmarks.hidden.any()
    assert made.landmarks.found.all()
    about = made.landmarks.true_world
    hips = about[:, :, [INDEX["left_hip"], INDEX["right_hip"]]].mean(2)
    torch.testing.assert_close(hips, torch.zeros_like(hips), atol=1e-5, rtol=0)


def test_errors_are_as_large_as_a_real_landmarkers(batch):
    """Ranges around what was measured of MediaPipe (docs/training.md)."""
    figures = error_figures(batch.landmarks)
    ranges = {
        "clean: median error, %": (0.7, 2.2),
        "clean: 90th percentile, %": (1.6, 5.0),
        "clean: constant part, %": (0.7, 3.0),
        "clean: white part, %": (0.1, 1.2),
        "clean: world landmarks after Procrustes, mm": (45, 84),
        "clean: correlation after 1 frames": (0.6, 0.95),
        "clean: correlation after 3 frames": (0.2, 0.8),
        "occluded: median error, %": (5, 43),
        "occluded: 90th percentile, %": (16, 74),
        "occluded: reported visible (> 0.5), %": (10, 90),
        "occluded: steps over 10 %, %": (2, 33),
        "frames without anybody, %": (0.5, 21),
    }
    for name, (low, high) in ranges.items():
        assert low <= figures[name] <= high, f"{name}: {figures[name]:.2f}"
    assert figures["seen while something is hidden: median error, %"] > 1.15 * figures["clean: median error, %"]


def test_slow_noise_remembers(generator):
    drawn = slow((400, 40, 2), 6.0, generator)
    assert abs(drawn.std() - 1) < 0.05
    assert abs((drawn[:, 1:] * drawn[:, :-1]).mean() - torch.tensor(-1 / 6).exp()) < 0.05


def test_restless_noise_drifts_more(generator):
    calm, restless = (image_noise(torch.full((200, 20), level), generator) for level in (1.0, 3.0))
    assert restless.diff(dim=1).std() > 1.8 * calm.diff(dim=1).std()


def test_world_landmarks_turn_bones_rather_than_stretching_them(posed, body, prepared, generator):
    windows = MotionWindows(read_archive(prepared / "train.npz"), body, generator).draw(64, 16)
    points = posed.landmarks(windows.betas[:, None], posed.pose(windows.betas[:, None], windows.rotations))
    points = points * torch.tensor([1.0, -1.0, -1.0]) + torch.tensor([0.0, 0.0, 4.0])
    world = world_landmarks(points, torch.ones(64, 16), generator)
    pair = [INDEX["left_knee"], INDEX["left_ankle"]]
    true, said = (x[:, :, pair[0]] - x[:, :, pair[1]] for x in (points, world))
    assert (said.norm(dim=-1).std(1) / said.norm(dim=-1).mean(1)).mean() < 0.06
    turned = (looking_at(points) @ true[..., None])[..., 0]
    angle = torch.nn.functional.cosine_similarity(said, turned, dim=-1).clamp(-1, 1).arccos()
    assert 3 < torch.rad2deg(angle).mean() < 25


def test_hidden_ideas_are_held_and_then_jump(batch, generator):
    false = false_places(batch.landmarks.true_rays, generator)
    off = (false - batch.landmarks.true_rays) / heights(batch.landmarks.true_rays)[:, None, None, None]
    steps = off.diff(dim=1).norm(dim=-1)
    assert steps.median() < 0.05
    assert steps.quantile(0.97) > 0.1
    assert off.norm(dim=-1).median() > 0.04


def test_events_hide_whole_limbs_and_regions(batch, generator):
    places = batch.landmarks.true_rays
    hidden = hide(places, torch.full((len(places), 2), 100.0), generator)
    share = hidden.mask.float().mean((1, 2))
    assert (share == 0).float().mean() > 0.3
    assert (share > 0.2).float().mean() > 0.1
    sides = hidden.mask[:, :, [INDEX["left_knee"], INDEX["left_ankle"]]]
    both = (sides[..., 0] == sides[..., 1]).float().mean()
    assert both > 0.85, "neighbouring joints are mostly hidden together"
    assert 0.2 < (hidden.visibility[hidden.mask] > 0.5).float().mean() < 0.8


def test_the_image_ends_at_its_border(batch, generator):
    places = batch.landmarks.true_rays
    hidden = hide(places, torch.full((len(places), 2), 1e-4), generator)
    assert hidden.mask.float().mean() > 0.99


def test_failures_are_runs_and_come_with_occlusion(generator):
    clear, busy = torch.zeros(800, 40, 33, dtype=torch.bool), torch.ones(800, 40, 33, dtype=torch.bool)
    calm, wild = draw_failures(clear, generator), draw_failures(busy, generator)
    assert wild.missing.float().mean() > 3 * calm.missing.float().mean()
    assert 0.05 < wild.swapped.any(1).float().mean() < 0.5
    begun = (wild.swapped[:, 1:] & ~wild.swapped[:, :-1]).sum(1)
    assert begun.max() <= 1, "one run in a window"


def test_runs_pick_one_value_for_their_whole_length(generator):
    runs = draw_runs(50, 30, 6.0, generator)
    values = runs.pick(torch.rand(50, 30, generator=generator))
    assert ((values[:, 1:] != values[:, :-1]) == (runs.number[:, 1:] != runs.number[:, :-1])).all()
    assert 1.5 < runs.number[:, -1].float().mean() < 12


def test_the_same_seed_gives_the_same_batch(body, posed, prepared):
    archive = read_archive(prepared / "train.npz")
    made = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(11)
        made.append(Synthesis(posed, generator).batch(MotionWindows(archive, body, generator).draw(3, 9)))
    assert torch.equal(made[0].evidence.tokens, made[1].evidence.tokens)
    assert torch.equal(made[0].joints, made[1].joints)


def test_everything_is_finite(batch):
    for value in (*batch.evidence, batch.rotation, batch.translation, batch.joints):
        assert torch.isfinite(value.float()).all()


def test_single_frames_can_be_corrupted(generator):
    points = torch.randn(64, 1, 33, 3, generator=generator) * 0.3 + torch.tensor([0.0, 0.0, 4.0])
    seen = corrupt(points, torch.ones(64, 2), generator)
    assert torch.isfinite(seen.rays).all()
    assert seen.rays.shape == (64, 1, 33, 2)
