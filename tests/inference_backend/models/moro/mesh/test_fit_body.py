"""Body parameters from meshes of known bodies."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.mesh.fit_body import BodyFitting
from inference_backend.models.moro.mesh.mesh_pose import MeshPose
from inference_backend.models.moro.tokenizer.build_connections import build_connections
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


def off_surface(body, found, out):
    """Mean distance of the fitted body's vertices from the true body's, metres `[T]`."""
    flat = torch.eye(3).expand(len(found.transl), 15, 3, 3)
    rotations = found.rotations
    made = body(found.betas, rotations[:, 0], rotations[:, 1:], found.transl, flat, flat)
    return torch.linalg.vector_norm(made.vertices - out.vertices, dim=-1).mean(-1)


def degrees(found, rotations):
    return torch.rad2deg(roma.rotmat_geodesic_distance(found.rotations, rotations))


@pytest.mark.parametrize("part", ["whole", "decimated"])
def test_known_bodies_come_back(body, part):
    ids = np.arange(len(body.v_template))
    if part == "decimated":
        ids = build_connections(body.v_template.numpy(), body.faces.numpy(), (1500, 400, 54)).vertex_ids
    _betas, rotations, transl, out = posed(body, 20)
    meshes = out.vertices[:, ids]
    found = BodyFitting(body, ids).fit(lambda frames: meshes[frames], 20)
    assert found.rotations.shape == (20, 22, 3, 3)
    assert off_surface(body, found, out).mean() < 0.001
    joints, _ = body.skeleton(found.betas, found.rotations[:, 0], found.rotations[:, 1:], found.transl)
    off = torch.linalg.vector_norm(joints - out.joints[:, :22], dim=-1).mean()
    assert off < 0.002, f"joints are {off * 1000:.1f} mm off"
    assert degrees(found, rotations).mean() < 1.5
    assert (found.transl - transl).norm(dim=-1).mean() < 0.003


def test_uneven_meshes_do_not_turn_the_body_parts(body):
    """Decoded meshes are off by a centimetre: smplfitter alone turns the head of these by 25 degrees."""
    ids = build_connections(body.v_template.numpy(), body.faces.numpy(), (1720, 430, 54)).vertex_ids
    betas, rotations, _transl, out = posed(body, 40)
    meshes = out.vertices[:, ids] + 0.01 * torch.randn(40, len(ids), 3, generator=torch.Generator().manual_seed(1))
    found = BodyFitting(body, ids).fit(lambda frames: meshes[frames], 40)
    assert off_surface(body, found, out).mean() < 0.004
    assert degrees(found, rotations).mean() < 3
    assert degrees(found, rotations)[:, 15].mean() < 6, "the head"
    assert (found.betas - betas).abs().mean() < 0.15


def test_as_released(body):
    """The authors' settings: smplfitter once, joints by the body's own regressor, a shape that is held back."""
    ids = np.arange(len(body.v_template))
    _betas, _rotations, _transl, out = posed(body, 12)
    found = BodyFitting(body, ids, released=True).fit(lambda frames: out.vertices[frames], 12)
    assert off_surface(body, found, out).mean() < 0.03


def test_start_far_off_is_pulled_in(body):
    ids = np.arange(0, len(body.v_template), 9)
    betas, rotations, transl, out = posed(body, 10)
    generator = torch.Generator().manual_seed(3)
    astray = rotations @ roma.rotvec_to_rotmat(0.2 * torch.randn(10, 22, 3, generator=generator))
    astray[:, 10:12] = rotations[:, 10:12]
    fit = MeshPose(body, ids, betas)
    turned, moved = fit.refine(out.vertices[:, ids], astray, transl + 0.1, iterations=8)
    torch.testing.assert_close(moved, transl, atol=1e-4, rtol=0)
    assert torch.rad2deg(roma.rotmat_geodesic_distance(turned, rotations)).mean() < 0.05
    assert torch.equal(turned[:, 10:12], rotations[:, 10:12])


@pytest.mark.parametrize("released", [False, True])
def test_long_clips_share_the_shape_of_some_of_their_frames(body, monkeypatch, released):
    from inference_backend.models.moro.mesh import fit_body

    monkeypatch.setattr(fit_body, "_SHAPE_FRAMES", 10)
    monkeypatch.setattr(fit_body, "_RELEASED_SHAPE_FRAMES", 10)
    monkeypatch.setattr(fit_body, "_FRAMES_AT_ONCE", 7)
    ids = build_connections(body.v_template.numpy(), body.faces.numpy(), (1000, 200, 54)).vertex_ids
    *_, out = posed(body, 25)
    meshes, done = out.vertices[:, ids], []
    found = BodyFitting(body, ids, released).fit(lambda frames: meshes[frames], 25, done.append)
    assert found.rotations.shape == (25, 22, 3, 3)
    assert found.transl.shape == (25, 3)
    assert torch.isfinite(found.rotations).all()
    assert released or off_surface(body, found, out).mean() < 0.001
    assert done == [7, 14, 21, 25]


def test_without_the_package_it_says_so(body, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "smplfitter", None)
    monkeypatch.setitem(sys.modules, "smplfitter.pt", None)
    with pytest.raises(RecoverError, match="smplfitter") as caught:
        BodyFitting(body, np.arange(100))
    assert caught.value.code == ErrorCode.MISSING_PART
