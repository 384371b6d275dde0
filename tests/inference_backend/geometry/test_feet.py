import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.geometry.feet import ANKLES, BALLS, HEEL, TOE, find_soles, soles_from_mesh
from inference_backend.geometry.forward_kinematics import pose_joints


@pytest.fixture(scope="module")
def body():
    return Body.load()


@pytest.mark.parametrize("stature", [-2.0, 0.0, 2.0])
def test_soles_of_the_open_body(body, stature):
    betas = np.zeros(10)
    betas[0] = stature
    soles = find_soles(body, betas)
    for side in (0, 1):
        ankle, ball = soles.joints[ANKLES[side]], soles.joints[BALLS[side]]
        heel, toe = soles.points[side, HEEL], soles.points[side, TOE]
        assert heel[2] < ankle[2] < ball[2] < toe[2]
        assert 0.12 < toe[2] - heel[2] < 0.3
        assert soles.on_toes[side, TOE]
        assert not soles.on_toes[side, HEEL]
        assert ankle[1] - heel[1] > 0.04
        around = Rotation.from_matrix(soles.flat[side])
        assert np.rad2deg(around.magnitude()) < 5
        level = (soles.points[side] - ankle) @ soles.flat[side].T
        np.testing.assert_allclose(level[:, 1] - level[:, 1].min(), soles.clearance[side], atol=2e-3)
        assert soles.clearance[side].max() < 0.02


def test_a_pointed_rest_foot_is_laid_flat(body):
    zero = torch.zeros(10)
    joints, vertices = body.rest_joints(zero)[:22].double().numpy(), body.rest_vertices(zero).double().numpy()
    pointed = vertices.copy()
    owner = body.lbs_weights.argmax(1).numpy()
    for side in (0, 1):
        foot = np.isin(owner, (ANKLES[side], BALLS[side]))
        turn = Rotation.from_euler("x", 12, degrees=True)
        pointed[foot] = turn.apply(vertices[foot] - joints[ANKLES[side]]) + joints[ANKLES[side]]
    soles = soles_from_mesh(joints, pointed, body.lbs_weights.double().numpy())
    angle = Rotation.from_matrix(soles.flat).as_rotvec(degrees=True)
    np.testing.assert_allclose(angle, [[-12, 0, 0]] * 2, atol=1.5)


def test_points_move_as_the_skin_does(body):
    """The points are taken as rigid; skinning agrees to millimetres in ordinary poses."""
    soles = find_soles(body, np.zeros(10))
    rest = body.rest_vertices(torch.zeros(10)).double().numpy()
    index = [[int(np.linalg.norm(rest - p, axis=1).argmin()) for p in side] for side in soles.points]
    rotvec = np.zeros((1, 21, 3))
    rotvec[0, 0] = [-0.6, 0.1, 0.1]
    rotvec[0, 3] = [0.8, 0, 0]
    rotvec[0, 6] = [0.3, 0.1, 0.0]
    rotvec[0, 9] = [-0.3, 0, 0]
    pose = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(1, 21, 3, 3)
    joints, rotations = pose_joints(soles.joints, np.eye(3)[None], pose, np.array([[0.1, 0.2, 0.3]]))
    out = body(
        *(torch.tensor(a, dtype=torch.float32) for a in (np.zeros(10), np.eye(3)[None], pose, [[0.1, 0.2, 0.3]]))
    )
    np.testing.assert_allclose(out.joints[0, :22].numpy(), joints[0], atol=1e-5)
    skin = out.vertices[0].numpy()[np.array(index)]
    assert np.linalg.norm(soles.of(joints, rotations)[0] - skin, axis=-1).max() < 0.012
    assert (
        np.linalg.norm(
            soles.of(joints, rotations)[0, :, [HEEL, TOE]] - skin[:, [HEEL, TOE]].swapaxes(0, 1), axis=-1
        ).max()
        < 0.004
    )
