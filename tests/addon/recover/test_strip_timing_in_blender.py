"""The strip's timing as we compute it, against the frames that Blender itself renders."""

import bpy
import pytest
from recover_motion.addon.recover.strip import read_strip

from tests.addon.recover.numbered_movies import add_movie, rendered_number, sequencer


def check(scene, strip, folder):
    source = read_strip(strip, scene)
    start, stop = strip.frame_final_start, strip.frame_final_end
    assert source.first_scene_frame == start
    assert len(source.shown) == stop - start
    middle = (start + stop) // 2
    for frame in (start, start + 1, start + 2, middle, middle + 1, stop - 2, stop - 1):
        assert source.shown[frame - start] == rendered_number(scene, frame, folder), f"scene frame {frame}"


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("scene_fps", [24, 30])
@pytest.mark.parametrize("movie", ["23.976", "25", "60"])
def test_plain_strips(movies, tmp_path, movie, scene_fps, own_pace):
    scene, strip = add_movie(movies[movie], scene_fps, own_pace)
    check(scene, strip, tmp_path)


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_trimmed_offset_and_reversed_strips(movies, tmp_path, reverse, own_pace):
    scene, strip = add_movie(movies["60"], 24, own_pace)
    strip.use_reverse_frames = reverse
    strip.animation_offset_start = 7
    strip.frame_final_start += 5
    strip.frame_final_end -= 3
    check(scene, strip, tmp_path)


@pytest.mark.parametrize("own_pace", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_retimed_strips(movies, tmp_path, reverse, own_pace):
    scene, strip = add_movie(movies["25"], 24, own_pace)
    strip.use_reverse_frames = reverse
    with sequencer():
        scene.sequence_editor.active_strip = strip
        strip.select = True
        bpy.ops.sequencer.retiming_key_add(timeline_frame=25)
        bpy.ops.sequencer.retiming_segment_speed_set(speed=200)
    assert len(strip.retiming_keys) >= 2  # 5.2 changes the speed of the whole strip where it has no rate of its own
    check(scene, strip, tmp_path)


def test_a_freeze_frame(movies, tmp_path):
    scene, strip = add_movie(movies["25"], 25, False)
    with sequencer():
        scene.sequence_editor.active_strip = strip
        strip.select = True
        scene.frame_set(30)
        bpy.ops.sequencer.retiming_key_add(timeline_frame=30)
        bpy.ops.sequencer.retiming_freeze_frame_add(duration=6)
    assert len(strip.retiming_keys) >= 4
    check(scene, strip, tmp_path)


def test_an_image_sequence_strip(numbered, tmp_path):
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image("images", str(numbered[0]), 1, 10)
    for image in numbered[1:40]:
        strip.elements.append(image.name)
    strip.frame_final_end = 45
    strip.frame_final_start = 14
    check(scene, strip, tmp_path)
