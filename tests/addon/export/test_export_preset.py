"""Presets as data: ours are sound, and every mistake in one gets a sentence that names file and field."""

import copy
import json

import pytest
from recover_motion.addon.export.preset import FOLDER, find_presets, load_preset, parse_preset
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError

ENGINES = ["unreal", "unity", "godot", "roblox", "fbx", "gltf", "bvh", "usd", "alembic"]
SOUND = json.loads((FOLDER / "roblox.json").read_text(encoding="utf-8"))


def test_ours_are_all_there_in_the_menus_order_and_cite_their_sources():
    presets, problems = find_presets([FOLDER])
    assert not problems
    assert [preset.name for preset in presets] == ENGINES
    for preset in presets:
        assert preset.sources
        assert all(source.startswith("https://") for source in preset.sources)
        assert preset.description


def changed(path, value):
    content = copy.deepcopy(SOUND)
    *above, last = path.split(".")
    part = content
    for name in above:
        part = part[name]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("format", 2, "needs format to be 1, not 2"),
        ("label", ..., "has no field label"),
        ("label", 3, "needs label to be a string, not 3"),
        ("order", True, "needs order to be a whole number, not true"),
        ("file", "obj", "needs file to be fbx or glb or bvh or usd or abc"),
        ("unit.metres", 0, "needs unit.metres to be above 0"),
        ("unit.metres", "cm", "needs unit.metres to be a whole number or a number"),
        ("unit", [], "needs unit to be a JSON object"),
        ("up", "X", "needs up to be Y or Z"),
        ("root", "none", "needs root to be floor or hips"),
        ("max_influences", 0, "needs max_influences to be 1 or more"),
        ("needed_bones.names", [1], "needs needed_bones.names to be a list of strings"),
        ("defaults.motion", "fast", "needs defaults.motion to be as animated or root motion or in place"),
        ("defaults.fps", -5, "needs defaults.fps to be above 0"),
        ("defaults.mesh", True, "has a field defaults.mesh that means nothing"),
        ("colour", "red", "has a field colour that means nothing"),
    ],
)
def test_a_mistake_is_named(tmp_path, path, value, sentence):
    with pytest.raises(RecoverError) as error:
        parse_preset(changed(path, value), tmp_path / "mine.json")
    assert sentence in error.value.sentence
    assert "mine.json" in error.value.sentence
    assert error.value.code == ErrorCode.BAD_SETTING


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for file, with_mesh in (("bvh", True), ("abc", False)):
        content = SOUND | {"file": file, "defaults": {"with_mesh": with_mesh}}
        with pytest.raises(RecoverError, match="with_mesh"):
            parse_preset(content, tmp_path / "mine.json")
    with pytest.raises(RecoverError, match="needs up to be Y"):
        parse_preset(SOUND | {"file": "glb", "up": "Z"}, tmp_path / "mine.json")


def test_own_presets_come_beside_ours_and_bad_ones_leave_the_others_alone(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(SOUND | {"label": "Mine", "order": 100}), encoding="utf-8")
    (tmp_path / "fbx.json").write_text(json.dumps(SOUND | {"label": "My FBX"}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    presets, problems = find_presets([FOLDER, tmp_path, tmp_path / "missing"])
    assert [preset.label for preset in presets if preset.name in ("mine", "fbx")] == ["My FBX", "Mine"]
    assert len(presets) == len(ENGINES) + 1
    assert ["broken.json" in str(problem) for problem in problems] == [True]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RecoverError, match=r"missing\.json cannot be read"):
        load_preset(tmp_path / "missing.json")
