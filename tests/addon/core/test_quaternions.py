import numpy as np
import pytest
from recover_motion.addon.core.quaternions import (
    conjugate,
    from_matrices,
    from_rotation_vectors,
    make_continuous,
    multiply,
    slerp,
    to_matrices,
    twist_angle,
)

from tests.addon.synthetic_result import rotation


def same_rotation(a, b):
    return np.abs(np.abs(np.sum(a * b, axis=-1)) - 1).max()


def test_rotation_vectors_matrices_and_back(rng):
    vectors = rng.normal(size=(500, 3)) * rng.uniform(0, 1.8, (500, 1))
    vectors[0] = 0
    quaternions = from_rotation_vectors(vectors)
    np.testing.assert_allclose(to_matrices(quaternions), rotation(vectors), atol=1e-12)
    assert same_rotation(from_matrices(to_matrices(quaternions)), quaternions) < 1e-12


@pytest.mark.parametrize("axis", np.vstack([np.eye(3), [[0.6, 0.8, 0], [0, -0.6, 0.8]]]))
def test_half_turns_come_back_from_matrices(axis):
    quaternion = from_rotation_vectors(np.pi * axis)
    assert same_rotation(from_matrices(to_matrices(quaternion)), quaternion) < 1e-12


def test_product_is_the_product_of_matrices(rng):
    a, b = (from_rotation_vectors(rng.normal(size=(50, 3))) for _ in range(2))
    np.testing.assert_allclose(to_matrices(multiply(a, b)), to_matrices(a) @ to_matrices(b), atol=1e-12)
    np.testing.assert_allclose(multiply(a, conjugate(a))[:, 0], 1.0, atol=1e-12)


def test_signs_are_continuous_through_two_whole_turns():
    angle = np.linspace(0.3, 0.3 + 4 * np.pi, 200)
    q = from_matrices(to_matrices(from_rotation_vectors(angle[:, None] * np.array([0.0, 0.6, 0.8]))))
    assert (np.sum(q[1:] * q[:-1], axis=-1) < 0).any()
    kept = make_continuous(q)
    assert (np.sum(kept[1:] * kept[:-1], axis=-1) > 0.99).all()
    assert same_rotation(kept, q) < 1e-12


def test_slerp_turns_at_constant_speed_along_the_shorter_way():
    axis = np.array([0.0, 0.6, 0.8])
    a, b = from_rotation_vectors(0.2 * axis), -from_rotation_vectors(1.4 * axis)
    for fraction in (0.0, 0.25, 0.5, 1.0):
        expected = from_rotation_vectors((0.2 + 1.2 * fraction) * axis)
        assert same_rotation(slerp(a, b, fraction), expected) < 1e-12
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-12)


def test_twist_is_the_heading_of_someone_who_leans():
    up = np.array([0.0, 1.0, 0.0])
    for heading in (-2.0, 0.4, 3.0):
        for lean in ([1.0, 0, 0], [0, 0, 1.2], [-2.5, 0, 0]):
            q = multiply(from_rotation_vectors(heading * up), from_rotation_vectors(lean))
            assert twist_angle(q, up) == pytest.approx(heading)
