"""A network's motion, fitted to the landmarks."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.geometry.blazepose_bones import BONES
from inference_backend.models.moro.evidence.landmark_encoder import LandmarkUncertainty
from inference_backend.stages.estimate.kinematic.evidence import view_rotation
from inference_backend.stages.estimate.kinematic.observations import Observations
from inference_backend.stages.estimate.kinematic.refine import refine
from inference_backend.stages.estimate.moro.quality import landmark_places

ITERATIONS = 8
LEFT_ARM = [13, 15, 17, 19, 21]
BETAS = torch.zeros(10)


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.load(None)


def standing(frames: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Somebody with hanging arms who stands four metres away, facing the camera."""
    turns = 0.1 * torch.randn(1, 22, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    turns = turns.expand(frames, -1, -1).clone()
    turns[:, 0] = torch.tensor([np.pi, 0, 0])
    turns[:, 16, 2], turns[:, 17, 2] = -1.0, 1.0
    return roma.rotvec_to_rotmat(turns), torch.tensor([0.0, 0.0, 4.0], dtype=torch.float64).expand(frames, 3)


def seen(places: np.ndarray, visibility: np.ndarray, turn: np.ndarray | None = None) -> Observations:
    rays = places[..., :2] / places[..., 2:]
    frames = len(places)
    view = view_rotation(torch.from_numpy(rays[:, 11:].mean(axis=1))).numpy()
    world = np.einsum("nij,nkj->nki", view, places - places[:, :1])
    return Observations(np.arange(frames) / 30, np.ones(frames, bool), rays, visibility, world, turn)


def astray(rotations: torch.Tensor, by: float) -> torch.Tensor:
    noise = by * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return torch.cat((rotations[:, :1], rotations[:, 1:] @ roma.rotvec_to_rotmat(noise)), 1)


def test_a_body_is_turned_towards_its_landmarks(body):
    """Joints that are turned by some degrees come back to where the landmarks are; hidden ones have no say."""
    true, pelvis = standing(40, 0)
    places = landmark_places(body, BETAS, true, pelvis)
    visibility = np.ones((40, 33))
    visibility[:, LEFT_ARM] = 0.02
    observed = seen(places, visibility)
    observed.rays[:, LEFT_ARM] += 0.2
    observed.world[:, LEFT_ARM] += 0.3
    start = astray(true, 0.15)
    found, moved, _ = refine(body, observed, start, pelvis, BETAS, ITERATIONS)
    clear = [11, 12, 14, 16, 23, 24, 25, 26, 27, 28]

    def off(rotations, pelvis):
        now = landmark_places(body, BETAS, rotations, pelvis)
        return np.linalg.norm(now[..., :2] / now[..., 2:] - places[..., :2] / places[..., 2:], axis=-1) * 4

    before, after = off(start, pelvis), off(found, moved)
    assert after[:, clear].mean() < 0.35 * before[:, clear].mean()
    assert after[:, 15].mean() < before[:, 15].mean() + 0.04, "a hidden wrist is not drawn away"


def test_hidden_limbs_do_what_the_network_says(body):
    """Not what the landmarks guess, and not what bodies usually do."""
    true, pelvis = standing(60, 1)
    raised = true.clone()
    raised[:, 16] = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64))
    told = landmark_places(body, BETAS, raised, pelvis)
    visibility = np.ones((60, 33))
    visibility[:, LEFT_ARM] = 0.02
    observed = seen(landmark_places(body, BETAS, true, pelvis), visibility)
    found, moved, _ = refine(body, observed, raised, pelvis, BETAS, ITERATIONS)
    arm = landmark_places(body, BETAS, found, moved)[:, 15] - told[:, 15]
    assert np.linalg.norm(arm, axis=-1).mean() < 0.12
    hanging = observed.world[:, 15] + told[:, 0] - told[:, 15]
    assert np.linalg.norm(hanging, axis=-1).mean() > 0.5, "the landmarks' own idea is far from that"


