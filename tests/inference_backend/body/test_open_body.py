"""The bundled body is the frozen one, and what docs/body.md promises of it holds."""

import hashlib

import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY, OPEN_BODY_SHA256
from inference_backend.protocol.skeleton import JOINTS, PARENTS


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.load(dtype=torch.float64)


@pytest.fixture(scope="module")
def mirrored_joints() -> list[int]:
    swap = {"left": "right", "right": "left"}
    return [JOINTS.index("_".join([swap.get(part, part) for part in name.split("_")])) for name in JOINTS]


def joint(body: Body, name: str, betas: torch.Tensor | None = None) -> torch.Tensor:
    betas = torch.zeros(10, dtype=torch.float64) if betas is None else betas
    return body.rest_joints(betas)[..., JOINTS.index(name), :]


def adults(count: int = 200) -> torch.Tensor:
    return torch.randn(count, 10, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def mirror_of_vertices(body: Body) -> np.ndarray:
    """Partner of each vertex, found by position."""
    vertices = body.v_template.numpy()
    keys = {tuple(np.round(v * 2**17).astype(int)): i for i, v in enumerate(vertices)}
    return np.array([keys[tuple(np.round(v * [-1, 1, 1] * 2**17).astype(int))] for v in vertices])


def test_the_file_is_the_frozen_one(body: Body) -> None:
    assert hashlib.sha256(OPEN_BODY.read_bytes()).hexdigest() == OPEN_BODY_SHA256 == body.sha256
    assert body.name == "SMPLX_OPEN"
    assert OPEN_BODY.stat().st_size < 4e6


def test_it_holds_no_pickle() -> None:
    with np.load(OPEN_BODY, allow_pickle=False) as file:
        for key in file.files:
            assert file[key].dtype != object
        assert file["joint_names"].tolist() == list(JOINTS)


@pytest.mark.parametrize("side", ["left", "right"])
def test_zero_pose_is_a_t_pose(body: Body, side: str) -> None:
    """Arms along +-x, legs along -y, feet along +z, palms down, thumbs forward: for every body, not only the mean."""
    sign = 1.0 if side == "left" else -1.0
    betas = adults()
    for first, second, axis in [
        ("shoulder", "elbow", (sign, 0, 0)),
        ("elbow", "wrist", (sign, 0, 0)),
        ("shoulder", "wrist", (sign, 0, 0)),
        ("wrist", "middle1", (sign, 0, 0)),
        ("hip", "knee", (0, -1, 0)),
        ("knee", "ankle", (0, -1, 0)),
        ("hip", "ankle", (0, -1, 0)),
    ]:
        bone = joint(body, f"{side}_{second}", betas) - joint(body, f"{side}_{first}", betas)
        cosine = torch.nn.functional.normalize(bone, dim=-1) @ torch.tensor(axis, dtype=torch.float64)
        assert torch.rad2deg(cosine.clamp(max=1).acos()).max() < 2.5, (first, second)
    foot = joint(body, f"{side}_foot") - joint(body, f"{side}_ankle")
    assert abs(foot[0]) < 0.003
    assert foot[2] > 0.1
    thumb, index, pinky = (joint(body, f"{side}_{finger}2") for finger in ("thumb", "index", "pinky"))
    assert thumb[2] > index[2] > pinky[2]
    sole = [body.v_template[body.points[f"{side}_sole_{where}"]][1] for where in ("heel", "big_ball", "small_ball")]
    assert max(sole) - min(sole) < 0.004


def test_it_faces_forward_with_its_left_on_the_left(body: Body) -> None:
    head = joint(body, "head")
    assert body.v_template[body.points["nose"]][2] > head[2] + 0.05
    assert body.v_template[body.points["left_ear"]][0] > 0.05
    assert body.v_template[body.points["head_top"]][1] > head[1] + 0.1
    assert joint(body, "pelvis")[1].item() == pytest.approx(-0.36, abs=0.03)
    assert joint(body, "spine3").abs().max() < 0.002


def test_the_mesh_is_closed_and_faces_outward(body: Body) -> None:
    faces = body.faces
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = len(body.v_template)
    key, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    assert len(key.unique()) == len(key)
    assert torch.equal(key.sort().values, back.sort().values)
    a, b, c = body.v_template[faces].unbind(1)
    volume = torch.sum(a * torch.linalg.cross(b, c)) / 6
    assert 0.05 < volume < 0.09  # cubic metres
    assert faces.unique().numel() == count


def test_it_is_symmetric(body: Body, mirrored_joints: list[int]) -> None:
    mirror = mirror_of_vertices(body)
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    assert np.array_equal(mirror[mirror], np.arange(len(mirror)))
    assert torch.equal(body.shapedirs[mirror] * flip[:, None], body.shapedirs)
    assert torch.equal(body.lbs_weights[mirror][:, mirrored_joints], body.lbs_weights)
    assert torch.allclose(body.J_template[mirrored_joints] * flip, body.J_template, atol=1e-6)
    triangles = {tuple(sorted(face)) for face in body.faces.tolist()}
    assert {tuple(sorted(mirror[list(face)].tolist())) for face in triangles} == triangles
    for name, vertex in body.points.items():
        if name.startswith("left_"):
            assert body.points["right_" + name[5:]] == mirror[vertex]


def test_weights_and_regressor_are_means(body: Body) -> None:
    for rows in (body.lbs_weights, body.J_regressor):
        assert rows.min() >= 0
        assert torch.allclose(rows.sum(1), torch.ones(len(rows), dtype=torch.float64), atol=1e-4)
    influences = (body.lbs_weights > 0).sum(1)
    assert influences.max() <= 10


def test_beta_0_is_stature_and_nothing_else_is(body: Body) -> None:
    def stature(betas: torch.Tensor) -> float:
        vertices = body.rest_vertices(betas)
        return float(vertices[:, 1].max() - vertices[:, 1].min())

    mean = torch.zeros(10, dtype=torch.float64)
    low, high = mean.clone(), mean.clone()
    low[0], high[0] = -2.2, 2.7
    assert stature(low) < 1.5
    assert stature(high) > 2.0
    assert 1.68 < stature(mean) < 1.78
    for k in range(1, 10):
        for value in (-2.0, 2.0):
            other = mean.clone()
            other[k] = value
            assert stature(other) == pytest.approx(stature(mean), abs=0.004)


def test_every_beta_moves_the_body_and_the_first_ones_most(body: Body) -> None:
    spread = body.shapedirs.square().sum(1).mean(0).sqrt()
    assert spread.min() > 0.0005
    assert torch.equal(spread.sort(descending=True).values, spread)
    assert torch.all(body.shapedirs.abs().amax((0, 1)) < 0.2)


def test_every_joint_lies_inside_the_body_for_every_shape(body: Body) -> None:
    vertices, joints = body.rest_vertices(adults(50)), body.rest_joints(adults(50))
    assert torch.all(joints >= vertices.amin(1, keepdim=True))
    assert torch.all(joints <= vertices.amax(1, keepdim=True))
    bones = (joints[:, 1:] - joints[:, list(PARENTS[1:])]).norm(dim=-1)
    assert bones.min() > 0.003


def test_named_points_lie_where_they_say(body: Body) -> None:
    at = {name: body.v_template[vertex] for name, vertex in body.points.items()}
    floor = body.v_template[:, 1].min()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        ankle, ball = joint(body, f"{side}_ankle"), joint(body, f"{side}_foot")
        assert at[f"{side}_heel"][2] < ankle[2] - 0.03
        assert at[f"{side}_big_toe"][2] > ball[2] + 0.03
        assert sign * (at[f"{side}_small_toe"][0] - at[f"{side}_big_toe"][0]) > 0.03
        for name in ("sole_heel", "sole_big_ball", "sole_small_ball", "sole_toe"):
            assert at[f"{side}_{name}"][1] < floor + 0.012, name
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            knuckle = joint(body, f"{side}_{finger}3")
            assert 0.01 < (at[f"{side}_{finger}_tip"] - knuckle).norm() < 0.045, finger
        eye = joint(body, f"{side}_eye_smplhf")
        assert sign * at[f"{side}_eye_inner"][0] < sign * eye[0] < sign * at[f"{side}_eye_outer"][0]
        assert sign * at[f"{side}_ear"][0] > 0.06
        assert 0.015 < sign * at[f"{side}_mouth"][0] < 0.035
    assert at["nose"][1] > at["left_mouth"][1] > at["chin"][1]
    assert at["left_eye"][1] > at["nose"][1]
