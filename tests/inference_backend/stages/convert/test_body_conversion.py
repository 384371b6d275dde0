"""Motions from one body to another, whose mesh, shape space and proportions are different ones."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.body.body_file import read_body_file
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.geometry.forward_kinematics import pose_joints
from inference_backend.records.context import StageContext
from inference_backend.stages.convert.stage import convert_body


def other_arrays():
    """The open body stretched, its vertices and betas shuffled, its hips lower."""
    own = read_body_file(OPEN_BODY)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(own.v_template))
    number = np.argsort(order)
    mix = np.linalg.qr(rng.normal(size=(10, 10)))[0].astype(np.float32)
    return replace(
        own,
        name="OTHER",
        sha256="1" * 64,
        v_template=(own.v_template * np.array([1.06, 0.96, 1.03], np.float32))[order],
        shapedirs=(own.shapedirs @ mix)[order],
        faces=number[own.faces],
        j_regressor=own.j_regressor[:, order],
        weights=own.weights[order],
        points={name: int(number[index]) for name, index in own.points.items()},
    )


@pytest.fixture(scope="module")
def bodies():
    return Body.load(), Body(other_arrays())


@pytest.fixture
def evidence(studio):
    rng = np.random.default_rng(1)
    found = studio.film(studio.walk(seconds=2.0), np.array([0.5, 1.4, 5.0]), 5.0, person_id=4)
    arms = np.tile(np.eye(3), (len(found.frames), 21, 1, 1))
    swing = np.sin(np.linspace(0, 9, len(found.frames)))[:, None, None] * rng.normal(size=(21, 3)) * 0.3
    arms[:] = Rotation.from_rotvec(swing.reshape(-1, 3)).as_matrix().reshape(arms.shape)
    valid = np.arange(len(found.frames)) != 7
    return replace(found, betas=rng.normal(size=10), body_pose=found.body_pose @ arms, valid=valid)


def joints_of(body, motion):
    import torch

    rest = body.rest_joints(torch.from_numpy(motion.betas).float())[:22].numpy()
    return pose_joints(rest, motion.global_orient, motion.body_pose, motion.transl)[0]


def error_mm(one, other):
    return np.linalg.norm(one - other, axis=-1) * 1000


def test_another_body_takes_the_same_poses(bodies, evidence):
    source, target = bodies
    notes = []
    found = convert_body(evidence, source, target, StageContext(note=notes.append))
    off = error_mm(joints_of(target, found), joints_of(source, evidence))
    assert off.mean() < 4
    assert off.max() < 15
    turned = Rotation.from_matrix((evidence.body_pose.mT @ found.body_pose).reshape(-1, 3, 3)).magnitude()
    assert np.rad2deg(turned).max() < 4  # rotations carry over: bodies share their zero pose
    known = off[evidence.valid]
    assert notes == [
        f"Person 5 was recovered on the body SMPLX_OPEN and refitted to OTHER: joints are off by {known.mean():.0f} mm "
        f"on average and {known.max():.0f} mm at most."
    ]
    for name in ("person_id", "shot", "frames", "valid", "confidence", "depth_sigma", "reproj_err", "estimator"):
        assert getattr(found, name) is getattr(evidence, name)


def test_there_and_back_is_the_same_motion(bodies, evidence):
    source, target = bodies
    there = convert_body(evidence, source, target, StageContext())
    back = convert_body(there, target, source, StageContext())
    assert error_mm(joints_of(source, back), joints_of(source, evidence)).mean() < 3


def test_joints_that_another_body_has_elsewhere_do_not_bend_it(bodies, evidence):
    source, _ = bodies
    own = other_arrays()
    lower = own.j_regressor.copy()
    lower[[1, 2]] = 0.5 * own.j_regressor[[1, 2]] + 0.5 * own.j_regressor[[4, 5]]  # hips half-way to the knees
    target = Body(replace(own, j_regressor=lower, sha256="2" * 64))
    found = convert_body(evidence, source, target, StageContext())
    turned = Rotation.from_matrix((evidence.body_pose.mT @ found.body_pose).reshape(-1, 3, 3)).magnitude()
    assert np.rad2deg(turned).max() < 30
    assert error_mm(joints_of(target, found), joints_of(source, evidence))[:, [20, 21, 15]].max() < 30


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_frames(bodies, evidence, studio, count):
    source, target = bodies
    found = convert_body(studio.shorter(evidence, count), source, target, StageContext())
    assert found.global_orient.shape == (count, 3, 3)
    assert found.body_pose.shape == (count, 21, 3, 3)
    assert np.isfinite(found.betas).all()
    few = studio.shorter(evidence, count)
    assert (error_mm(joints_of(target, found), joints_of(source, few)) < 15).all()
