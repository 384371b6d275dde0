"""Sources and targets for the retargeting tests: a recovered armature that moves, and rigs made from its joints."""

import bpy
import numpy as np
from mathutils import Matrix, Vector
from recover_motion.addon.compat import assign_action
from recover_motion.addon.core.contacts import contact_curves
from recover_motion.addon.core.keys import person_curves
from recover_motion.addon.core.pose import PersonMotion
from recover_motion.addon.core.rest_bones import rest_bones
from recover_motion.addon.core.timing import real_time
from recover_motion.addon.result.actions import write_action
from recover_motion.addon.result.armature import build_armature
from recover_motion.inference_backend.protocol.skeleton import JOINTS

from tests.addon.synthetic_result import PlainBody, random_motion, smooth_noise

FPS = 30.0


def make_source(scene, plain_body: PlainBody, rng, count=60, *, motion=None, contact=None, name="person"):
    """A recovered armature in `scene` with `count` keys from frame 1."""
    vertices, rest_joints = plain_body.shaped(np.zeros(10))
    rest = rest_bones(rest_joints, float(vertices[:, 1].min()))
    motion = motion or random_motion(rng, count)
    time_s = np.arange(count) / FPS
    scene.render.fps, scene.render.fps_base = 30, 1.0
    times = real_time(time_s, FPS, 1.0)
    person = PersonMotion(**{key: np.asarray(value, dtype=np.float64) for key, value in motion.items()})
    armature = build_armature(name, rest, scene.collection)
    curves = person_curves(person, np.ones(count, dtype=bool), rest, rest_joints[0], time_s, times)
    contact = np.zeros((count, 4), dtype=bool) if contact is None else contact
    assign_action(armature, write_action(name, "OBJECT", [*curves, *contact_curves(contact, times)]))
    scene.frame_start, scene.frame_end = 1, count
    return armature


def walk(count=90, *, step_s=0.6, step_m=0.4):
    """A walk on the spot's legs, moved so that planted ankles stand still: motion and contacts `[T,4]`."""
    body = PlainBody()
    vertices, rest = body.shaped(np.zeros(10))
    time_s = np.arange(count) / FPS
    phase = time_s / (2 * step_s)
    motion = {
        "global_orient": np.zeros((count, 3)),
        "body_pose": np.zeros((count, 21, 3)),
        "left_hand_pose": np.zeros((count, 15, 3)),
        "right_hand_pose": np.zeros((count, 15, 3)),
        "transl": np.zeros((count, 3)),
    }
    index = {name: i - 1 for i, name in enumerate(JOINTS[:22])}
    thigh = np.linalg.norm(rest[4] - rest[1])
    shin = np.linalg.norm(rest[7] - rest[4])
    height = 0.94 * (thigh + shin)
    contact = np.zeros((count, 4), dtype=bool)
    forward = step_m / step_s * time_s
    pelvis_above_hip = rest[0, 1] - rest[1, 1]
    floor = vertices[:, 1].min()
    ankle_rest = rest[7, 1] - floor
    for side, offset, columns in (("left", 0.0, (0, 1)), ("right", 0.5, (2, 3))):
        cycle = (phase + offset) % 1.0
        start = np.floor(phase + offset) - offset  # cycles begin as the foot lands
        stance = cycle < 0.6
        landed = (start * 2 * step_s) * step_m / step_s + 0.3 * 2 * step_m
        swing = np.clip((cycle - 0.6) / 0.4, 0, 1)
        ease = swing * swing * (3 - 2 * swing)
        foot_z = landed + np.where(stance, 0.0, ease * 2 * step_m)
        foot_y = np.where(stance, 0.0, 0.08 * np.sin(np.pi * swing))
        z, down = foot_z - forward, height - foot_y
        reach = np.hypot(z, down)
        lean = np.arctan2(z, down)
        knee = np.pi - np.arccos(np.clip((thigh**2 + shin**2 - reach**2) / (2 * thigh * shin), -1, 1))
        hip = np.arccos(np.clip((thigh**2 + reach**2 - shin**2) / (2 * thigh * reach), -1, 1))
        # rotations about +x turn the leg backwards
        motion["body_pose"][:, index[f"{side}_hip"], 0] = -(lean + hip)
        motion["body_pose"][:, index[f"{side}_knee"], 0] = knee
        motion["body_pose"][:, index[f"{side}_ankle"], 0] = lean + hip - knee
        contact[:, columns[0]] = contact[:, columns[1]] = stance
    motion["body_pose"][:, index["left_shoulder"], 2] = -1.1
    motion["body_pose"][:, index["right_shoulder"], 2] = 1.1
    motion["transl"][:, 2] = forward
    motion["transl"][:, 1] = floor + ankle_rest + height + pelvis_above_hip - rest[0, 1]
    motion["transl"][:, 1] -= floor
    return motion, contact


def joints_at_rest(source):
    """Heads and tails by bone name, metres, in the armature's space."""
    return {bone.name: (np.array(bone.head_local), np.array(bone.tail_local)) for bone in source.data.bones}


