"""Rigs whose names tell nothing are recognised by their structure."""

import bpy
import numpy as np
import pytest
from recover_motion.addon.retarget.detect import by_structure

from tests.addon.retarget.made_rigs import make_rig, make_source

_Y_UP = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
_FBX_OBJECT = [[0.01, 0, 0, 2], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1]]
FINGERS = ("index", "middle", "pinky", "ring", "thumb")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"a_pose": 0.9, "root": None},
        {"size": 100, "turn": _Y_UP, "object_matrix": _FBX_OBJECT, "a_pose": 0.5},
        {"turn": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]},
        {"legs": 0.6, "hip_width": 1.3},
        {"skip": ["jaw", "left_eye_smplhf", "right_eye_smplhf", "left_foot", "right_foot"]},
        {"skip": [f"{side}_{finger}{n}" for side in ("left", "right") for finger in FINGERS for n in (1, 2, 3)]},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_every_part_is_found(scene, plain_body, rng, changes):
    source = make_source(scene, plain_body, rng, 3)
    joints = [bone.name for bone in source.data.bones if bone.name != "root"]
    order = rng.permutation(len(joints))
    names = {joint: f"bone {number}" for joint, number in zip(joints, order, strict=True)}
    rig = make_rig(scene, source, names, rng=rng, **changes)
    found = by_structure(rig)
    skipped = set(changes.get("skip", ()))
    spine = tuple(names[f"spine{n}"] for n in (1, 2, 3))
    assert found.bones["spine"] == spine
    for joint, name in names.items():
        if joint in skipped or joint.startswith("spine") or joint in ("jaw", "left_eye_smplhf", "right_eye_smplhf"):
            continue
        assert found.bones.get(joint) == (name,), joint
    assert found.root_bone == (None if changes.get("root", "root") is None else "root")


def test_a_generated_rig_of_other_proportions(scene, plain_body, rng):
    source = make_source(scene, plain_body, rng, 3)
    joints = [bone.name for bone in source.data.bones if bone.name != "root"]
    rig = make_rig(scene, source, {j: j for j in joints}, split={"spine2": 3, "neck": 2}, legs=1.3, a_pose=0.7)
    found = by_structure(rig)
    assert len(found.bones["spine"]) == 5
    assert found.bones["left_elbow"] == ("left_elbow",)
    assert found.bones["right_knee"] == ("right_knee",)
    assert np.isfinite(bpy.data.objects[rig.name].location).all()
