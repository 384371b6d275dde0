"""Rotations in every mode of a pose bone: the same turn at each key, and no flip between keys."""

import numpy as np
import pytest
from mathutils import Euler, Quaternion
from recover_motion.addon.core.quaternions import make_continuous, to_matrices
from recover_motion.addon.core.retarget.channels import EULER_ORDERS, euler_angles, rotation_channel
from recover_motion.addon.core.retarget.rotations import about, chain


def tumble(count=400):
    """A turn that goes through every axis several times, by small steps."""
    t = np.linspace(0, 1, count)
    x, y, z = np.eye(3)
    return chain(about(x, 9 * t), about(y, 7 * np.sin(5 * t)), about(z, 4 * t))


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_euler_angles_are_blenders_and_continuous(order):
    quaternions = tumble()
    angles = euler_angles(quaternions, order)
    for q, a in zip(quaternions, angles, strict=True):
        assert abs(Euler(a, order).to_quaternion().dot(Quaternion(q))) > 1 - 1e-6
    # gimbal lock can make two angles fast, never jump by half a circle or more
    steps = np.abs(np.diff(angles, axis=0))
    assert steps.max() < np.pi
    away = np.abs(np.cos(angles[:, "XYZ".index(order[1])])) > 0.3
    calm = away[1:] & away[:-1]
    assert steps[calm].max() < 0.4


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_exact_gimbal_lock(order):
    middle = np.eye(3)["XYZ".index(order[1])]
    first = np.eye(3)["XYZ".index(order[0])]
    quaternions = chain(about(middle, np.full(9, np.pi / 2)), about(first, np.linspace(0, 2, 9)))
    angles = euler_angles(quaternions, order)
    for q, a in zip(quaternions, angles, strict=True):
        assert abs(Euler(a, order).to_quaternion().dot(Quaternion(q))) > 1 - 1e-6
    assert np.abs(np.diff(angles, axis=0)).max() < 0.3


def test_axis_and_angle():
    quaternions = tumble()
    name, values = rotation_channel("AXIS_ANGLE", quaternions)
    assert name == "rotation_axis_angle"
    for q, (angle, *axis) in zip(quaternions, values, strict=True):
        assert abs(Quaternion(axis, angle).dot(Quaternion(q))) > 1 - 1e-6
    assert np.abs(np.diff(values[:, 0])).max() < np.pi / 2


def test_quaternions():
    name, values = rotation_channel("QUATERNION", -make_continuous(tumble()))
    assert name == "rotation_quaternion"
    assert np.sum(values[1:] * values[:-1], axis=-1).min() > 0.9
    assert np.allclose(to_matrices(values), to_matrices(tumble()))
