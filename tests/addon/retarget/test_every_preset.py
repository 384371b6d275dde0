"""Every preset on a rig of its own: in T- and in A-pose, with random axes, in metres and in centimetres.

The judge is where Blender shows the bones: from joint to joint source and rig must point the same way, what is not
matched by direction must turn by as much, and planted feet must stand.
"""

import pytest

from tests.addon.retarget.preset_figures import MPFB, PRESETS, Sources, made_rig, measure, recognised
from tests.addon.retarget.preset_rigs import build_rig, mpfb_skeleton
from tests.addon.retarget.rna_dump import dump

SKIP = frozenset({"animation_data", "motion_path"})


@pytest.mark.parametrize(("arms_down", "unit", "random_axes"), [(0.0, 1.0, False), (50.0, 0.01, True)])
@pytest.mark.parametrize("key", PRESETS)
def test_bones_follow_feet_stand_and_nothing_else_changes(key, arms_down, unit, random_axes, scene, plain_body, rng):
    sources = Sources.make(scene, plain_body, rng)
    rig = made_rig(key, scene, rng if random_axes else None, arms_down=arms_down, unit=unit)
    bone_map = recognised(rig)
    assert bone_map.preset == key
    before = dump(rig, SKIP), dump(rig.data)
    found = measure(scene, rig, bone_map, sources)
    assert len(found.direction) >= 8
    assert max(found.direction.values()) < 1.0, found.direction
    assert {"pelvis", "spine", "left_ankle"} <= set(found.turn)
    assert max(found.turn.values()) < 1.0, found.turn
    assert found.slid_mm > 10.0
    assert found.planted_mm < 3.0
    assert (dump(rig, SKIP), dump(rig.data)) == before


@pytest.mark.parametrize("key", MPFB)
def test_real_rigs(key, scene, plain_body, rng):
    sources = Sources.make(scene, plain_body, rng)
    rig = build_rig(key, mpfb_skeleton(key), scene.collection)
    found = measure(scene, rig, recognised(rig), sources)
    assert len(found.direction) >= 8
    assert max(found.direction.values()) < 1.0, found.direction
    assert max(found.turn.values()) < 1.0, found.turn
    assert found.planted_mm < 3.0
