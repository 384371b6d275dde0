"""A camera that is carried about is put where the people before it say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.models.trajectory.canonical import Scale
from inference_backend.models.trajectory.config import TrajectoryConfig
from inference_backend.models.trajectory.denoiser import TrajDenoiser
from inference_backend.models.trajectory.weights_file import save_weights
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.camera import WorldFrame
from inference_backend.records.context import StageContext
from inference_backend.stages.trajectory.carried import follow_people
from inference_backend.stages.trajectory.person import person_of
from inference_backend.stages.trajectory.prior import Prior
from inference_backend.stages.trajectory.settings import TrajectorySettings
from inference_backend.stages.trajectory.stage import regenerate_paths

TILT = 8.0


@pytest.fixture(scope="module")
def shot(studio):
    """A walk of 6 m that a camera follows: the camera's way, what it saw, and the world as if it had stood still."""
    walk = studio.walk(heading=0.4)
    count = len(walk.video)
    way = walk.motion.transl * [0.9, 0.0, 0.7] + [0.5, 1.5, 4.0]
    way[:, 0] += 0.2 * np.sin(np.linspace(0, 5, count))
    estimate = studio.film(walk, way, TILT)
    R = studio.rotation(TILT).T
    still = WorldFrame(np.tile(R, (count, 1, 1)), np.tile(way[0], (count, 1)), (True,), ("feet",))
    rest = walk.soles.joints[0]
    observed = way[0] + (estimate.transl + rest) @ R.T
    return walk, way, estimate, still, replace(walk.motion, transl=observed - rest)


def follow(studio, shot, *, height=0.0, frames=None):
    walk, _, estimate, still, motion = shot
    person = person_of(walk.video, estimate, motion, studio.body, TrajectorySettings(), True)
    path = walk.motion.transl + walk.soles.joints[0] + [3.0, height, -2.0]
    prior = Prior(path, np.full(len(path), 0.1), "network", 1, 1)
    frames = np.arange(len(path)) if frames is None else frames
    return follow_people([(person, estimate, prior)], frames, walk.video, still, studio.body)


def test_a_body_that_tells_where_it_walks_tells_where_the_camera_went(studio, shot):
    walk, way, *_ = shot
    world, (person,) = follow(studio, shot)
    assert np.linalg.norm(np.ptp(way, axis=0)) > 3.0
    np.testing.assert_allclose(world.cam_pos_world, way, atol=0.03)
    np.testing.assert_allclose(person.motion.transl, shot[4].transl, atol=0)
    np.testing.assert_allclose(person.joints[:, 0], walk.motion.transl + walk.soles.joints[0], atol=0.03)
    assert person.contact.mean() == pytest.approx(walk.contact.mean(), abs=0.1)


def test_standing_feet_outvote_the_height_that_a_prior_has(studio, shot):
    world, _ = follow(studio, shot, height=0.1)
    assert world.cam_pos_world[:, 1] == pytest.approx(shot[1][:, 1], abs=0.05)


def test_without_arguments_about_shots_the_camera_stays(studio, shot, tmp_path):
    """Only shots that are named have a camera that goes. A network that was never trained says that nobody moves."""
    walk, _, estimate, still, motion = shot
    torch.manual_seed(0)
    path = tmp_path / "trajectory.safetensors"
    config = TrajectoryConfig(dim=32, layers=2, heads=4, ffn=48, condition=16, rates=True)
    save_weights(path, TrajDenoiser(config), Scale(), {})
    settings = TrajectorySettings(weights=str(path), steps=2)

    def run(carried):
        return regenerate_paths(walk.video, still, [estimate], [motion], studio.body, settings, StageContext(), carried)

    _, (report,), world = run({})
    assert world is still
    (out,), (report,), world = run({0: np.arange(len(walk.video))})
    assert report.regenerated.all()
    assert (report.yaw_deg, report.scale) == (0.0, 1.0)
    assert np.ptp(world.cam_pos_world, axis=0).max() > 0.01
    np.testing.assert_array_equal(world.R_cam_to_world, still.R_cam_to_world)
    # Whatever the network says, the person stays where the picture shows them.
    rest = walk.soles.joints[0]
    seen = np.einsum("nji,nj->ni", world.R_cam_to_world, out.transl + rest - world.cam_pos_world)
    true = estimate.transl + rest
    off = np.abs(seen[:, :2] / seen[:, 2:] - true[:, :2] / true[:, 2:])
    assert off.mean() < 0.02


def test_weights_for_comparison_are_refused(studio, shot, tmp_path):
    walk, _, estimate, still, motion = shot
    path = tmp_path / "x.safetensors"
    config = TrajectoryConfig(dim=32, layers=2, heads=4, ffn=48, condition=16, condition_of="rotations")
    save_weights(path, TrajDenoiser(config), Scale(), {})
    settings = TrajectorySettings(trigger="always", weights=str(path))
    with pytest.raises(RecoverError) as caught:
        regenerate_paths(walk.video, still, [estimate], [motion], studio.body, settings, StageContext())
    assert caught.value.code == ErrorCode.BAD_INPUT
