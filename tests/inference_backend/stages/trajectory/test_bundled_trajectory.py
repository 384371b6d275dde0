"""The trajectory weights that come with the program are what their card says, and know a walk."""

import hashlib
from dataclasses import replace

import numpy as np

from inference_backend.body.body import Body
from inference_backend.models.trajectory.weights_file import load_weights
from inference_backend.records.camera import WorldFrame
from inference_backend.records.context import StageContext
from inference_backend.stages.trajectory.settings import TrajectorySettings
from inference_backend.stages.trajectory.stage import regenerate_paths
from inference_backend.training.trajectory.bundle import LARGEST_MB


def test_the_card_names_the_file(bundled):
    text = bundled.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(bundled.read_bytes()).hexdigest() in text
    assert "mocap.cs.cmu.edu" in text
    assert bundled.stat().st_size < LARGEST_MB * 1e6
    loaded = load_weights(bundled)
    assert loaded.metadata["body_sha256"] == Body.load().sha256
    assert loaded.network.config.condition_of == "joints"


def test_a_walk_that_a_carried_camera_follows_gets_its_path(studio, bundled):
    """The camera keeps its distance, so that the person seems to walk on the spot."""
    walk = studio.walk(seconds=5.0, speed=1.2, heading=0.5)
    count, rest = len(walk.video), walk.soles.joints[0]
    way = walk.motion.transl * [1, 0, 1] + [0.0, 1.5, 4.0]
    estimate = studio.film(walk, way, 10.0)
    R = studio.rotation(10.0).T
    still = WorldFrame(np.tile(R, (count, 1, 1)), np.tile(way[0], (count, 1)), (True,), ("feet",))
    seen = replace(walk.motion, transl=way[0] + (estimate.transl + rest) @ R.T - rest)
    (out,), _, world = regenerate_paths(
        walk.video, still, [estimate], [seen], studio.body, TrajectorySettings(), StageContext(), {0: np.arange(count)}
    )
    true, found = (motion.transl[-1] - motion.transl[0] for motion in (walk.motion, out))
    assert np.linalg.norm(seen.transl[-1] - seen.transl[0]) < 0.1
    assert np.linalg.norm(found) > 0.6 * np.linalg.norm(true)
    assert found @ true > 0.95 * np.linalg.norm(found) * np.linalg.norm(true)
    gone = world.cam_pos_world[-1] - world.cam_pos_world[0]
    assert np.linalg.norm(gone - found) < 0.3
