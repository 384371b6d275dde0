from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference_backend.evaluation.report.ablation import without
from inference_backend.evaluation.report.ways import Way, available, estimator_ways, stage_ways
from inference_backend.pipeline.settings import RecoverSettings
from inference_backend.stages.physics.settings import PhysicsSettings

PLAIN = RecoverSettings(estimator="kinematic")


def changed(**settings) -> dict:
    return Way("a way", replace(PLAIN, **settings)).recipe()


def test_a_recipe_changes_with_what_counts_and_with_nothing_else():
    plain = changed()
    assert Way("another name", PLAIN).recipe() == plain
    assert changed(physics=PhysicsSettings(step_hz=600)) == plain  # the stage does not run
    assert changed(physics=PhysicsSettings(mode="auto")) != plain
    assert changed(moro=replace(RecoverSettings().moro, steps=20)) == plain  # another estimator runs
    assert changed(estimator="moro") != plain
    assert changed(kinematic=replace(RecoverSettings().kinematic, iterations=9)) != plain


def test_what_has_no_weights_is_left_out_and_named():
    there, missing = available([*estimator_ways(), *estimator_ways(moro="/no/such/file.safetensors")])
    assert "kinematic" in [way.name for way in there]
    assert any(sentence.startswith("moro: ") and "/no/such/file" in sentence for sentence in missing)


def test_stages_are_switched_one_by_one():
    base = estimator_ways()[0]
    ways = {way.name.removeprefix("kinematic, "): way.settings for way in stage_ways(base)}
    assert ways["without foot lock"].foot_lock.strength == 0
    assert {ways[name].trajectory.trigger for name in ("foot lock", "foot lock, physics auto")} == {"never"}
    assert ways["foot lock, physics always"].physics.mode == "always"
    assert ways["foot lock"].foot_lock == RecoverSettings().foot_lock


def test_a_part_is_taken_out_of_weights(tmp_path):
    source, target = tmp_path / "a.safetensors", tmp_path / "deep" / "b.safetensors"
    save_file({"m.one": torch.ones(2), "m.two": torch.ones(2), "n": torch.ones(3)}, source, {"config": "{}"})
    without(source, ("m.",), target)
    found = load_file(target)
    assert not found["m.one"].any()
    assert not found["m.two"].any()
    assert torch.equal(found["n"], torch.ones(3))
    with pytest.raises(ValueError, match=r"has no smoother"):
        without(source, ("smoother",), target)
