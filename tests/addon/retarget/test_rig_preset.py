"""Preset files: those that ship are valid, and every mistake in one is a sentence that names the file and the entry."""

import json
from pathlib import Path

import pytest
from recover_motion.addon.core.retarget.preset import load_preset, parse_preset
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError

SHIPPED = Path(__file__).resolve().parents[3] / "presets" / "rigs"
GOOD = {"format": 1, "name": "A rig", "names_only": True, "bones": {"pelvis": "Hips", "spine": ["Spine", "Chest"]}}


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.json")), ids=lambda file: file.stem)
def test_shipped_presets_are_valid(file):
    preset = load_preset(file)
    named = {alternative for chain in preset.bones.values() for name in chain for alternative in name.split("|")}
    assert preset.key == file.stem
    assert preset.source.startswith("https://") or preset.names_only
    assert preset.detect, "a preset that cannot be recognised"
    extra = {preset.root_bone, *preset.follow} | {limb.control for limb in preset.ik.values()}
    assert not named & (extra - {None}), "a bone has two tasks"


def test_one_bone_or_a_chain():
    preset = parse_preset(GOOD, Path("a_rig.json"))
    assert preset.key == "a_rig"
    assert preset.bones == {"pelvis": ("Hips",), "spine": ("Spine", "Chest")}
    assert preset.root_mode == "hips"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "'colour'"),
        ({"names_only": False}, "source"),
        ({"bones": {"spine": "Spine"}}, "'pelvis'"),
        ({"bones": {"pelvis": "Hips", "left_tail": "Tail"}}, "'left_tail'"),
        ({"bones": {"pelvis": "Hips", "head": "Hips"}}, "both 'pelvis' and 'head'"),
        ({"bones": {"pelvis": 7}}, "7"),
        ({"bones": ["Hips"]}, "bones"),
        ({"names": {"prefix": "("}}, "regular expression"),
        ({"twist": {"head": "HeadTwist"}}, "'head'"),
        ({"match": {"head": "sideways"}}, "sideways"),
        ({"root": {"mode": "wheels"}}, "wheels"),
        ({"root": {"mode": "root_bone"}}, "root_bone"),
        ({"ik": {"tail": {"control": "x"}}}, "'tail'"),
        ({"ik": {"left_leg": {}}}, "control"),
        ({"ik": {"left_leg": {"control": "x", "properties": [{"property": "IK_FK"}]}}}, "IK_FK"),
        ({"properties": {"torso": 1}}, "list"),
        ({"detect": [1]}, "detect"),
    ],
)
def test_mistakes_are_sentences(change, words):
    with pytest.raises(RecoverError) as error:
        parse_preset(GOOD | change, Path("folder/a_rig.json"))
    assert error.value.code is ErrorCode.BAD_INPUT
    assert "a_rig.json" in error.value.sentence
    assert words in error.value.sentence
    assert error.value.remedy


def test_files_that_cannot_be_read(tmp_path):
    broken = tmp_path / "broken é.json"
    broken.write_text("{", encoding="utf-8")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (broken, binary, tmp_path / "absent.json", tmp_path):
        with pytest.raises(RecoverError, match=r"rig preset"):
            load_preset(file)


def test_a_file_says_the_same_as_its_content(tmp_path):
    path = tmp_path / "a_rig.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    assert load_preset(path) == parse_preset(GOOD, path)
