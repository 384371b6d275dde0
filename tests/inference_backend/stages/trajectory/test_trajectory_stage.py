from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.models.trajectory.canonical import Scale
from inference_backend.models.trajectory.config import TrajectoryConfig
from inference_backend.models.trajectory.denoiser import TrajDenoiser
from inference_backend.models.trajectory.weights_file import save_weights
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.store import load_record, save_record
from inference_backend.stages.trajectory.settings import TRIGGERS, TrajectorySettings
from inference_backend.stages.trajectory.stage import regenerate_paths
from inference_backend.stages.trajectory.weights import find_weights, weights_checksum
from inference_backend.stages.world.settings import WorldSettings
from inference_backend.stages.world.stage import place_in_world

EYE = np.array([0.3, 1.6, 6.0])


@pytest.fixture(scope="module")
def scene(studio):
    """A walk that a camera saw: video, camera in the world, estimate, motion."""
    walk = studio.walk(heading=0.6)
    estimate = studio.film(walk, EYE, 12.0)
    return make_scene(studio, walk, estimate)


def make_scene(studio, walk, estimate):
    count = len(walk.video)
    world, (motion,) = place_in_world(
        walk.video,
        studio.one_shot(count),
        studio.camera(count),
        [estimate],
        studio.body,
        WorldSettings(tilt_deg=12.0, fuse_depth=False),
        StageContext(),
    )
    return walk.video, world, estimate, motion


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small network that was never trained: it shows that the data flow, not that paths get better."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "trajectory.safetensors"
    save_weights(path, TrajDenoiser(TrajectoryConfig(dim=32, layers=2, heads=4, ffn=48, condition=16)), Scale(), {})
    return str(path)


def run(studio, scene, *, said=None, **settings):
    video, world, estimate, motion = scene
    ctx = StageContext(note=[].append if said is None else said.append)
    (out,), (report,), _ = regenerate_paths(
        video, world, [estimate], [motion], studio.body, TrajectorySettings(**{"trigger": "auto"} | settings), ctx
    )
    return out, report


def test_without_weights_paths_stay(studio, scene):
    said = []
    out, report = run(studio, scene, said=said)
    assert out is scene[3]
    assert (report.prior, report.regenerated.any(), said) == ("none", False, [])
    out, _ = run(studio, scene, said=said, trigger="always")
    assert out is scene[3]
    assert "no weights" in said[0]


def test_when_there_is_work():
    assert [TrajectorySettings(trigger=t).has_work("x") for t in TRIGGERS] == [False, False, True, True]
    assert [TrajectorySettings(trigger=t).has_work("x", carried=True) for t in TRIGGERS] == [False, True, True, True]
    assert [TrajectorySettings(trigger=t).has_work("", carried=True) for t in TRIGGERS] == [False, False, False, True]
    assert TrajectorySettings(without_weights=True, trigger="auto").has_work("")


def test_never_is_never(studio, scene, weights):
    out, report = run(studio, scene, trigger="never", weights=weights)
    assert out is scene[3]
    assert report.prior == "none"


def test_who_is_well_seen_is_left_alone(studio, scene, weights):
    out, report = run(studio, scene, weights=weights)
    assert not report.regenerated.any()
    assert out is scene[3]


@pytest.mark.parametrize("network", [True, False])
def test_only_the_path_changes(studio, scene, weights, network):
    source = {"weights": weights, "steps": 2, "seeds": 2} if network else {"without_weights": True}
    out, report = run(studio, scene, trigger="always", **source)
    motion = scene[3]
    assert report.prior == ("network" if network else "contacts")
    assert report.regenerated.all()
    assert (report.windows, report.seeds) == ((2, 2) if network else (0, 0))
    assert np.isfinite(out.transl).all()
    assert np.abs(out.transl - motion.transl).max() > 1e-4
    for name in ("global_orient", "body_pose", "betas", "valid", "confidence", "frames"):
        assert getattr(out, name) is getattr(motion, name)


def test_guidance_ties_paths_to_the_video_earlier(studio, scene, weights):
    """What a network that knows nothing says is outvoted by the video when the sampling is guided."""
    settings = {"trigger": "always", "weights": weights, "steps": 4, "lateral_s": 0.05, "depth_s": 0.05}
    free, _ = run(studio, scene, **settings)
    guided, _ = run(studio, scene, guide=True, **settings)
    off = [np.linalg.norm((m.transl - scene[3].transl)[:, [0, 2]], axis=1).mean() for m in (free, guided)]
    assert off[1] < 0.7 * off[0]


def test_standing_feet_hold_a_drifting_path(studio, scene):
    """A path that drifts by 20 cm in depth and back within a second is steadied; the true one changes little."""
    video, world, estimate, motion = scene
    away = motion.transl - world.cam_pos_world
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    drift = 0.1 * np.sin(2 * np.pi * video.time_s / 1.5)[:, None] * away * [1, 0, 1]
    settings = {"trigger": "always", "without_weights": True}
    true, _ = run(studio, scene, **settings)
    assert np.linalg.norm(true.transl - motion.transl, axis=1).mean() < 0.03
    drifting = replace(motion, transl=motion.transl + drift)
    held, _ = run(studio, (video, world, estimate, drifting), **settings)
    before, after = (np.linalg.norm(m.transl - motion.transl, axis=1).mean() for m in (drifting, held))
    assert after < 0.7 * before


