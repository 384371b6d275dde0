"""Rigs of any rest pose, axes, units and rotation modes show the recovered directions; nothing else of them changes."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.core.retarget.bone_map import apply_preset
from recover_motion.addon.core.retarget.parts import NEXT
from recover_motion.addon.core.retarget.path import RootMode
from recover_motion.addon.retarget.apply import RetargetSettings, retarget_to

from tests.addon.retarget.made_rigs import evaluated_heads, make_rig, make_source
from tests.addon.retarget.rna_dump import dump

_Y_UP = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]  # z up -> y up, as FBX files have it
_FBX_OBJECT = [[0.01, 0, 0, 2], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1]]
_TURNED = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]


def worst_direction(source, rig, names, scene, frames):
    """Largest angle in degrees between a bone of the source and of the rig, from joint to joint."""
    theirs, _ = evaluated_heads(source, scene, frames)
    ours, _ = evaluated_heads(rig, scene, frames)
    worst = 0.0
    for a, b in NEXT.items():
        if a in names and b in names:
            u, v = theirs[b] - theirs[a], ours[names[b]] - ours[names[a]]
            cosine = (u * v).sum(-1) / np.linalg.norm(u, axis=-1) / np.linalg.norm(v, axis=-1)
            worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max()))
    return worst


def run(source, rig, preset, scene, **settings):
    bone_map = apply_preset(preset, [bone.name for bone in rig.data.bones])
    return retarget_to(source, rig, bone_map, RetargetSettings(**settings), scene, bpy.context.view_layer)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"a_pose": 0.9},
        {"a_pose": 0.5, "size": 100, "turn": _Y_UP, "object_matrix": _FBX_OBJECT},
        {"turn": _TURNED},
        {"a_pose": 0.7, "legs": 1.3, "root": None, "rotation_mode": "ZXY"},
        {"a_pose": 0.3, "rotation_mode": "XYZ", "legs": 0.6},
        {"rotation_mode": "AXIS_ANGLE"},
        {"object_matrix": [[2, 0, 0, 0], [0, 0, -2, 5], [0, 2, 0, 1], [0, 0, 0, 1]], "turn": _Y_UP},
    ],
    ids=lambda changes: "-".join(changes) or "as the source",
)
def test_any_rest_pose_points_where_the_source_points(scene, plain_body, rng, mixamo, mixamo_names, changes):
    source = make_source(scene, plain_body, rng, 24)
    rig = make_rig(scene, source, mixamo_names, rng=rng, **changes)
    outcome = run(source, rig, mixamo, scene)
    assert worst_direction(source, rig, mixamo_names, scene, range(1, 25, 3)) < 0.1
    assert outcome.figures.direction_error < 1e-6


def test_a_rig_as_the_source_shows_the_very_same_motion(scene, plain_body, rng, mixamo, mixamo_names):
    source = make_source(scene, plain_body, rng, 20)
    rig = make_rig(scene, source, mixamo_names, rng=rng)
    run(source, rig, mixamo, scene)
    frames = [1, 7, 7.5, 20]
    theirs, turned = evaluated_heads(source, scene, frames)
    ours, turns = evaluated_heads(rig, scene, frames)
    for joint, name in mixamo_names.items():
        assert np.abs(theirs[joint] - ours[name])[[0, 1, 3]].max() < 1e-5, joint
        assert np.abs(theirs[joint] - ours[name]).max() < 5e-3, "between keys"
    rest = (
        np.array(source.data.bones["spine3"].matrix_local)[:3, :3],
        np.array(rig.data.bones["mixamorig:Spine2"].matrix_local)[:3, :3],
    )
    assert np.abs(turned["spine3"] @ rest[0].T - turns["mixamorig:Spine2"] @ rest[1].T)[[0, 1, 3]].max() < 1e-4


@pytest.mark.parametrize("mode", list(RootMode))
def test_what_carries_the_path(scene, plain_body, rng, mixamo, mixamo_names, mode):
    from dataclasses import replace

    source = make_source(scene, plain_body, rng, 20)
    size = 1.5
    rig = make_rig(scene, source, mixamo_names, rng=rng, size=size)
    run(source, rig, replace(mixamo, root_bone="root"), scene, root=mode)
    frames = range(1, 21, 4)
    theirs, _ = evaluated_heads(source, scene, frames)
    ours, _ = evaluated_heads(rig, scene, frames)
    hips = ours["mixamorig:Hips"]
    root = ours["root"]
    path = size * theirs["root"] * [1, 1, 0]
    if mode is RootMode.IN_PLACE:
        assert np.abs(hips - (size * theirs["pelvis"] - path)).max() < 1e-3
    else:
        assert np.abs(hips - size * theirs["pelvis"]).max() < 1e-3
    if mode in (RootMode.ROOT_BONE, RootMode.OBJECT):
        assert np.abs(root[:, :2] - size * theirs["root"][:, :2]).max() < 1e-3
        assert np.abs(root[:, 2]).max() < 1e-4
    else:
        assert np.abs(root).max() < 1e-6
    assert worst_direction(source, rig, mixamo_names, scene, frames) < 0.1


def test_longer_chains_end_as_the_source_ends(scene, plain_body, rng, mixamo, mixamo_names):
    from dataclasses import replace

    source = make_source(scene, plain_body, rng, 16)
    split = {"spine3": 3, "neck": 2, "left_shoulder": 2, "right_hip": 3}
    rig = make_rig(scene, source, mixamo_names, rng=rng, split=split, a_pose=0.6)
    chains = {
        "spine": ("Spine", "Spine1", "Spine2_1", "Spine2_2", "Spine2_3"),
        "neck": ("Neck_1", "Neck_2"),
        "left_shoulder": ("LeftArm_1", "LeftArm_2"),
        "right_hip": ("RightUpLeg_1", "RightUpLeg_2", "RightUpLeg_3"),
    }
    preset = replace(mixamo, bones={**mixamo.bones, **chains})
    run(source, rig, preset, scene)
    names = {j: n if j not in split else f"{n}_1" for j, n in mixamo_names.items()}
    frames = range(1, 17, 3)
    assert worst_direction(source, rig, names, scene, frames) < 0.1
    _, theirs = evaluated_heads(source, scene, frames)
    _, ours = evaluated_heads(rig, scene, frames)
    for joint, last in (("spine3", "Spine2_3"), ("neck", "Neck_2"), ("left_shoulder", "LeftArm_2")):
        rest = rig.data.bones[f"mixamorig:{last}"]
        own = np.array(rest.matrix_local)[:3, :3]
        turn = ours[f"mixamorig:{last}"] @ own.T
        whole = theirs[joint] @ np.array(source.data.bones[joint].matrix_local)[:3, :3].T
        if joint != "left_shoulder":  # that one is turned from A to T as well
            assert np.abs(turn - whole).max() < 1e-4, joint
    # the first segment carries the swing alone: between the two is nothing but a turn about the arm
    first, second = (ours[f"mixamorig:LeftArm_{n}"] for n in (1, 2))
    along = (first[..., 1] * second[..., 1]).sum(-1)
    assert along.min() > np.cos(np.radians(0.1))


def test_twist_bones_share_out_the_twist(scene, plain_body, rng, mixamo, mixamo_names):
    from dataclasses import replace

    source = make_source(scene, plain_body, rng, 16)
    rig = make_rig(scene, source, mixamo_names, rng=rng)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    fore = bones["mixamorig:LeftForeArm"]
    for name, share in (("twist_1", 0.0), ("twist_2", 0.5), ("twist_3", 1.0)):
        bone = bones.new(name)
        bone.head = fore.head.lerp(fore.tail, share)
        bone.tail = bone.head + (fore.tail - fore.head) * 0.2
        bone.parent = fore
    bpy.ops.object.mode_set(mode="OBJECT")
    run(source, rig, replace(mixamo, twist={"left_elbow": ("twist_1", "twist_2", "twist_3")}), scene)
    _, turns = evaluated_heads(rig, scene, range(1, 17, 3))

    def delta(name):
        return turns[name] @ np.array(rig.data.bones[name].matrix_local)[:3, :3].T

    axis = _along(rig.data.bones["mixamorig:LeftForeArm"])
    arm, hand = delta("mixamorig:LeftForeArm"), delta("mixamorig:LeftHand")
    angles = []
    for number in (1, 2, 3):
        relative = np.swapaxes(arm, -1, -2) @ delta(f"twist_{number}")
        assert np.abs(relative @ axis - axis).max() < 1e-4, "a twist bone bends"
        angles.append(_angle_about(relative, axis))
    whole = _angle_about(np.swapaxes(arm, -1, -2) @ hand, axis)
    assert np.abs(angles[0]).max() < 1e-3
    assert np.allclose(angles[2], whole, atol=1e-3)
    assert np.allclose(angles[1], whole / 2, atol=1e-3)


def _along(bone):
    return np.array((bone.tail_local - bone.head_local).normalized())


def _angle_about(matrices, axis):
    """Twist of swing-twist about `axis`."""
    w = np.sqrt(np.maximum(1 + np.trace(matrices, axis1=-2, axis2=-1), 0)) / 2
    skew = np.stack(
        [
            matrices[..., 2, 1] - matrices[..., 1, 2],
            matrices[..., 0, 2] - matrices[..., 2, 0],
            matrices[..., 1, 0] - matrices[..., 0, 1],
        ],
        axis=-1,
    )
    return 2 * np.arctan2((skew @ axis) / (4 * w), w)


def test_nothing_else_of_the_rig_changes(scene, plain_body, rng, mixamo, mixamo_names):
    source = make_source(scene, plain_body, rng, 12)
    rig = make_rig(scene, source, mixamo_names, rng=rng, size=1.2)
    head = rig.pose.bones["mixamorig:Head"]
    head.constraints.new("DAMPED_TRACK").target = source
    head.constraints[0].mute = True
    head["mood"] = 0.5
    head.lock_rotation = (True, True, False)
    driver = rig.pose.bones["mixamorig:Neck"].driver_add("scale", 0).driver
    driver.expression = "1.0"
    old = bpy.data.actions.new("the old one")
    rig.animation_data_create().action = old
    rig.keyframe_insert("location", frame=3)
    old_keys = [k.co[:] for c in _all_curves(old) for k in c.keyframe_points]
    skip = frozenset({"animation_data", "motion_path"})
    before = dump(rig, skip), dump(rig.data), [dump(d, frozenset({"is_valid"})) for d in rig.animation_data.drivers]
    others = [dump(o, frozenset()) for o in bpy.data.objects if o is not rig]

    outcome = run(source, rig, mixamo, scene)
    bpy.context.view_layer.update()

    assert dump(rig, skip) == before[0]
    assert dump(rig.data) == before[1]
    assert [dump(d, frozenset({"is_valid"})) for d in rig.animation_data.drivers] == before[2]
    assert [dump(o, frozenset()) for o in bpy.data.objects if o is not rig] == others
    data = rig.animation_data
    assert data.action is outcome.action is not old
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    assert {strip.action for strip in strips} == {old, outcome.action}
    assert all(track.mute for track in data.nla_tracks)
    assert [k.co[:] for c in _all_curves(old) for k in c.keyframe_points] == old_keys
    again = run(source, rig, mixamo, scene)
    assert again.action is not outcome.action
    assert len(data.nla_tracks) == 3, "the old action is kept once"


def _all_curves(action):
    from recover_motion.addon.compat import action_fcurves

    return action_fcurves(action)


@pytest.mark.parametrize("root", ["root", None])
@pytest.mark.parametrize(
    "flags",
    [
        {"Hips": {"use_local_location": False}},
        {"Hips": {"use_inherit_rotation": False}, "LeftArm": {"use_inherit_rotation": False}},
        {"Hips": {"use_inherit_rotation": False, "use_local_location": False}, "Spine1": {"use_local_location": False}},
    ],
    ids=["no local location", "no inherited rotation", "neither"],
)
def test_bones_that_inherit_in_other_ways(scene, plain_body, rng, mixamo, mixamo_names, flags, root):
    from dataclasses import replace

    source = make_source(scene, plain_body, rng, 16)
    rig = make_rig(scene, source, mixamo_names, rng=rng, a_pose=0.5, root=root)
    for name, values in flags.items():
        for flag, value in values.items():
            setattr(rig.data.bones[f"mixamorig:{name}"], flag, value)
    frames = [1, 6, 11, 16]
    for mode in (RootMode.HIPS, RootMode.ROOT_BONE):
        run(source, rig, replace(mixamo, root_bone=root), scene, root=mode)
        assert worst_direction(source, rig, mixamo_names, scene, frames) < 0.1
        theirs, _ = evaluated_heads(source, scene, frames)
        ours, _ = evaluated_heads(rig, scene, frames)
        assert np.abs(theirs["pelvis"] - ours["mixamorig:Hips"]).max() < 1e-3


def test_a_connected_pelvis_is_carried_by_the_bone_above(scene, plain_body, rng, mixamo, mixamo_names):
    source = make_source(scene, plain_body, rng, 16)
    rig = make_rig(scene, source, mixamo_names, rng=rng)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    bones["root"].tail = bones["mixamorig:Hips"].head
    bones["mixamorig:Hips"].use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
    run(source, rig, mixamo, scene)
    theirs, _ = evaluated_heads(source, scene, [1, 8, 16])
    ours, _ = evaluated_heads(rig, scene, [1, 8, 16])
    assert np.abs(theirs["pelvis"] - ours["mixamorig:Hips"]).max() < 1e-3
    assert worst_direction(source, rig, mixamo_names, scene, [1, 8, 16]) < 0.1
