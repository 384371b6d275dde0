"""The FBX file, proved by reading it: its own structure, and what Blender makes of it."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from recover_motion.addon.core.timing import real_time
from recover_motion.addon.export.fbx import export_fbx
from recover_motion.addon.result.body_file import read_body
from recover_motion.addon.result.scene import BuildSettings, build_take, finish
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError
from recover_motion.inference_backend.protocol.result_format import load_result
from recover_motion.inference_backend.protocol.skeleton import BODY_JOINTS, JOINTS

from tests.addon.synthetic_result import Clip, random_motion, write_result

COUNT = 30


@pytest.fixture
def built(scene, tmp_path, plain_body, rng):
    scene.render.fps = 30
    betas = rng.normal(size=10)
    clip = Clip(np.arange(COUNT) / 30, people={1: {"motion": random_motion(rng, COUNT), "betas": betas}})
    result, body = write_result(tmp_path, clip, plain_body)
    recovered = load_result(result)
    times = real_time(recovered.time_s, 30, 11)
    take = finish(build_take(scene, recovered, read_body(body), times, BuildSettings("walk")))
    vertices, _ = plain_body.shaped(betas)
    return SimpleNamespace(
        scene=scene,
        person=take.people[0],
        joints=recovered.people[0].motion.joints_world,
        height=np.ptp(vertices[:, 1]),
    )


def read_fbx(path):
    """Models `{id: (name, kind)}`, parents `{id: id}` and the global settings, straight from the file."""
    from io_scene_fbx.parse_fbx import parse

    root, version = parse(str(path))
    sections = {element.id: element for element in root.elems}
    models = {
        element.props[0]: (element.props[1].split(b"\x00\x01")[0].decode(), element.props[2].decode())
        for element in sections[b"Objects"].elems
        if element.id == b"Model"
    }
    links = [element.props for element in sections[b"Connections"].elems if element.props[0] == b"OO"]
    parents = {child: parent for _, child, parent, *_ in links if child in models and (parent in models or parent == 0)}
    [properties] = [element for element in sections[b"GlobalSettings"].elems if element.id == b"Properties70"]
    settings = {p.props[0].decode(): p.props[4:] for p in properties.elems}
    kinds = [(element.id.decode(), element.props[2].decode()) for element in sections[b"Objects"].elems]
    return SimpleNamespace(version=version, models=models, parents=parents, settings=settings, kinds=kinds)


def test_file_has_exactly_one_root_bone_and_no_leaf_bones(built, tmp_path):
    path = tmp_path / "one root.fbx"
    export_fbx(path, built.person.armature, built.scene)
    fbx = read_fbx(path)
    bones = {i: name for i, (name, kind) in fbx.models.items() if kind == "LimbNode"}
    assert sorted(bones.values()) == sorted(["root", *JOINTS])
    tops = [i for i in bones if fbx.parents[i] not in bones]
    assert [bones[i] for i in tops] == ["root"]
    assert fbx.models[fbx.parents[tops[0]]] == ("Armature", "Null")
    others = {name: kind for name, kind in fbx.models.values() if kind != "LimbNode"}
    assert others == {"Armature": "Null", "Body": "Mesh"}
    assert fbx.settings["UnitScaleFactor"] == [1.0]  # centimetres
    assert ("Deformer", "BlendShapeChannel") not in fbx.kinds  # the shape is the person's, no morph targets


@pytest.mark.parametrize("with_mesh", [True, False])
def test_read_back_it_moves_as_recovered(built, tmp_path, with_mesh):
    path = tmp_path / "été 跳.fbx"
    export_fbx(path, built.person.armature, built.scene, with_mesh=with_mesh)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(path))
    scene = bpy.context.scene
    assert scene.render.fps == 30
    [armature] = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    assert len(armature.data.bones) == 56
    assert tuple(armature.animation_data.action.frame_range) == (1, COUNT)  # the importer counts from 1
    for frame in (0, COUNT // 2, COUNT - 1):
        scene.frame_set(1 + frame)
        found = [(armature.matrix_world @ armature.pose.bones[name].matrix).translation for name in BODY_JOINTS]
        x, y, z = built.joints[frame].T
        assert np.linalg.norm(np.array(found) - np.stack([x, -z, y], axis=-1), axis=-1).max() < 1e-3
    if with_mesh:
        [mesh] = meshes
        standing = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
        assert np.ptp(standing[:, 2]) == pytest.approx(built.height, abs=1e-3)
    else:
        assert not meshes


def test_export_leaves_the_file_as_it_was(built, tmp_path):
    other = bpy.data.objects.new("Armature", None)
    built.scene.collection.objects.link(other)
    built.scene.frame_set(17)

    def state():
        kinds = (
            bpy.data.objects,
            bpy.data.meshes,
            bpy.data.armatures,
            bpy.data.actions,
            bpy.data.scenes,
            bpy.data.shape_keys,
        )
        return [sorted(item.name for item in kind) for kind in kinds], built.scene.frame_current, other.name

    before = state()
    export_fbx(tmp_path / "a.fbx", built.person.armature, built.scene)
    assert state() == before
    assert ("Armature", "Null") in read_fbx(tmp_path / "a.fbx").models.values()


def test_a_motion_that_other_tracks_change_is_exported_as_it_is_seen(built, tmp_path):
    armature = built.person.armature
    armature.location = (1.0, 2.0, 0.5)
    armature.animation_data.nla_tracks[0].mute = False
    export_fbx(tmp_path / "a.fbx", armature, built.scene, frames=(15, 20))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "a.fbx"))
    [obj] = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    assert tuple(obj.animation_data.action.frame_range) == (1, 6)
    bpy.context.scene.frame_set(3)
    x, y, z = built.joints[6, 0]
    pelvis = (obj.matrix_world @ obj.pose.bones["pelvis"].matrix).translation
    np.testing.assert_allclose(pelvis, [x + 1, -z + 2, y + 0.5], atol=1e-3)


def test_an_armature_with_two_roots_is_refused(built, tmp_path):
    armature = built.person.armature
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones["pelvis"].parent = None
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RecoverError, match="2 bones without a parent") as error:
        export_fbx(tmp_path / "a.fbx", armature, built.scene)
    assert error.value.code == ErrorCode.BAD_SETTING


def test_an_armature_without_motion_is_refused(built, tmp_path):
    built.person.armature.animation_data_clear()
    with pytest.raises(RecoverError, match="has no motion"):
        export_fbx(tmp_path / "a.fbx", built.person.armature, built.scene)


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left_behind(built, tmp_path):
    objects = len(bpy.data.objects)
    path = tmp_path / "missing folder" / "a.fbx"
    with pytest.raises(RecoverError, match="missing folder") as error:
        export_fbx(path, built.person.armature, built.scene)
    assert error.value.code == ErrorCode.BAD_OUTPUT
    assert (len(bpy.data.objects), len(bpy.data.scenes)) == (objects, 1)
