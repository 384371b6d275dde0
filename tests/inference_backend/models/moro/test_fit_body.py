"""Body parameters from meshes of known bodies. Needs the optional package smplfitter."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.build_connections import build_connections
from inference_backend.models.moro.fit_body import BodyFitting
from inference_backend.protocol.errors import ErrorCode, RecoverError


@pytest.fixture(scope="module")
def body():
    return Body.load(None)


def posed(body, frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    betas = 0.8 * torch.randn(10, generator=generator)
    turns = 0.15 * torch.randn(frames, 22, 3, generator=generator)
    turns[:, 10:12] = 0  # toes are not fitted
    turns[:, 16, 2], turns[:, 17, 2] = -0.9, 0.9  # arms down
    turns[:, 0] = torch.randn(frames, 3, generator=generator)
    rotations = roma.rotvec_to_rotmat(turns)
    transl = torch.randn(frames, 3, generator=generator) + torch.tensor([0.0, 0.0, 4.0])
    flat = torch.eye(3).expand(frames, 15, 3, 3)
    out = body(betas, rotations[:, 0], rotations[:, 1:], transl, flat, flat)
    return betas, rotations, transl, out


@pytest.mark.parametrize("part", ["whole", "decimated"])
def test_known_bodies_come_back(body, part):
    pytest.importorskip("smplfitter.pt", reason="the optional package smplfitter is not installed")
    ids = np.arange(len(body.v_template))
    if part == "decimated":
        ids = build_connections(body.v_template.numpy(), body.faces.numpy(), (1500, 400, 54)).vertex_ids
    _betas, rotations, transl, out = posed(body, 20)
    meshes = out.vertices[:, ids]
    found = BodyFitting(body, ids).fit(lambda frames: meshes[frames], 20)
    assert found.rotations.shape == (20, 22, 3, 3)
    assert found.error.mean() < 0.004
    joints, _ = body.skeleton(found.betas, found.rotations[:, 0], found.rotations[:, 1:], found.transl)
    off = torch.linalg.vector_norm(joints - out.joints[:, :22], dim=-1).mean()
    assert off < 0.01, f"joints are {off * 1000:.1f} mm off"
    angle = torch.rad2deg(roma.rotmat_geodesic_distance(found.rotations[:, 0], rotations[:, 0]))
    assert angle.mean() < 3
    assert (found.transl - transl).norm(dim=-1).mean() < 0.02


def test_long_clips_share_the_shape_of_some_of_their_frames(body, monkeypatch):
    pytest.importorskip("smplfitter.pt", reason="the optional package smplfitter is not installed")
    from inference_backend.models.moro import fit_body

    monkeypatch.setattr(fit_body, "_SHAPE_FRAMES", 10)
    monkeypatch.setattr(fit_body, "_FRAMES_AT_ONCE", 7)
    ids = build_connections(body.v_template.numpy(), body.faces.numpy(), (1000, 200, 54)).vertex_ids
    *_, out = posed(body, 25)
    meshes, done = out.vertices[:, ids], []
    found = BodyFitting(body, ids).fit(lambda frames: meshes[frames], 25, done.append)
    assert found.rotations.shape == (25, 22, 3, 3)
    assert found.transl.shape == (25, 3)
    assert found.error.shape == (25,)
    assert found.error.mean() < 0.006
    assert done == [7, 14, 21, 25]


def test_without_the_package_it_says_so(body, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "smplfitter", None)
    monkeypatch.setitem(sys.modules, "smplfitter.pt", None)
    with pytest.raises(RecoverError, match="smplfitter") as caught:
        BodyFitting(body, np.arange(100))
    assert caught.value.code == ErrorCode.MISSING_PART
