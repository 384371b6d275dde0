import numpy as np
from scipy.spatial.transform import Rotation

from inference_backend.stages.result.rotations import continuous_rotvec


def test_a_turn_through_180_degrees_does_not_flip_its_axis():
    angles = np.radians(np.linspace(90, 350, 131))
    axis = np.array([0.6, 0.0, 0.8])
    matrices = Rotation.from_rotvec(angles[:, None] * axis).as_matrix()
    rotvec = continuous_rotvec(matrices, np.ones(131, bool))
    np.testing.assert_allclose(rotvec, angles[:, None] * axis, atol=1e-6)


def test_every_frame_keeps_its_rotation_and_gaps_are_zero():
    rng = np.random.default_rng(0)
    steps = Rotation.from_rotvec(rng.normal(0, 0.4, (200, 3, 3)).reshape(-1, 3)).as_matrix().reshape(200, 3, 3, 3)
    matrices = np.empty_like(steps)
    matrices[0] = steps[0]
    for i in range(1, 200):
        matrices[i] = matrices[i - 1] @ steps[i]
    valid = rng.random(200) > 0.2
    matrices[~valid] = np.nan
    rotvec = continuous_rotvec(matrices, valid)
    assert (rotvec[~valid] == 0).all()
    back = Rotation.from_rotvec(rotvec[valid].reshape(-1, 3)).as_matrix().reshape(-1, 3, 3, 3)
    np.testing.assert_allclose(back, matrices[valid], atol=1e-6)
    assert np.linalg.norm(rotvec, axis=-1).max() <= 2 * np.pi + 1e-5


def test_rotations_near_identity_and_nobody_at_all():
    matrices = np.tile(np.eye(3), (4, 1, 1))
    assert (continuous_rotvec(matrices, np.ones(4, bool)) == 0).all()
    assert (continuous_rotvec(matrices, np.zeros(4, bool)) == 0).all()
    assert continuous_rotvec(np.zeros((0, 21, 3, 3)), np.zeros(0, bool)).shape == (0, 21, 3)


def test_of_the_two_vectors_the_nearer_one_is_taken_in_every_frame():
    rng = np.random.default_rng(1)
    matrices = Rotation.from_rotvec(rng.normal(0, 2, (500, 3))).as_matrix()
    rotvec = continuous_rotvec(matrices, np.ones(500, bool)).astype(np.float64)
    angle = np.linalg.norm(rotvec, axis=1, keepdims=True)
    other = rotvec * (1 - 2 * np.pi / angle)
    taken = np.linalg.norm(rotvec[1:] - rotvec[:-1], axis=1)
    left = np.linalg.norm(other[1:] - rotvec[:-1], axis=1)
    assert (taken <= left + 1e-4).all()
    assert (angle > np.pi).any()
