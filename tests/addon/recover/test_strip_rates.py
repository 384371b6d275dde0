"""Keys and background of a result, for the rates that videos come in, in scenes of 24 and 30 frames a second."""

import numpy as np
import pytest
from recover_motion.addon.compat import action_fcurves
from recover_motion.addon.core.timing import movie_frames
from recover_motion.addon.recover.strip import read_strip
from recover_motion.addon.recover.timeline import Timeline
from recover_motion.addon.result.body_file import read_body
from recover_motion.addon.result.camera import Footage
from recover_motion.addon.result.scene import BuildSettings, build_take, finish
from recover_motion.inference_backend.protocol.result_format import load_result

from tests.addon.recover.numbered_movies import add_movie, rendered_number
from tests.addon.synthetic_result import Clip, random_motion, write_result


def timeline_of(source, scene, *, real_time=False):
    return Timeline(source.first_scene_frame, source.shown, source.fps, scene.render.fps, real_time)


def check_ends_and_middle(times, scene, folder, path):
    """The pose of each key is that of the frame that Blender shows there."""
    whole = np.flatnonzero(times.scene_frame == np.rint(times.scene_frame))
    for row in {whole[0], whole[1], whole[len(whole) // 2], whole[-2], whole[-1]}:
        frame = int(times.scene_frame[row])
        assert times.clip_frame[row] == rendered_number(scene, frame, folder), f"{path.name}, scene frame {frame}"


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("scene_fps", [24, 30])
@pytest.mark.parametrize("movie", ["23.976", "25", "60", "variable"])
def test_keys_lie_where_blender_shows_the_frames_and_the_background_is_in_step(
    movies, stamps, tmp_path, plain_body, rng, movie, scene_fps, own_pace
):
    if movie not in movies:
        pytest.skip("the backend's environment, which writes the movie of variable rate, is absent")
    path, time_s = movies[movie], stamps[movie]
    scene, strip = add_movie(path, scene_fps, own_pace)
    source = read_strip(strip, scene)
    inside = (time_s >= source.range_s[0] - 1e-4) & (time_s < source.range_s[1] - 1e-4)
    frames = np.flatnonzero(inside)
    times = timeline_of(source, scene).key_times(time_s[frames], frames)
    assert times.scene_frame[0] == source.first_scene_frame
    assert frames[times.clip_frame[0]] == 0
    assert times.scene_frame[-1] >= source.first_scene_frame + len(source.shown) - 2
    assert set(times.clip_frame) == set(range(times.clip_frame.max() + 1))  # no motion is lost
    check_ends_and_middle(times, scene, tmp_path, path)

    folder = tmp_path / "result"
    clip = Clip(time_s[frames], fps=source.fps, people={3: {"motion": random_motion(rng, len(frames))}})
    write_result(folder, clip, plain_body)
    result = load_result(folder / "result.npz")
    settings = BuildSettings("clip", Footage(path))
    take = finish(build_take(scene, result, read_body(folder / "body.npz"), times, settings))
    action = take.people[0].armature.animation_data.action
    keys = next(c for c in action_fcurves(action) if "rotation_quaternion" in c.data_path).keyframe_points
    np.testing.assert_allclose([keys[0].co[0], keys[-1].co[0]], times.scene_frame[[0, -1]], atol=1e-3)
    assert len(keys) == len(times)
    assert scene.render.fps == scene_fps

    user = take.shots[0].camera.data.background_images[0].image_user
    for frame in np.rint(times.scene_frame[[0, len(times) // 2, -1]]).astype(int):
        scene.frame_set(frame)
        shown = frame - user.frame_start + 1 + user.frame_offset
        assert shown == movie_frames(times, time_s[frames], source.fps, [frame])[0]
        nearest = times.clip_frame[np.abs(times.scene_frame - frame).argmin()]
        assert abs((shown - 1) / source.fps - time_s[frames][nearest]) <= 1.0 / source.fps


@pytest.mark.parametrize("scene_fps", [24, 30])
def test_real_time_keys_follow_the_recording(movies, stamps, scene_fps):
    for name, path in movies.items():
        scene, strip = add_movie(path, scene_fps, False)
        source = read_strip(strip, scene)
        times = timeline_of(source, scene, real_time=True).key_times(stamps[name], np.arange(len(stamps[name])))
        np.testing.assert_allclose(times.scene_frame, source.first_scene_frame + stamps[name] * scene_fps, atol=1e-6)
