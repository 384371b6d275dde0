from pathlib import Path

import numpy as np
import pytest
from recover_motion.addon.core.retarget.bone_map import apply_preset, best_preset
from recover_motion.addon.core.retarget.preset import load_preset

from tests.addon.retarget.preset_rigs import PREFIXES, mpfb_skeleton, skeleton_for

FOLDER = Path(__file__).parents[3] / "presets" / "rigs"
PRESETS = {file.stem: load_preset(file) for file in sorted(FOLDER.glob("*.json"))}


def test_every_rig_of_the_product_is_there():
    assert len(PRESETS) >= 23
    assert all(preset.source or preset.names_only for preset in PRESETS.values())


@pytest.mark.parametrize("key", PRESETS)
def test_a_rig_is_recognised_among_all(key):
    names = [spec.name for spec in skeleton_for(PRESETS[key], PREFIXES.get(key, ""))]
    assert len(set(names)) == len(names)
    found = best_preset(PRESETS.values(), names)
    assert found is not None
    assert found.key == key
    assert apply_preset(found, names).missing == ()


@pytest.mark.parametrize("key", ["mpfb_default", "mpfb_game_engine", "mpfb_cmu", "mixamo"])
def test_real_rigs_are_recognised(key):
    names = [spec.name for spec in mpfb_skeleton(key)]
    found = best_preset(PRESETS.values(), names)
    assert found is not None
    assert found.key == key


def test_fingers_that_accurig_numbers_are_found():
    preset = PRESETS["character_creator"]
    names = [f"CC_Base_{name.split('|')[-1]}" for chain in preset.bones.values() for name in chain]
    found = apply_preset(best_preset(PRESETS.values(), names), names)
    assert found.preset == "character_creator"
    assert found.bones["left_thumb1"] == ("CC_Base_L_Finger00",)
    assert found.bones["right_pinky3"] == ("CC_Base_R_Finger42",)


def test_no_rig_of_a_person_is_recognised_in_other_names():
    names = [f"bone_{i}" for i in range(60)]
    assert best_preset(PRESETS.values(), names) is None
    assert best_preset(PRESETS.values(), ["Hips", "Spine1"]) is None


def test_skeletons_rest_as_asked():
    """Other tests rely on it: a T-pose has level arms, an A-pose has not."""
    specs = {spec.name: spec for spec in skeleton_for(PRESETS["unreal_ue4"], arms_down=45)}
    arm = specs["lowerarm_l"].tail - specs["lowerarm_l"].head
    assert np.degrees(np.arctan2(-arm[2], arm[0])) == pytest.approx(45, abs=6)
    level = {spec.name: spec for spec in skeleton_for(PRESETS["unreal_ue4"])}
    arm = level["lowerarm_l"].tail - level["lowerarm_l"].head
    assert abs(np.degrees(np.arctan2(arm[2], arm[0]))) < 6
    assert specs["upperarm_twist_01_l"].parent == "upperarm_l"
