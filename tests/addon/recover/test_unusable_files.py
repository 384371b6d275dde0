"""Files and folders that cannot be used: each gets one sentence that says what to do, and nothing is left behind."""

import json
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from recover_motion.addon.compat import action_fcurves, sequencer_strips
from recover_motion.addon.recover import session
from recover_motion.addon.retarget.presets_folder import all_presets
from recover_motion.addon.setup import locations
from recover_motion.inference_backend.protocol.errors import ErrorCode

from tests.addon.recover.conftest import SAMPLE, add_strip, recover
from tests.addon.synthetic_result import Clip, random_motion, write_result


@pytest.fixture(autouse=True)
def empty_file(data_folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.queue.jobs.clear()


def contents():
    """Names of everything in the file that a recovery could have added."""
    kinds = (bpy.data.objects, bpy.data.collections, bpy.data.actions, bpy.data.images, bpy.data.movieclips)
    return [item.name for kind in kinds for item in kind]


def select(strip):
    bpy.context.scene.sequence_editor.active_strip = strip
    strip.select = True


@pytest.mark.parametrize("content", [b"no movie any more", b""])
def test_a_movie_that_cannot_be_read_any_more(tmp_path, content):
    path = tmp_path / 'it\'s a "walk" ü 走.mp4'
    shutil.copyfile(SAMPLE / "sample.mp4", path)
    add_strip(path)
    path.write_bytes(content)
    said = recover().said
    assert f"cannot be read as a movie: {path}. Put one there that Blender plays" in said
    assert session.queue.jobs == []
    assert contents() == []


def test_strips_of_images_that_show_no_motion(numbered, tmp_path):
    strips = sequencer_strips(bpy.context.scene.sequence_editor_create())
    images = numbered[:4]
    for image in images:
        shutil.copyfile(image, tmp_path / image.name)
    select(strip := strips.new_image("it", str(tmp_path / images[0].name), channel=1, frame_start=1))
    assert "is a single image: motion needs a movie or a sequence" in recover().said
    strip.elements.append(images[2].name)
    assert "are not numbered one after the other" in recover().said
    strip.elements[1].filename = images[1].name
    (tmp_path / images[1].name).unlink()
    assert f"is gone: {tmp_path / images[1].name}. Put it back" in recover().said
    assert session.queue.jobs == []


def test_a_movie_clip_strip(data_folder):
    strips = sequencer_strips(bpy.context.scene.sequence_editor_create())
    clip = bpy.data.movieclips.load(str(SAMPLE / "sample.mp4"))
    select(strips.new_clip("it", clip, channel=1, frame_start=1))
    assert "is a movie clip strip: add its file as a movie strip" in recover().said


def test_a_data_folder_that_cannot_be_used(tmp_path, monkeypatch):
    add_strip(SAMPLE / "sample.mp4")
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    monkeypatch.setenv("RECOVER_MOTION_DATA", str(folder))
    said = recover().said
    assert f"The data folder {folder} cannot be used: Not a directory. Choose another in the add-on's" in said
    assert locations.data_folder_problem().code is ErrorCode.BAD_OUTPUT
    assert session.queue.jobs == []
    # What only reads there goes on.
    assert len(all_presets()[0]) >= 20
    assert bpy.context.scene.recover_motion_export.chosen().label


def write(folder, plain_body, rng):
    """A result of one person."""
    write_result(folder, Clip(np.arange(8) / 30.0, fps=30.0, people={0: {"motion": random_motion(rng, 8)}}), plain_body)


def results(data_folder):
    return sorted((data_folder / "results").glob("*"))


def test_results_that_cannot_be_imported(data_folder, plain_body, rng, tmp_path):
    write(tmp_path, plain_body, rng)
    path, before = tmp_path / "result.npz", results(data_folder)
    body = (tmp_path / "body.npz").read_bytes()

    def said():
        with pytest.raises(RuntimeError) as error:
            bpy.ops.recover_motion.import_result(filepath=str(path))
        assert contents() == []
        assert results(data_folder) == before
        return str(error.value)

    for damaged in (b"no archive", body[: len(body) // 2], b""):
        (tmp_path / "body.npz").write_bytes(damaged)
        assert "The body of the result cannot be read" in said()
    with (tmp_path / "body.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    assert "The body of the result cannot be read" in said()
    (tmp_path / "body.npz").unlink()
    assert "See to it that it lies beside the result" in said()
    shutil.rmtree(tmp_path)
    assert "is not there" in said()


def test_two_results_imported_at_once_keep_apart(data_folder, plain_body, rng, tmp_path):
    write(tmp_path, plain_body, rng)
    before = results(data_folder)
    for _ in range(2):
        assert bpy.ops.recover_motion.import_result(filepath=str(tmp_path / "result.npz")) == {"FINISHED"}
    assert len(results(data_folder)) == len(before) + 2
    people = [o for o in bpy.data.objects if o.type == "ARMATURE"]
    assert len({person.recover_motion.folder for person in people}) == 2


def test_an_armature_that_is_linked_from_another_file(data_folder, plain_body, rng, tmp_path):
    write(tmp_path, plain_body, rng)
    bpy.ops.recover_motion.import_result(filepath=str(tmp_path / "result.npz"))
    (person,) = (o for o in bpy.data.objects if o.type == "ARMATURE")
    name, folder = person.name, person.recover_motion.folder
    person.recover_motion.request_json = json.dumps({"video": str(SAMPLE / "sample.mp4")})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, into):
        into.objects = [name]
    (linked,) = into.objects
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    keys = [tuple(key.co) for curve in action_fcurves(linked.animation_data.action) for key in curve.keyframe_points]
    for attempt in (bpy.ops.recover_motion.clean, lambda: bpy.ops.recover_motion.mark_contact(start=3, end=5)):
        with pytest.raises(RuntimeError, match=r"is linked from .*library.blend.*Open that file and clean"):
            attempt()
    kept = [tuple(key.co) for curve in action_fcurves(linked.animation_data.action) for key in curve.keyframe_points]
    assert kept == keys
    assert session.queue.jobs == []
    assert not [path for path in Path(folder).iterdir() if path.is_dir()]
