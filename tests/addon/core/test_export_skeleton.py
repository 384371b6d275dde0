"""Which bones go into a file, how they stand, and what the root carries: arrays only."""

import numpy as np
import pytest
from recover_motion.addon.core.export.root_motion import (
    RootMode,
    floor_motion,
    placed,
    with_floor_root,
    with_hips_on_top,
)
from recover_motion.addon.core.export.skeleton import (
    Skeleton,
    chosen_bones,
    clashing_names,
    hips_bone,
    rigid,
    root_bone,
    upright_turn,
)

from tests.addon.synthetic_result import rotation

BONES = {
    "control": (None, (0, 0, 0), (0, 0.2, 0)),
    "org": ("control", (0, 0, 1.0), (0, 0, 1.2)),
    "trunk": ("control", (0, 0, 1.0), (0, 0, 1.2)),
    "chest": ("org", (0, 0, 1.2), (0, 0, 1.7)),
    "leg.L": ("org", (0.1, 0, 1.0), (0.1, 0, 0.0)),
    "leg.R": ("org", (-0.1, 0, 1.0), (-0.1, 0, 0.0)),
}


def skeleton(bones=BONES, turn=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    names = list(bones)
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    lengths = []
    for i, (_, head, tail) in enumerate(bones.values()):
        y = np.subtract(tail, head)
        lengths.append(np.linalg.norm(y))
        y = y / lengths[-1]
        x = np.cross(y, [0.3, 0.9, 0.31])
        x /= np.linalg.norm(x)
        rest[i, :3, :3] = np.array(turn) @ np.stack([x, y, np.cross(x, y)], axis=-1)
        rest[i, :3, 3] = np.array(turn) @ head
    parents = tuple(names.index(parent) if parent else -1 for parent, *_ in bones.values())
    return Skeleton(tuple(names), parents, rest, np.array(lengths))


def test_deform_bones_hang_on_the_twin_of_a_dropped_one():
    whole = skeleton()
    deform = [name not in ("control", "org") for name in whole.names]
    kept, order = whole.keep(chosen_bones(whole, deform))
    parents = {name: kept.names[p] if p >= 0 else None for name, p in zip(kept.names, kept.parents, strict=True)}
    assert parents == {
        "control": None, "trunk": "control", "chest": "trunk", "leg.L": "trunk", "leg.R": "trunk"
    }  # fmt: skip
    assert [whole.names[bone] for bone in order] == list(kept.names)
    assert kept.names[hips_bone(kept)] == "trunk"  # by structure: no name says so
    assert kept.names[root_bone(kept)] == "control"


@pytest.mark.parametrize(
    "names", [["pelvis", "left_hip"], ["root", "mixamorig:Hips"], ["CC_Base_Hip", "CC_Base_Pelvis"], ["J_Bip_C_Hips"]]
)
def test_hips_by_name(names):
    bones = {name: (names[i - 1] if i else None, (0, 0, 1 - 0.1 * i), (0, 0, 2)) for i, name in enumerate(names)}
    found = names[hips_bone(skeleton(bones))]
    assert found == {"pelvis": "pelvis", "root": "mixamorig:Hips"}.get(names[0], names[0])


@pytest.mark.parametrize("yaw", [0, 90, 180, -90])
@pytest.mark.parametrize("tilt", [0, 90, -90, 180])
def test_any_axes_become_upright_and_forward(yaw, tilt):
    made = rotation(np.radians([tilt, 0, 0])) @ rotation(np.radians([0, 0, yaw]))
    rig = skeleton(turn=made)
    posed = rotation(np.radians([8.0, -5.0, 130.0])) @ rotation(np.radians([-tilt, 0, 0]))  # as the object stands
    np.testing.assert_allclose(upright_turn(rig, posed) @ made, np.eye(3), atol=1e-9)


def test_rigid_keeps_the_direction_of_bones():
    rng = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, :3, :3] = rotation(rng.normal(size=(5, 3))) @ np.diag([1.0, 2.0, 0.5]) + 0.05 * rng.normal(size=(5, 3, 3))
    out = rigid(poses)
    np.testing.assert_allclose(
        np.swapaxes(out[:, :3, :3], 1, 2) @ out[:, :3, :3], np.tile(np.eye(3), (5, 1, 1)), atol=1e-12
    )
    y = poses[:, :3, 1] / np.linalg.norm(poses[:, :3, 1], axis=-1, keepdims=True)
    np.testing.assert_allclose(out[:, :3, 1], y)
    assert (np.linalg.det(out[:, :3, :3]) > 0).all()


def moved(bones, count=20):
    """Poses `[T,B,4,4]` of a body that walks a circle and turns, and the times."""
    at = np.linspace(0, 1, count)
    turn = rotation(np.stack([np.zeros(count), np.zeros(count), 2.0 * at], axis=-1))
    whole = np.tile(np.eye(4), (count, 1, 1))
    whole[:, :3, :3] = turn
    whole[:, :3, 3] = np.stack([3 * at, at**2, np.zeros(count)], axis=-1)
    return whole[:, None] @ bones.rest, whole, at


def test_floor_motion_is_what_carried_the_body():
    bones = skeleton()
    poses, whole, times = moved(bones)
    np.testing.assert_allclose(floor_motion(bones, poses, 2, times), whole, atol=1e-9)


@pytest.mark.parametrize("static_root", [False, True])
def test_root_modes(static_root):
    bones = skeleton()
    poses, whole, times = moved(bones)
    if static_root:
        poses[:, 0] = bones.rest[0]
    same = placed(bones, poses, times, RootMode.AS_ANIMATED)
    np.testing.assert_allclose(same, poses)
    carried = placed(bones, poses, times, RootMode.ROOT_MOTION)
    np.testing.assert_allclose(carried[:, 1:], poses[:, 1:], atol=1e-9)
    np.testing.assert_allclose(carried[:, 0], whole @ bones.rest[0], atol=1e-9)
    begun = placed(bones, poses, times, RootMode.ROOT_MOTION, start_at_origin=True)
    np.testing.assert_allclose(begun[0], bones.rest, atol=1e-9)
    still = placed(bones, poses, times, RootMode.IN_PLACE)
    np.testing.assert_allclose(still, np.broadcast_to(bones.rest, still.shape), atol=1e-9)


def test_a_root_is_added_below_or_everything_above_the_hips_goes():
    bones = skeleton({name: entry for name, entry in BONES.items() if name not in ("control", "org")} | {
        "trunk": (None, *BONES["trunk"][1:]), "chest": ("trunk", *BONES["chest"][1:]),
        "leg.L": ("trunk", *BONES["leg.L"][1:]), "leg.R": ("trunk", *BONES["leg.R"][1:]),
    })  # fmt: skip
    poses, _, times = moved(bones)
    with_root, [clip] = with_floor_root(bones, [poses], "root", np.eye(3), turn_root=False)
    assert with_root.names[0] == "root"
    assert with_root.tops == [0]
    np.testing.assert_allclose(clip[:, 1:], poses)
    back, [clip] = with_hips_on_top(with_root, [clip])
    assert back.names[0] == "trunk"
    assert "root" not in back.names
    np.testing.assert_allclose(clip, poses[:, [bones.names.index(name) for name in back.names]])
    assert len(times) == len(clip)


def test_clashing_names():
    assert clashing_names(["Hand.L", "hand_l", "foot"]) == ["Hand.L", "hand_l"]
