from itertools import pairwise

import numpy as np
import roma
import torch
from torch import Tensor

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.stages.estimate.kinematic.banded import Chain
from inference_backend.stages.estimate.kinematic.figure import Figure
from inference_backend.stages.estimate.kinematic.landmark_weights import landmark_weights
from inference_backend.stages.estimate.kinematic.observations import Observations, build_evidence
from inference_backend.stages.estimate.kinematic.prior import load_prior
from inference_backend.stages.estimate.kinematic.settings import KinematicSettings
from inference_backend.stages.estimate.kinematic.shape_prior import known_size
from inference_backend.stages.estimate.kinematic.solver import Motion, Solver, local_rotations, pose
from inference_backend.stages.estimate.kinematic.windows import window_spans

import pytest  # isort: skip


@pytest.mark.parametrize("frames", [1, 2, 3, 6, 7])
def test_the_chain_is_solved_as_a_dense_system_is(frames: int):
    torch.manual_seed(0)
    B, n = 2, 4
    A = torch.randn(B, frames, n, n, dtype=torch.float64)
    chain = Chain(
        A @ A.transpose(-1, -2) + 20 * torch.eye(n, dtype=torch.float64),
        torch.randn(B, frames, n, n, dtype=torch.float64),
        torch.randn(B, frames, n, n, dtype=torch.float64),
        torch.randn(B, frames, n, dtype=torch.float64),
    )
    border = torch.randn(B, frames, n, 3, dtype=torch.float64)
    dense = torch.zeros(B, frames, n, frames, n, dtype=torch.float64)
    for t in range(frames):
        dense[:, t, :, t] = chain.same[:, t]
        for gap, blocks in ((1, chain.next1), (2, chain.next2)):
            if t + gap < frames:
                dense[:, t, :, t + gap] = blocks[:, t]
                dense[:, t + gap, :, t] = blocks[:, t].transpose(-1, -2)
    right = torch.cat([chain.pull[..., None], border], dim=-1).reshape(B, -1, 4)
    expected = torch.linalg.solve(dense.reshape(B, frames * n, -1), right).reshape(B, frames, n, 4)
    assert torch.allclose(chain.solve(border), expected, atol=1e-8)


def _some_motion(figure: Figure, frames: int = 3) -> Motion:
    torch.manual_seed(1)
    D = load_prior().dims
    root = roma.random_rotmat(frames)[None].double()
    pelvis = torch.tensor([0.1, 0.2, 4.0], dtype=torch.float64).expand(1, frames, 3)
    return Motion(pelvis, root, torch.randn(1, frames, D, dtype=torch.float64), torch.randn(1, 10).double() * 0.3)


def test_derivatives_of_landmarks_are_those_of_finite_differences(figure: Figure):
    prior, motion, step = load_prior(), _some_motion(figure), 1e-6
    observed = Observations(
        np.arange(3) / 30, np.ones(3, bool), np.zeros((3, 33, 2)), np.ones((3, 33)), np.ones((3, 33, 3))
    )
    evidence, _ = build_evidence(observed, np.ones((3, 33)))
    solver = Solver(figure, prior, evidence, KinematicSettings())
    posed = pose(figure, prior, motion)
    J = solver._derivative(posed)
    for k in (0, 2, 3, 4, 5, 6, 9, 20, 6 + prior.dims - 1):
        move = torch.zeros(1, 3, 6 + prior.dims, dtype=torch.float64)
        move[..., k] = step
        after = pose(figure, prior, solver._move(motion, move)).points
        assert torch.allclose((after - posed.points) / step, J[..., k], atol=1e-4), k
    by_beta = figure.by_beta(posed.turned)
    moved = pose(figure, prior, Motion(motion.pelvis, motion.root, motion.z, motion.betas + step * torch.eye(10)[2]))
    assert torch.allclose((moved.points - posed.points) / step, by_beta[..., 2], atol=1e-5)


def test_the_figure_agrees_with_the_body(figure: Figure, body):
    prior, motion = load_prior(), _some_motion(figure)
    posed = pose(figure, prior, motion)
    local, _ = local_rotations(prior, motion.z)
    rest, _ = figure.rest(motion.betas[0])
    joints, _ = body.skeleton(
        motion.betas[0].float(), motion.root[0].float(), local[0].float(), (motion.pelvis[0] - rest[0]).float()
    )
    assert torch.allclose(joints.double(), posed.joints[0], atol=1e-4)


def test_a_shape_is_free_in_all_but_its_size(figure: Figure):
    betas = torch.linspace(-1, 1, 10, dtype=torch.float64)
    known = known_size(figure, betas, 0.2, 2.0)
    precision, directions = torch.linalg.eigh(known.precision)
    assert np.allclose(precision, [0.25] * 9 + [25.0])

    def height(change: Tensor) -> Tensor:
        joints = figure.rest(betas + 1e-3 * change)[0]
        return (joints[..., 15, :] - joints[..., 7, :]).norm(dim=-1)

    grown = (height(directions.T) - height(torch.zeros(10, dtype=torch.float64))).abs()
    assert grown[:9].max() < 0.01 * grown[9]


def test_a_landmark_that_jumps_is_trusted_less():
    rng = np.random.default_rng(0)
    rays = np.tile(rng.uniform(-0.1, 0.1, (1, 33, 2)), (60, 1, 1))
    rays[:, 11:13, 1] -= 0.2
    rays[20:40, 27] += rng.choice([-0.1, 0.1], (20, 1))
    weights = landmark_weights(rays, np.full((60, 33), 0.95), np.ones(60, bool), KinematicSettings())
    assert weights[25:35, 27].max() < 0.3
    assert weights[:10, 27].min() > 0.8
    assert weights[25:35, 28].min() > 0.8


def test_windows_cover_long_clips_with_overlap():
    settings = KinematicSettings()
    for frames in (1, 150, 226, 1000, 18001):
        spans = window_spans(frames, settings)
        assert spans[0][0] == 0
        assert spans[-1][1] == frames
        assert all(a[1] - b[0] >= settings.overlap - 1 for a, b in pairwise(spans))
        assert len({b - a for a, b in spans}) == 1


@pytest.mark.parametrize("wrong", [{"landmark_sigma": 0.0}, {"prior_scale": -1.0}, {"window": 40, "overlap": 30}])
def test_settings_that_make_no_sense_are_refused(wrong: dict):
    with pytest.raises(RecoverError) as caught:
        KinematicSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
