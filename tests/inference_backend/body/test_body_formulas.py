"""The body's formulas on a toy body small enough to work out by hand, and its parts against each other."""

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.body.body_file import BodyArrays
from inference_backend.body.kinematics import KinematicTree
from inference_backend.protocol.skeleton import JOINTS, PARENTS

QUARTER = np.pi / 2


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.load(dtype=torch.float64)


def random_motion(frames: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "betas": normal(frames, 10),
        "global_orient": roma.rotvec_to_rotmat(normal(frames, 3)),
        "body_pose": roma.rotvec_to_rotmat(0.5 * normal(frames, 21, 3)),
        "transl": normal(frames, 3),
    }


def toy_body(posedirs: np.ndarray | None = None) -> Body:
    """Each joint has its own vertex on it, at 1 m along x from its parent; one more vertex hangs on two joints."""
    depth = np.zeros(55)
    for joint, parent in enumerate(PARENTS):
        depth[joint] = depth[parent] + 1 if joint else 0
    joints = np.stack([depth, np.zeros(55), np.zeros(55)], axis=1)
    vertices = np.concatenate([joints, [[1.0, 0.0, 0.5]]]).astype(np.float32)
    weights = np.concatenate([np.eye(55), np.zeros((1, 55))]).astype(np.float32)
    weights[55, [JOINTS.index("pelvis"), JOINTS.index("left_hip")]] = 0.25, 0.75
    shapedirs = np.zeros((56, 3, 10), dtype=np.float32)
    shapedirs[:, 0, 0] = 0.1 * vertices[:, 0]  # one beta stretches everything by a tenth
    return Body(
        BodyArrays(
            name="toy",
            sha256="",
            v_template=vertices,
            faces=np.array([[0, 1, 2]]),
            shapedirs=shapedirs,
            posedirs=posedirs,
            j_regressor=np.concatenate([np.eye(55), np.zeros((55, 1))], axis=1).astype(np.float32),
            weights=weights,
            points={},
        ),
        dtype=torch.float64,
    )


def turned(**angles: tuple[float, float, float]) -> torch.Tensor:
    pose = torch.zeros(21, 3, dtype=torch.float64)
    for name, rotvec in angles.items():
        pose[JOINTS.index(name) - 1] = torch.tensor(rotvec)
    return roma.rotvec_to_rotmat(pose)


def test_two_quarter_turns_by_hand() -> None:
    toy = toy_body()
    betas = torch.zeros(10, dtype=torch.float64)
    betas[0] = 1.0  # bones of 1.1 m
    pose = turned(left_hip=(0, 0, QUARTER), left_knee=(0, 0, QUARTER))
    out = toy(betas, torch.eye(3, dtype=torch.float64), pose, torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64))

    def at(name: str) -> list[float]:
        return out.joints[JOINTS.index(name)].tolist()

    assert at("left_hip") == pytest.approx([1.1, 5.0, 0.0], abs=1e-6)
    assert at("left_knee") == pytest.approx([1.1, 6.1, 0.0], abs=1e-6)  # the hip turns +x to +y
    assert at("left_ankle") == pytest.approx([0.0, 6.1, 0.0], abs=1e-6)  # hip and knee together turn +x to -x
    assert at("right_knee") == pytest.approx([2.2, 5.0, 0.0], abs=1e-6)
    assert torch.allclose(out.vertices[:55], out.joints)


def test_skin_blends_transforms_by_hand() -> None:
    toy = toy_body()
    zero = torch.zeros(10, dtype=torch.float64)
    pose = turned(left_hip=(0, QUARTER, 0))
    out = toy(zero, torch.eye(3, dtype=torch.float64), pose, torch.zeros(3, dtype=torch.float64))
    # The pelvis leaves the vertex at (1, 0, 0.5); the hip, at (1, 0, 0), turns +z to +x and so takes it to (1.5, 0, 0).
    assert out.vertices[55].tolist() == pytest.approx([0.25 * 1 + 0.75 * 1.5, 0.0, 0.25 * 0.5])


