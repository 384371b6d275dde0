"""Feet that are planted in the recovery stand still on the rig, whatever its legs; hands that touch stay in touch."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.core.limbs import spans
from recover_motion.addon.core.retarget.bone_map import apply_preset
from recover_motion.addon.core.retarget.leg_ik import envelope
from recover_motion.addon.core.retarget.planting import BLEND_S, fade, standing
from recover_motion.addon.core.retarget.rotations import rotate
from recover_motion.addon.core.retarget.two_bone import solve
from recover_motion.addon.retarget.apply import RetargetSettings, retarget_to
from recover_motion.addon.retarget.check import check

from tests.addon.retarget.made_rigs import evaluated_heads, make_rig, make_source, walk


def slide_mm(heads, bone, contact):
    """Largest distance of a bone from its median within one contact."""
    found = [
        np.linalg.norm(heads[bone][a:b] - np.median(heads[bone][a:b], axis=0), axis=1).max() for a, b in spans(contact)
    ]
    return 1000 * max(found)


@pytest.mark.parametrize(
    "legs",
    [{}, {"legs": 1.4}, {"legs": 0.6}, {"thigh": 0.75}, {"thigh": 1.25, "hip_width": 1.6}, {"size": 100.0}],
    ids=lambda legs: "-".join(legs) or "same",
)
def test_planted_feet_stand(scene, plain_body, rng, mixamo, mixamo_names, legs):
    motion, contact = walk(72)
    source = make_source(scene, plain_body, rng, 72, motion=motion, contact=contact)
    scale = 0.01 if "size" in legs else 1.0
    matrix = np.diag([scale, scale, scale, 1.0])
    rig = make_rig(scene, source, mixamo_names, rng=rng, a_pose=0.6, object_matrix=matrix, **legs)
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    outcome = retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    heads, _ = evaluated_heads(rig, scene, range(1, 73))
    for side, column in (("left", 1), ("right", 3)):
        for joint in ("ankle", "foot"):
            assert slide_mm(heads, mixamo_names[f"{side}_{joint}"], contact[:, column]) < 3.0, (side, joint)
        # the sole stands on the floor: the ball is as high as in the rest pose
        ball = rig.data.bones[mixamo_names[f"{side}_foot"]].head_local.z * scale
        assert np.abs(heads[mixamo_names[f"{side}_foot"]][contact[:, column], 2] - ball).max() < 0.01
    assert outcome.figures.slide_after_m < 0.003
    # feet move no faster than they did where they fly, so no correction jumps
    theirs, _ = evaluated_heads(source, scene, range(1, 73))
    for side in ("left", "right"):
        own = np.abs(np.diff(heads[mixamo_names[f"{side}_ankle"]], axis=0)).max()
        wanted = np.abs(np.diff(theirs[f"{side}_ankle"], axis=0)).max()
        assert own < 1.6 * max(wanted, wanted * legs.get("legs", 1.0))


def test_without_planting_the_directions_are_exact(scene, plain_body, rng, mixamo, mixamo_names):
    motion, contact = walk(40)
    source = make_source(scene, plain_body, rng, 40, motion=motion, contact=contact)
    rig = make_rig(scene, source, mixamo_names, thigh=0.7)
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    outcome = retarget_to(source, rig, bone_map, RetargetSettings(plant_feet=False), scene, bpy.context.view_layer)
    assert outcome.figures.direction_error == 0.0
    assert outcome.figures.slide_before_m == outcome.figures.slide_after_m > 0.005


def test_heel_then_toe(scene, plain_body, rng, mixamo, mixamo_names):
    """A foot that lands on its heel and leaves by its toes: each pin holds while it counts."""
    motion, contact = walk(72)
    for column in (0, 2):  # heels lift earlier, toes land later
        for a, b in spans(contact[:, column]):
            contact[max(b - 6, a) : b, column] = False
            contact[a : min(a + 3, b), column + 1] = False
    source = make_source(scene, plain_body, rng, 72, motion=motion, contact=contact)
    rig = make_rig(scene, source, mixamo_names, legs=1.2, thigh=0.85)
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    outcome = retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    heads, _ = evaluated_heads(rig, scene, range(1, 73))
    for side, column in (("left", 1), ("right", 3)):
        assert slide_mm(heads, mixamo_names[f"{side}_foot"], contact[:, column]) < 3.0
    assert outcome.figures.slide_after_m < 0.003


def test_a_contact_within_which_the_recovered_foot_steps_is_two(scene, plain_body, rng, mixamo, mixamo_names):
    motion, contact = walk(72)
    truly = contact.copy()
    contact[:, 1] = True  # an edit that says the left foot never left the floor
    source = make_source(scene, plain_body, rng, 72, motion=motion, contact=contact)
    rig = make_rig(scene, source, mixamo_names, legs=1.2, thigh=0.85)
    bone_map = apply_preset(mixamo, [bone.name for bone in rig.data.bones])
    outcome = retarget_to(source, rig, bone_map, RetargetSettings(), scene, bpy.context.view_layer)
    heads, _ = evaluated_heads(rig, scene, range(1, 73))
    assert slide_mm(heads, mixamo_names["left_foot"], truly[:, 1]) < 3.0
    assert np.degrees(outcome.figures.direction_error) < 20.0
    assert check(source, rig, bone_map, scene).slide_m < 0.003


def test_only_what_travels_is_taken_out_of_a_contact():
    time_s = np.arange(60) / 30
    contact = np.zeros(60, dtype=bool)
    contact[5:50] = True
    still = np.zeros((60, 3))
    assert (standing(contact, still, time_s, 1.0) == contact).all()
    drifts = np.outer(np.linspace(0, 0.4, 60), [1.0, 0, 0])  # badly recovered, but no step
    assert (standing(contact, drifts, time_s, 1.0) == contact).all()
    steps = np.outer(np.interp(np.arange(60), [20, 25], [0, 0.3]), [1.0, 0, 0])
    found = standing(contact, 100 * steps, time_s, 0.01)
    assert (np.flatnonzero(found != contact) == [21, 22, 23, 24]).all()
    jumps = np.outer(np.arange(60) >= 30, [0, 0.3, 0.0])
    assert (np.flatnonzero(standing(contact, jumps, time_s, 1.0) != contact) == [29]).all()


def test_hands_stay_together(scene, plain_body, rng, mixamo, mixamo_names):
    count = 20
    motion = {
        key: np.zeros((count, *shape))
        for key, shape in (
            ("global_orient", (3,)),
            ("body_pose", (21, 3)),
            ("left_hand_pose", (15, 3)),
            ("right_hand_pose", (15, 3)),
            ("transl", (3,)),
        )
    }
    names = {
        "left_shoulder": (0.3, -1.0, -0.5),
        "right_shoulder": (0.3, 1.0, 0.5),
        "left_elbow": (0, -1.35, 0),
        "right_elbow": (0, 1.35, 0),
    }
    from recover_motion.inference_backend.protocol.skeleton import JOINTS

    for joint, turn in names.items():
        motion["body_pose"][:, JOINTS.index(joint) - 1] = turn
    motion["body_pose"][:, JOINTS.index("spine3") - 1, 1] = np.linspace(-0.3, 0.3, count)
    source = make_source(scene, plain_body, rng, count, motion=motion)
    rig = make_rig(scene, source, mixamo_names, a_pose=0.6, size=1.3)
    bones = rig.data.bones
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for side in ("Left", "Right"):  # broad shoulders
        for bone in rig.data.edit_bones:
            if bone.name.startswith(f"mixamorig:{side}") and not any(w in bone.name for w in ("Leg", "Foot", "Toe")):
                bone.head.x += 0.1 if side == "Left" else -0.1
                bone.tail.x += 0.1 if side == "Left" else -0.1
    bpy.ops.object.mode_set(mode="OBJECT")
    bone_map = apply_preset(mixamo, [bone.name for bone in bones])
    theirs, _ = evaluated_heads(source, scene, [1, 10, 20])
    wanted = 1.3 * np.linalg.norm(theirs["left_wrist"] - theirs["right_wrist"], axis=-1)
    apart = []
    for reach in (False, True):
        retarget_to(source, rig, bone_map, RetargetSettings(reach=reach), scene, bpy.context.view_layer)
        heads, _ = evaluated_heads(rig, scene, [1, 10, 20])
        between = np.linalg.norm(heads[mixamo_names["left_wrist"]] - heads[mixamo_names["right_wrist"]], axis=-1)
        apart.append(np.abs(between - wanted).max())
    assert apart[0] > 0.15
    assert apart[1] < 0.25 * apart[0]


def test_two_bones_reach_their_goal(rng):
    count = 200
    first, second = rng.normal(size=(2, count, 3))
    goal = rng.normal(size=(count, 3)) * 0.7
    hinge = np.cross(first, rng.normal(size=(count, 3)))
    upper, lower = solve(first, second, goal, hinge)
    end = rotate(upper, first) + rotate(lower, second)
    a, b = np.linalg.norm(first, axis=-1), np.linalg.norm(second, axis=-1)
    length = np.linalg.norm(goal, axis=-1)
    within = (length < 0.999 * (a + b)) & (length > 1.001 * np.abs(a - b))
    assert np.abs(end - goal)[within].max() < 1e-9
    direction = np.sum(end * goal, axis=-1) / np.linalg.norm(end, axis=-1) / length
    assert direction.min() > 1 - 1e-9


def test_straight_legs_bend_the_right_way():
    first, second = np.tile([0, 0, -0.45], (5, 1)), np.tile([0, 0, -0.4], (5, 1))
    goal = np.stack([np.zeros(5), np.zeros(5), -np.linspace(0.85, 0.6, 5)], axis=-1)
    upper, lower = solve(first, second, goal, np.tile([1.0, 0, 0], (5, 1)))
    knee = rotate(upper, first)
    assert (knee[1:, 1] < -0.01).all(), "forwards, which is -y"
    assert np.abs(knee + rotate(lower, second) - goal).max() < 1e-4


def test_corrections_fade_and_meet():
    time_s = np.arange(60) / 30
    known = np.zeros(60, dtype=bool)
    known[10:20] = known[23:30] = True
    values = np.where(np.arange(60) < 21, 1.0, 3.0)[:, None]
    filled = fade(values, known, time_s)[:, 0]
    assert (filled[known] == values[known, 0]).all()
    assert (np.diff(filled[19:24]) > 0).all(), "from one to the other without a dip"
    assert (filled[time_s < time_s[10] - BLEND_S - 1e-9] == 0).all()
    assert (np.diff(filled[30:38]) <= 0).all()
    assert filled[-1] == 0
    assert (fade(values, np.zeros(60, dtype=bool), time_s) == 0).all()


def test_envelope_stays_above(rng):
    values = np.maximum(rng.normal(size=300), 0) * (rng.uniform(size=300) < 0.1)
    smooth = envelope(values, 6)
    assert (smooth >= values - 1e-12).all()
    assert np.abs(np.diff(smooth)).max() < 0.5 * np.abs(np.diff(values)).max()
