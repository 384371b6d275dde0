from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from inference_backend.geometry.feet import find_soles
from inference_backend.geometry.forward_kinematics import pose_joints
from inference_backend.geometry.stature import resized
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.video import Shots
from inference_backend.stages.world.floors import DEFAULT_HEIGHT_M
from inference_backend.stages.world.settings import WorldSettings
from inference_backend.stages.world.stage import place_in_world

EYE = np.array([0.3, 1.6, 6.0])


def place(studio, walk, motions, shots=None, ctx=None, **settings):
    count = len(walk.video)
    return place_in_world(
        walk.video,
        shots or studio.one_shot(count),
        studio.camera(count),
        motions,
        studio.body,
        WorldSettings(**settings),
        ctx or StageContext(),
    )


def up_error(world, R):
    """Degrees between the recovered and the true vertical, in camera axes."""
    up = world.R_cam_to_world[0].T @ [0, 1, 0]
    return np.rad2deg(np.arccos(np.clip(up @ R @ [0, 1, 0], -1, 1)))


def with_depth_noise(motion, soles, sigma, seed=0):
    """Slow errors along the viewing ray, as monocular estimates have them."""
    rng = np.random.default_rng(seed)
    pelvis = motion.transl + soles.joints[0]
    noise = gaussian_filter1d(rng.normal(size=len(pelvis) + 400), 20)[200:-200]
    noise *= sigma / noise.std()
    ray = pelvis / np.linalg.norm(pelvis, axis=1, keepdims=True)
    return replace(motion, transl=motion.transl + noise[:, None] * ray)


def path_error(found, truth):
    """Mean distance in metres of two horizontal paths after moving one onto the other."""
    a, b = (m.transl[:, [0, 2]] - m.transl[:, [0, 2]].mean(0) for m in (found, truth))
    return np.linalg.norm(a - b, axis=1).mean()


@pytest.mark.parametrize(("tilt", "roll"), [(0.0, 0.0), (20.0, 0.0), (20.0, 4.0), (-5.0, -3.0), (45.0, 0.0)])
@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_tilt_and_height_of_the_camera(studio, tilt, roll, speed):
    walk = studio.walk(speed=speed, heading=0.6)
    world, (motion,) = place(studio, walk, [studio.film(walk, EYE, tilt, roll)])
    assert up_error(world, studio.rotation(tilt, roll)) < (2.0 if speed else 4.5)
    assert world.cam_pos_world[0, 1] == pytest.approx(EYE[1], abs=0.12 if speed else 0.5)
    assert world.floor_found == (True,)
    assert world.tilt_source[0] in ("feet", "bodies")
    lowest = walk.soles.of_motion(motion)[..., 1].min((1, 2))
    assert abs(np.median(lowest)) < 0.02


def test_the_frame_is_as_documented(studio):
    """Right-handed, camera looking towards -z, origin below the first person's first pelvis."""
    walk = studio.walk(heading=0.6)
    world, (motion,) = place(studio, walk, [studio.film(walk, EYE, 20.0)], tilt_deg=20.0, fuse_depth=False)
    R, p = world.R_cam_to_world, world.cam_pos_world
    assert np.linalg.det(R[0]) == pytest.approx(1)
    assert R[0] @ [1, 0, 0] == pytest.approx([1, 0, 0])
    assert (R[0] @ [0, 0, 1])[2] < 0
    assert (R[0] @ [0, 0, 1])[0] == pytest.approx(0)
    assert np.ptp(R, axis=0).max() == 0
    assert np.ptp(p, axis=0).max() == 0
    pelvis = motion.transl + walk.soles.joints[0]
    assert pelvis[0, [0, 2]] == pytest.approx([0, 0], abs=1e-9)
    # The film looked towards -z from EYE, so the true motion comes back, moved to the origin.
    true = walk.motion.transl - (walk.motion.transl + walk.soles.joints[0])[0] * [1, 0, 1]
    np.testing.assert_allclose(motion.transl, true, atol=0.01)
    np.testing.assert_allclose(motion.global_orient, walk.motion.global_orient, atol=1e-9)
    assert p[0, 1] == pytest.approx(EYE[1], abs=0.01)


