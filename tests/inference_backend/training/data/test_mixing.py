"""Poses that were not recorded, made of poses that were."""

import roma
import torch

from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.training.data.mixing import mixed
from inference_backend.training.data.windows import Windows

_COUNT, _FRAMES = 400, 6
_ARM = [BODY_JOINTS.index(f"left_{part}") for part in ("shoulder", "elbow", "wrist")]
_SPINE, _KNEE, _FOOT = (BODY_JOINTS.index(name) for name in ("spine1", "left_knee", "left_foot"))


def _angles(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return roma.rotmat_geodesic_distance(a, b)


def _windows(generator: torch.Generator) -> Windows:
    turns = 0.8 * torch.randn(_COUNT, _FRAMES, 22, 3, generator=generator)
    pelvis = torch.randn(_COUNT, _FRAMES, 3, generator=generator)
    return Windows(roma.rotvec_to_rotmat(turns), pelvis, torch.randn(_COUNT, 10, generator=generator))


def test_some_arms_and_trunks_are_another_window_s(generator):
    windows = _windows(generator)
    found = mixed(windows, generator).rotations
    other = windows.rotations.roll(1, 0)
    near = {j: _angles(found[:, :, j], other[:, :, j]).mean(1) < 0.8 for j in (_SPINE, *_ARM, _KNEE)}
    arms = torch.stack([near[j] for j in _ARM], 1)
    assert (arms.all(1) == arms.any(1)).all(), "an arm comes as a whole"
    assert 0.2 < arms.all(1).float().mean() < 0.4
    assert 0.08 < near[_SPINE].float().mean() < 0.24
    assert (arms.all(1) | ~near[_SPINE]).all(), "a trunk brings its arms"
    assert near[_KNEE].float().mean() < 0.02


def test_limbs_are_held_differently_all_the_time_and_the_rest_stays(generator):
    windows = _windows(generator)
    found = mixed(windows, generator)
    assert torch.equal(found.pelvis, windows.pelvis)
    assert torch.equal(found.betas, windows.betas)
    torch.testing.assert_close(found.rotations[:, :, [0, _FOOT]], windows.rotations[:, :, [0, _FOOT]])
    turn = windows.rotations[:, :, _KNEE].mT @ found.rotations[:, :, _KNEE]
    torch.testing.assert_close(turn, turn[:, :1].expand_as(turn), atol=1e-5, rtol=0)
    size = roma.rotmat_to_rotvec(turn[:, 0]).norm(dim=-1)
    assert 0.4 < (size > 1e-4).float().mean() < 0.6
    assert 0.06 < size[size > 1e-4].mean() < 0.14