def make_rig(
    scene,
    source,
    names,
    *,
    a_pose=0.0,
    rng=None,
    size=1.0,
    legs=1.0,
    thigh=1.0,
    hip_width=1.0,
    turn=None,
    split=None,
    root="root",
    object_matrix=None,
    rotation_mode="QUATERNION",
    name="rig",
    skip=(),
):
    """A rig of the source's shape, changed as asked.

    Args:
        names: SMPL-X joint -> bone name; joints without one are left out.
        a_pose: radians by which the arms are lowered at rest.
        rng: random rolls when given.
        size: of everything, in armature units; legs: of the legs against the rest; thigh: of thigh against shin;
            hip_width: of the hips.
        turn: 3x3 of the rest pose in the armature's own axes.
        split: joint -> number of bones in series that it is split into.
        root: name of a root bone, None for none.
        object_matrix: of the object.
        skip: joints that are left out.
    """
    rest = joints_at_rest(source)
    places = {joint: np.array(rest[joint][0]) for joint in JOINTS}
    tails = {joint: np.array(rest[joint][1]) for joint in JOINTS}
    _lower_arms(places, tails, a_pose)
    _shape_legs(places, tails, legs, thigh, hip_width)
    turn = np.eye(3) if turn is None else np.asarray(turn)
    parents = {joint: bone.parent.name for joint in JOINTS if (bone := source.data.bones[joint]).parent}
    armature = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, armature)
    scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    made = {}
    if root:
        bone = armature.edit_bones.new(root)
        bone.head, bone.tail = Vector((0, 0, 0)), Vector(turn @ np.array([0, 0.3 * size, 0]))
        made["root"] = bone
    for joint in JOINTS:
        if joint not in names or joint in skip:
            continue
        parent = parents.get(joint)
        while parent not in made and parent is not None and parent != "root":
            parent = parents.get(parent)
        count = (split or {}).get(joint, 1)
        ends = np.linspace(places[joint], tails[joint], count + 1)
        for k in range(count):
            bone = armature.edit_bones.new(names[joint] if count == 1 else f"{names[joint]}_{k + 1}")
            bone.head, bone.tail = (Vector(turn @ end * size) for end in ends[k : k + 2])
            bone.roll = rng.uniform(-np.pi, np.pi) if rng is not None else 0.0
            bone.parent = made.get(parent) if k == 0 else made[joint]
            made[joint] = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in obj.pose.bones:
        bone.rotation_mode = rotation_mode
    if object_matrix is not None:
        obj.matrix_world = Matrix(object_matrix)
    bpy.context.view_layer.update()
    return obj


def _lower_arms(places, tails, angle):
    for side, sign in (("left", 1.0), ("right", -1.0)):
        c, s = np.cos(angle), np.sin(angle) * sign
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])  # about Blender's y; the left arm at +x goes down
        pivot = places[f"{side}_shoulder"].copy()
        arm = [j for j in JOINTS if j.startswith(side) and j.endswith(("shoulder", "elbow", "wrist", "1", "2", "3"))]
        for joint in arm:
            places[joint] = pivot + turn @ (places[joint] - pivot)
            tails[joint] = pivot + turn @ (tails[joint] - pivot)


def _shape_legs(places, tails, legs, thigh, hip_width):
    ground = places["left_ankle"][2]
    for side in ("left", "right"):
        hip, knee, ankle = (places[f"{side}_{part}"].copy() for part in ("hip", "knee", "ankle"))
        hip_new = hip * [hip_width, 1, 1]
        upper, lower = (knee - hip) * legs * thigh, (ankle - knee) * legs
        places[f"{side}_hip"] = hip_new
        places[f"{side}_knee"] = hip_new + upper
        shift = hip_new + upper + lower - ankle
        for joint in ("ankle", "foot"):
            places[f"{side}_{joint}"] = places[f"{side}_{joint}"] + shift
            tails[f"{side}_{joint}"] = tails[f"{side}_{joint}"] + shift
        tails[f"{side}_hip"], tails[f"{side}_knee"] = places[f"{side}_knee"], places[f"{side}_ankle"]
    lift = ground - places["left_ankle"][2]  # longer legs lift the body, so that the feet stay on the ground
    for table in (places, tails):
        for joint in table:
            table[joint] = table[joint] + np.array([0, 0, lift])


def evaluated_heads(obj, scene, frames):
    """World heads `[T,3]` and rotations `[T,3,3]` of every bone at scene frames, as Blender evaluates them."""
    heads, turns = {b.name: [] for b in obj.pose.bones}, {b.name: [] for b in obj.pose.bones}
    for frame in frames:
        scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
        evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        world = np.array(evaluated.matrix_world)
        for bone in evaluated.pose.bones:
            matrix = world @ np.array(bone.matrix)
            heads[bone.name].append(matrix[:3, 3])
            turns[bone.name].append(matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0))
    return {k: np.array(v) for k, v in heads.items()}, {k: np.array(v) for k, v in turns.items()}


__all__ = ["FPS", "evaluated_heads", "joints_at_rest", "make_rig", "make_source", "smooth_noise", "walk"]