def uncertainty_of(places: np.ndarray, doubted: list[int]) -> LandmarkUncertainty:
    """Somebody who knows where bones point, and who takes some landmarks for false."""
    bones = torch.nn.functional.normalize(BONES @ torch.from_numpy(places), dim=-1)
    sigma = torch.full(places.shape[:2], 0.02)
    sigma[:, doubted] = 1.0
    return LandmarkUncertainty(bones.float(), torch.full(bones.shape[:2], 0.1), sigma)


@pytest.mark.parametrize("pans", [False, True])
def test_the_network_overrules_a_limb_that_is_falsely_sure(body, pans):
    """A hanging arm that is told as raised: well visible, calm, and wrong; the network's motion believes it, too."""
    frames = 40
    true, pelvis = standing(frames, 4)
    raised = true.clone()
    raised[:, 16] = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, 0.3], dtype=torch.float64))
    turn = torch.eye(3, dtype=torch.float64).expand(frames, 3, 3)
    if pans:
        angle = torch.linspace(0, 0.3, frames, dtype=torch.float64)
        turn = roma.rotvec_to_rotmat(angle[:, None] * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))

    def inside(rotations: torch.Tensor) -> np.ndarray:
        return (turn.mT[:, None] @ torch.from_numpy(landmark_places(body, BETAS, rotations, pelvis))[..., None])[
            ..., 0
        ].numpy()

    places = inside(true)
    observed = seen(inside(raised), np.ones((frames, 33)), turn.numpy() if pans else None)
    start = torch.cat(((turn.mT @ raised[:, 0])[:, None], raised[:, 1:]), 1), (turn.mT @ pelvis[..., None])[..., 0]

    def off(uncertainty: LandmarkUncertainty | None) -> float:
        found, moved, _ = refine(body, observed, *start, BETAS, ITERATIONS, uncertainty)
        return float(np.linalg.norm(landmark_places(body, BETAS, found, moved) - places, axis=-1)[:, 15].mean())

    assert off(None) > 0.4
    assert off(uncertainty_of(places, LEFT_ARM)) < 0.15


def test_long_motion_is_smooth_and_stays_where_nobody_is_seen(body):
    frames = 400  # several windows
    rotations, pelvis = standing(frames, 2)
    places = landmark_places(body, BETAS, rotations, pelvis)
    visibility = np.ones((frames, 33))
    visibility[300:] = 0.02
    observed = seen(places, visibility)
    observed.rays[:] += np.random.default_rng(0).normal(0, 0.005, observed.rays.shape)
    observed.rays[200, 16] += 0.5  # a landmark that jumps away for a frame
    found, moved, _ = refine(body, observed, rotations, pelvis, BETAS, ITERATIONS)
    steps = torch.rad2deg(roma.rotmat_geodesic_distance(found[1:], found[:-1]))
    assert steps.max() < 3
    assert (moved.diff(dim=0).norm(dim=-1)).max() < 0.02
    now = landmark_places(body, BETAS, found, moved)
    assert np.linalg.norm((now - now[:, :1]) - (places - places[:, :1]), axis=-1)[310:].mean() < 0.06


def test_before_a_camera_that_turns(body):
    """The same person, told in the axes of a camera that pans: in the first frame's axes the result is the same."""
    rotations, pelvis = standing(30, 3)
    places = landmark_places(body, BETAS, rotations, pelvis)
    start = astray(rotations, 0.1)
    still, place, _ = refine(body, seen(places, np.ones((30, 33))), start, pelvis, BETAS, ITERATIONS)
    angle = torch.linspace(0, 0.3, 30, dtype=torch.float64)
    turn = roma.rotvec_to_rotmat(angle[:, None] * torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))
    inside = (turn.mT[:, None] @ torch.from_numpy(places)[..., None])[..., 0].numpy()
    turned = torch.cat(((turn.mT @ start[:, 0])[:, None], start[:, 1:]), 1)
    observed = seen(inside, np.ones((30, 33)), turn.numpy())
    found, moved, _ = refine(body, observed, turned, (turn.mT @ pelvis[..., None])[..., 0], BETAS, ITERATIONS)
    torch.testing.assert_close((turn @ moved[..., None])[..., 0], place, atol=0.02, rtol=0)
    torch.testing.assert_close(turn @ found[:, 0], still[:, 0], atol=0.03, rtol=0)