@pytest.mark.parametrize("network", [True, False])
def test_somebody_who_leaves_and_comes_back(studio, scene, weights, network):
    """Two seconds without evidence: the gap and a second around it are regenerated, the rest stays as it was."""
    video, world, estimate, motion = scene
    valid = np.ones(len(video), bool)
    valid[70:110] = False
    lost = replace(motion, valid=valid, transl=motion.transl + np.where(valid, 0, 0.4)[:, None] * [1, 0, 0])
    source = {"weights": weights, "steps": 2} if network else {"without_weights": True}
    out, report = run(studio, (video, world, estimate, lost), **source)
    rows = np.flatnonzero(report.regenerated)
    assert rows[0] == pytest.approx(40, abs=3)
    assert rows[-1] == pytest.approx(139, abs=3)
    np.testing.assert_array_equal(out.transl[~report.regenerated], lost.transl[~report.regenerated])
    assert np.isfinite(out.transl).all()
    np.testing.assert_array_equal(out.valid, valid)
    if not network:
        # Nowhere is there a jump as the wrong place in the gap had one.
        jump = np.linalg.norm(np.diff(out.transl, n=2, axis=0), axis=1).max()
        assert jump < 0.1 * np.linalg.norm(np.diff(lost.transl, n=2, axis=0), axis=1).max()


@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_and_empty_tracks(studio, scene, weights, network, count):
    video, world, estimate, motion = scene
    source = {"weights": weights, "steps": 2} if network else {"without_weights": True}
    part = (video, world, studio.shorter(estimate, count), studio.shorter(motion, count))
    out, report = run(studio, part, trigger="always", **source)
    assert out.transl.shape == (count, 3)
    assert np.isfinite(out.transl).all()
    assert report.regenerated.shape == (count,)


@pytest.mark.parametrize("network", [True, False])
def test_nobody_seen_and_numbers_that_are_none(studio, scene, weights, network):
    video, world, estimate, motion = scene
    source = {"weights": weights, "steps": 2} if network else {"without_weights": True}
    unseen = replace(motion, valid=np.zeros(len(video), bool))
    out, report = run(studio, (video, world, estimate, unseen), trigger="always", **source)
    assert out is unseen
    assert not report.regenerated.any()
    transl = motion.transl.copy()
    transl[3] = np.nan
    broken = replace(motion, transl=transl)
    out, report = run(studio, (video, world, estimate, broken), trigger="always", **source)
    assert out is broken


def test_several_people_at_once_are_as_each_alone(studio, scene, weights):
    video, world, estimate, motion = scene
    short = (studio.shorter(estimate, 90), studio.shorter(motion, 90))
    settings = TrajectorySettings(trigger="always", weights=weights, steps=2)
    both, reports, _ = regenerate_paths(
        video, world, [estimate, short[0]], [motion, short[1]], studio.body, settings, StageContext()
    )
    (alone,), _, _ = regenerate_paths(video, world, [short[0]], [short[1]], studio.body, settings, StageContext())
    np.testing.assert_allclose(both[1].transl, alone.transl, atol=1e-3)
    assert [report.windows for report in reports] == [2, 1]
    assert regenerate_paths(video, world, [], [], studio.body, settings, StageContext()) == ([], [], world)


def test_other_frame_rates(studio, weights):
    """60 frames a second: the network runs on its own clock, the path comes back at the video's times."""
    walk = studio.walk(seconds=3.0, fps=60.0)
    scene = make_scene(studio, walk, studio.film(walk, EYE, 12.0))
    out, report = run(studio, scene, trigger="always", weights=weights, steps=2)
    assert out.transl.shape == (180, 3)
    assert report.windows == 1
    assert np.isfinite(out.transl).all()


def test_reports_are_kept_in_the_cache(tmp_path, studio, scene):
    out, report = run(studio, scene, trigger="always", without_weights=True)
    save_record(tmp_path / "x.npz", ([out], [report]))
    (_,), (back,) = load_record(tmp_path / "x.npz")
    np.testing.assert_array_equal(back.regenerated, report.regenerated)
    assert back.prior == "contacts"


def test_which_weights(tmp_path, weights):
    assert weights_checksum(TrajectorySettings(trigger="never", weights="nowhere")) == ""
    assert len(weights_checksum(TrajectorySettings(weights=weights))) == 64
    with pytest.raises(RecoverError) as caught:
        find_weights(TrajectorySettings(weights=str(tmp_path / "nichts ü.safetensors")))
    assert caught.value.code == ErrorCode.MISSING_PART


@pytest.mark.parametrize("wrong", [{"trigger": "maybe"}, {"steps": -1}, {"speed_sigma_mps": 0.0}, {"pad_s": 1e9}])
def test_trajectory_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        TrajectorySettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