def test_root_turns_about_the_resting_pelvis(body: Body) -> None:
    motion = random_motion(4)
    joints, rotations = body.skeleton(**motion)
    assert torch.allclose(joints[:, 0], body.rest_joints(motion["betas"])[:, 0] + motion["transl"])
    assert torch.allclose(rotations[:, 0], motion["global_orient"])


def test_tree_agrees_with_walking_joint_by_joint() -> None:
    generator = torch.Generator().manual_seed(3)
    rest = torch.randn(2, 55, 3, generator=generator)
    local = roma.rotvec_to_rotmat(torch.randn(2, 55, 3, generator=generator))
    joints, rotations = KinematicTree(PARENTS)(rest, local)
    places, turns = [rest[:, 0]], [local[:, 0]]
    for joint, parent in enumerate(PARENTS):
        if joint:
            bone = (turns[parent] @ (rest[:, joint] - rest[:, parent]).unsqueeze(-1)).squeeze(-1)
            places.append(places[parent] + bone)
            turns.append(turns[parent] @ local[:, joint])
    assert torch.allclose(joints, torch.stack(places, 1), atol=1e-5)
    assert torch.allclose(rotations, torch.stack(turns, 1), atol=1e-5)


def test_skeleton_is_forward_without_skin(body: Body) -> None:
    motion = random_motion(5)
    joints, _ = body.skeleton(**motion)
    assert torch.allclose(joints, body(**motion).joints[:, :22], atol=1e-12)


def test_leading_dimensions_broadcast(body: Body) -> None:
    motion = random_motion(6)
    one_shape = motion["betas"][0]
    joints, _ = body.skeleton(
        one_shape,
        motion["global_orient"].unflatten(0, (2, 3)),
        motion["body_pose"].unflatten(0, (2, 3)),
        motion["transl"].unflatten(0, (2, 3)),
    )
    single, _ = body.skeleton(one_shape, motion["global_orient"][4], motion["body_pose"][4], motion["transl"][4])
    assert joints.shape == (2, 3, 22, 3)
    assert torch.allclose(joints[1, 1], single)


@pytest.mark.parametrize("correctives", [False, True])
def test_subset_equals_forward_at_its_vertices(body: Body, correctives: bool) -> None:
    if correctives:  # only a user's own file has them: the same body with random ones
        count = len(body.v_template)
        rows = torch.randn(54 * 9, count * 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        body = Body.load(dtype=torch.float64)
        body.posedirs = 1e-3 * rows
    motion = random_motion(3)
    chosen = [*body.points.values(), *range(0, len(body.v_template), 97)]
    joints, rotations = body.skeleton(**motion)
    expected = body(**motion).vertices[:, chosen]
    assert torch.allclose(body.subset(chosen)(motion["betas"], joints, rotations), expected, atol=1e-10)


def test_pose_correctives_follow_the_rotation_matrix() -> None:
    posedirs = np.zeros((56, 3, 54 * 9), dtype=np.float32)
    knee = JOINTS.index("left_knee") - 1
    posedirs[0, 1, knee * 9 + 1] = 0.5  # the pelvis's vertex rises by half of R[0,1] of the knee
    toy = toy_body(posedirs)
    zero = torch.zeros(10, dtype=torch.float64)
    out = toy(zero, torch.eye(3, dtype=torch.float64), turned(left_knee=(0, 0, QUARTER)), torch.zeros(3).double())
    assert out.vertices[0].tolist() == pytest.approx([0.0, -0.5, 0.0])


def test_gradients_are_finite_at_identity(body: Body) -> None:
    betas = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    pose = torch.zeros(22, 3, dtype=torch.float64, requires_grad=True)
    transl = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    local = roma.rotvec_to_rotmat(pose)
    joints, rotations = body.skeleton(betas, local[0], local[1:], transl)
    heel = body.subset([body.points["left_heel"]])(betas, joints, rotations)
    (joints.square().sum() + heel.square().sum()).backward()
    for leaf in (betas, pose, transl):
        assert torch.isfinite(leaf.grad).all()
        assert leaf.grad.abs().sum() > 0


def test_chunks_cover_a_clip_once(body: Body) -> None:
    frames = [index for chunk in body.chunks(1000) for index in range(1000)[chunk]]
    assert frames == list(range(1000))
    assert len(body.chunks(1000)) > 1
    assert body.chunks(0) == []