def test_the_camera_still_sees_the_same(studio):
    walk = studio.walk(heading=1.0)
    film = studio.film(walk, EYE, 12.0, 2.0)
    world, (motion,) = place(studio, walk, [film], fuse_depth=False)
    J0 = walk.soles.joints[0]
    seen = (motion.transl + J0 - world.cam_pos_world) @ world.R_cam_to_world[0]
    np.testing.assert_allclose(seen, film.transl + J0, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_stance_feet_steady_the_path(studio, seed):
    walk = studio.walk(heading=0.5 + seed)
    film = with_depth_noise(studio.film(walk, EYE, 10.0), walk.soles, 0.12, seed)
    _, (raw,) = place(studio, walk, [film], tilt_deg=10.0, fuse_depth=False)
    _, (fused,) = place(studio, walk, [film], tilt_deg=10.0)
    assert path_error(raw, walk.motion) > 0.07
    assert path_error(fused, walk.motion) < 0.6 * path_error(raw, walk.motion)


def test_a_true_path_is_kept(studio):
    walk = studio.walk(heading=0.5)
    _, (fused,) = place(studio, walk, [studio.film(walk, EYE, 10.0)], tilt_deg=10.0)
    assert path_error(fused, walk.motion) < 0.02


def test_gaps_are_carried_by_feet_and_inertia(studio):
    """Two seconds without evidence, filled in wrongly by half a metre."""
    walk = studio.walk(heading=0.5)
    film = studio.film(walk, EYE, 10.0)
    valid = np.ones(len(walk.video), bool)
    valid[60:120] = False
    wrong = film.transl + np.where(valid, 0.0, 0.5)[:, None] * [1, 0, 0]
    _, (fused,) = place(studio, walk, [replace(film, transl=wrong, valid=valid)], tilt_deg=10.0)
    assert path_error(fused, walk.motion) < 0.08


def test_what_the_user_gives_wins(studio):
    walk = studio.walk()
    film = studio.film(walk, EYE, 10.0)
    world, _ = place(studio, walk, [film], tilt_deg=15.0, roll_deg=1.0, camera_height_m=2.5)
    assert up_error(world, studio.rotation(15.0, 1.0)) < 1e-5
    assert world.cam_pos_world[0, 1] == 2.5
    assert world.tilt_source == ("user",)
    assert world.floor_found == (True,)


def test_everybody_stands_on_one_floor(studio):
    """Somebody whose size is wrong is at a wrong distance: the others' floor tells."""
    walk = studio.walk(heading=0.4)
    right = studio.film(walk, EYE, 15.0, person_id=1)
    near = shrunk(studio, studio.film(walk, EYE, 15.0, person_id=2), 0.95)
    world, motions = place(studio, walk, [right, right, near], tilt_deg=15.0)
    assert world.cam_pos_world[0, 1] == pytest.approx(EYE[1], abs=0.04)
    for motion in motions:
        lowest = find_soles(studio.body, motion.betas).of_motion(motion)[..., 1].min((1, 2))
        assert abs(np.median(lowest)) < 0.03
        assert motion.floor_y == 0
    assert [m.person_id for m in motions] == [1, 1, 2]
    assert stature(studio, motions[2]) > 1.02 * stature(studio, near)
    # The 5 % that the size is wrong by were a third of a metre before.
    assert np.linalg.norm(motions[2].transl - motions[0].transl, axis=1).mean() < 0.12
    # And the picture stays the same, whoever was moved.
    for film, motion in ((right, motions[0]), (near, motions[2])):
        assert pixels_off(studio, world, film, motion) < 2.5


def shrunk(studio, film, scale):
    """The same picture of a smaller person nearby."""
    pelvis = film.transl + find_soles(studio.body, film.betas).joints[0]
    betas, scale = resized(studio.body, film.betas, scale)
    return replace(film, betas=betas, transl=scale * pelvis - find_soles(studio.body, betas).joints[0])


def stature(studio, motion):
    rest = find_soles(studio.body, motion.betas).joints
    return rest[15, 1] - rest[[10, 11], 1].mean()


def pixels_off(studio, world, film, motion):
    """How far the joints of a placed motion are from those of the film in the picture, mean."""
    K = studio.camera(1).K[0]
    before = find_soles(studio.body, film.betas)
    after = find_soles(studio.body, motion.betas)
    seen, _ = pose_joints(before.joints, film.global_orient, film.body_pose, film.transl)
    there, _ = pose_joints(after.joints, motion.global_orient, motion.body_pose, motion.transl)
    there = (there - world.cam_pos_world[film.frames][:, None]) @ world.R_cam_to_world[0]
    a, b = (x @ K.T for x in (seen, there))
    return np.linalg.norm(a[..., :2] / a[..., 2:] - b[..., :2] / b[..., 2:], axis=-1).mean()


@pytest.mark.parametrize("higher", [0.5, -0.5])
def test_floors_that_no_size_explains_stay_apart(studio, higher):
    walk = studio.walk(heading=0.4)
    right = studio.film(walk, EYE, 15.0, person_id=0)
    other = studio.film(walk, EYE - [0, higher, 0], 15.0, person_id=1)
    said = []
    world, motions = place(studio, walk, [right, other], ctx=StageContext(note=said.append), tilt_deg=15.0)
    assert len(said) == 1
    for film, motion in zip((right, other), motions, strict=True):
        assert pixels_off(studio, world, film, motion) < 2.5
        np.testing.assert_array_equal(motion.betas, film.betas)
        lowest = walk.soles.of_motion(motion)[..., 1].min((1, 2))
        assert np.median(lowest) == pytest.approx(motion.floor_y, abs=0.03)
    heights = sorted(motion.floor_y for motion in motions)
    assert heights[0] == 0
    assert heights[1] == pytest.approx(0.5, abs=0.05)
    assert f"person {[m.floor_y > 0 for m in motions].index(True) + 1}" in said[0]


def test_a_known_camera_height_tells_the_size(studio):
    walk = studio.walk(heading=0.4)
    film = studio.film(walk, EYE, 15.0)
    near = shrunk(studio, film, 0.9)
    world, (motion,) = place(studio, walk, [near], tilt_deg=15.0, camera_height_m=EYE[1])
    assert stature(studio, motion) == pytest.approx(stature(studio, film), rel=0.015)
    assert pixels_off(studio, world, near, motion) < 2.0
    assert motion.floor_y == 0


def test_a_motion_moves_between_floors(studio):
    motion = studio.walk(speed=0).motion
    raised = motion.standing_at(0.4)
    np.testing.assert_allclose(raised.transl - motion.transl, np.tile([0, 0.4, 0], (len(motion.frames), 1)))
    assert raised.floor_y == 0.4
    np.testing.assert_allclose(raised.standing_at(0.0).transl, motion.transl)


def test_somebody_on_a_roof_stays_there(studio):
    walk = studio.walk(speed=0)
    down, up = studio.film(walk, EYE, 5.0, person_id=1), studio.film(walk, EYE - [0, 3, 0], 5.0, person_id=2)
    said = []
    _, (low, high) = place(studio, walk, [down, up], ctx=StageContext(note=said.append), tilt_deg=5.0)
    assert np.median(high.transl[:, 1] - low.transl[:, 1]) == pytest.approx(3, abs=0.1)
    assert any("higher" in sentence for sentence in said)


def test_each_shot_has_its_own_camera(studio):
    walk = studio.walk()
    half = len(walk.video) // 2
    first = studio.shorter(studio.film(walk, EYE, 20.0), half)
    second = studio.film(walk, EYE, 0.0)
    second = replace(
        second,
        shot=1,
        **{
            name: value[half:]
            for name, value in vars(second).items()
            if isinstance(value, np.ndarray) and name != "betas"
        },
    )
    shots = Shots((np.arange(len(walk.video)) >= half).astype(np.int64), np.zeros(len(walk.video), bool))
    world, motions = place(studio, walk, [second, first], shots)
    assert [m.shot for m in motions] == [1, 0]
    assert len(world.tilt_source) == len(world.floor_found) == 2
    up = world.R_cam_to_world.transpose(0, 2, 1) @ [0, 1, 0]
    for frame, tilt in ((0, 20.0), (half, 0.0)):
        true = studio.rotation(tilt) @ [0, 1, 0]
        assert np.rad2deg(np.arccos(up[frame] @ true)) < 4


def test_nobody_and_nobody_seen(studio):
    walk = studio.walk()
    world, motions = place(studio, walk, [])
    assert motions == []
    assert world.tilt_source == ("level",)
    assert world.floor_found == (False,)
    np.testing.assert_allclose(world.cam_pos_world, [[0, DEFAULT_HEIGHT_M, 0]] * len(walk.video))
    said = []
    film = studio.film(walk, EYE, 10.0)
    world, _ = place(
        studio, walk, [replace(film, valid=np.zeros(len(film.frames), bool))], ctx=StageContext(note=said.append)
    )
    assert world.floor_found == (False,)
    assert len(said) == 2


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_shots(studio, count):
    walk = studio.walk()
    film = studio.shorter(studio.film(walk, EYE, 10.0), count)
    world, (motion,) = place(studio, walk, [film])
    assert motion.transl.shape == (count, 3)
    assert np.isfinite(motion.transl).all()
    assert np.isfinite(world.R_cam_to_world).all()


def test_a_camera_that_looks_straight_down(studio):
    walk = studio.walk()
    world, (motion,) = place(studio, walk, [studio.film(walk, np.array([0.0, 5.0, 0.0]), 90.0)], tilt_deg=90.0)
    assert world.R_cam_to_world[0] @ [1, 0, 0] == pytest.approx([1, 0, 0])
    assert world.R_cam_to_world[0] @ [0, 0, 1] == pytest.approx([0, -1, 0])
    assert np.isfinite(motion.transl).all()


@pytest.mark.parametrize("wrong", [{"tilt_deg": 120}, {"camera_height_m": 0.0}, {"depth_s": float("nan")}])
def test_world_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        WorldSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING


def turning(studio, count, degrees):
    """A camera that pans to `degrees` and back, and its turns."""
    from tests.inference_backend.stages.turning_camera import shake, turns

    sway = degrees * np.sin(np.linspace(0, np.pi, count))
    turn = turns(shake(count, 0.4) + sway[:, None] * [0.05, 1, 0])
    turn = turn[0].T @ turn
    return replace(studio.camera(count), turn=turn, motion=("turning",)), turn


@pytest.mark.parametrize("degrees", [25.0, 130.0])
def test_a_camera_that_turns_sees_the_same_world(studio, degrees):
    walk = studio.walk(heading=0.6)
    count = len(walk.video)
    film = with_depth_noise(studio.film(walk, EYE, 12.0, 2.0), walk.soles, 0.1)
    camera, turn = turning(studio, count, degrees)
    J0 = walk.soles.joints[0]
    pelvis = np.einsum("nji,nj->ni", turn, film.transl + J0)
    turned = replace(film, global_orient=turn.swapaxes(1, 2) @ film.global_orient, transl=pelvis - J0)

    def placed(camera, motion):
        arguments = (walk.video, studio.one_shot(count), camera, [motion], studio.body, WorldSettings(), StageContext())
        return place_in_world(*arguments)

    still, (expected,) = placed(studio.camera(count), film)
    world, (motion,) = placed(camera, turned)
    np.testing.assert_allclose(motion.transl, expected.transl, atol=1e-6)
    np.testing.assert_allclose(motion.global_orient, expected.global_orient, atol=1e-9)
    np.testing.assert_allclose(world.R_cam_to_world, still.R_cam_to_world @ turn, atol=1e-9)
    np.testing.assert_allclose(world.cam_pos_world, still.cam_pos_world, atol=1e-6)


@pytest.mark.parametrize("where", ["beside", "before", "round"])
def test_a_camera_that_is_carried_goes_along(studio, where):
    """Somebody walks 6 m; the camera goes beside them, backwards before them, or round them, and sways."""
    walk = studio.walk(heading=0.3)
    count = len(walk.video)
    J0 = walk.soles.joints[0]
    time = walk.video.time_s
    pelvis = walk.motion.transl + J0
    eye = EYE + np.stack([0.05 * np.sin(5 * time), 0.02 * np.sin(9 * time), 0.03 * np.sin(3 * time)], 1)
    eye = (
        eye
        + {"beside": pelvis * [1, 0, 1], "before": 0.8 * pelvis * [1, 0, 1], "round": time[:, None] * [0.6, 0, 0]}[
            where
        ]
    )
    camera, turn = turning(studio, count, 15.0)
    R = studio.rotation(8.0)
    seen = np.einsum("nji,nj->ni", turn, (pelvis - eye) @ R.T)
    film = replace(
        studio.film(walk, EYE, 8.0),
        global_orient=turn.swapaxes(1, 2) @ R @ walk.motion.global_orient,
        transl=seen - J0,
    )
    film = with_depth_noise(film, walk.soles, 0.05)
    camera = replace(camera, motion=("carried",))
    arguments = (walk.video, studio.one_shot(count), camera, [film], studio.body, WorldSettings(), StageContext())
    world, (motion,) = place_in_world(*arguments)
    length = np.linalg.norm((motion.transl[-1] - motion.transl[0])[[0, 2]])
    true = np.linalg.norm((pelvis[-1] - pelvis[0])[[0, 2]])
    assert length == pytest.approx(true, rel=0.1)
    assert path_error(motion, walk.motion) < 0.2
    gone, expected = (p[:, [0, 2]] - p[0, [0, 2]] for p in (world.cam_pos_world, eye))
    assert np.linalg.norm(gone - expected, axis=1).mean() < 0.35
    # The person is seen where they were seen.
    back = np.einsum("nji,nj->ni", world.R_cam_to_world, motion.transl + J0 - world.cam_pos_world)
    assert np.linalg.norm((back - seen)[:, :2], axis=1).mean() < 0.08
    # As from a camera that stands they would walk on the spot, or backwards.
    _, (blind,) = place_in_world(*arguments[:2], replace(camera, motion=("turning",)), *arguments[3:])
    assert path_error(blind, walk.motion) > 3 * path_error(motion, walk.motion)
