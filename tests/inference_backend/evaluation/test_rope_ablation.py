"""The ablation's command on a made-up archive and tiny networks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.evaluation import rope_ablation
from inference_backend.models.rope.weights_file import load_rope
from inference_backend.protocol.errors import RecoverError
from inference_backend.training.rope.sizes import ROPE_SIZES


def test_variants_are_trained_alike_and_listed(prepared, tmp_path, monkeypatch, capsys):
    size = ROPE_SIZES["cpu"]
    config = replace(
        size.config, channels=(8, 12), neck=8, trunk=8, token=8, heads=2, isl_layers=1, shape_hidden=8, pose_hidden=8
    )
    plans = {name: replace(plan, batch=4, frames=4) for name, plan in size.plans.items()}
    monkeypatch.setitem(ROPE_SIZES, "cpu", replace(size, config=config, plans=plans))
    out = tmp_path / "out"
    arguments = ["--data", str(prepared), "--out", str(out), "--steps", "5", "--device", "cpu"]
    assert rope_ablation.main([*arguments, "--variants", "full", "no_whobo"]) == 0
    rows = json.loads((out / "ablation.json").read_text(encoding="utf-8"))["rows"]
    assert list(rows) == ["full", "no_whobo"]
    assert all(np.isfinite(list(row.values())).all() for row in rows.values())
    assert rows["full"]["parameters"] > rows["no_whobo"]["parameters"]
    model, metadata = load_rope(out / "no_whobo" / "rope_2.safetensors")
    assert not model.config.use_whobo
    assert metadata["steps"] == "2", "three steps with the loss on attention, two without"
    assert "| no_whobo |" in capsys.readouterr().out
    trained = (out / "full" / "rope_2.safetensors").stat().st_mtime_ns
    assert rope_ablation.main([*arguments, "--variants", "full", "inter_only"]) == 0
    assert (out / "full" / "rope_2.safetensors").stat().st_mtime_ns == trained, "not trained again"
    assert load_rope(out / "inter_only" / "rope_2.safetensors")[0].config.levels == ("inter",)
    assert rope_ablation.main([*arguments[:5], "6", *arguments[6:]]) == 1
    assert "'steps': 5" in capsys.readouterr().err

    source = out / "full" / "rope_2.safetensors"
    arguments[3] = str(tmp_path / "fixed")
    assert rope_ablation.main([*arguments, "--variants", "no_hagt", "--backbone", str(source)]) == 0
    old, new = (dict(load_rope(path)[0].named_parameters()) for path in (
        source, tmp_path / "fixed" / "no_hagt" / "rope_2.safetensors"))  # fmt: skip
    same = {name: torch.equal(old[name], value) for name, value in new.items() if name in old}
    assert all(kept for name, kept in same.items() if name.startswith(("backbone.", "neck.")))
    assert not any(kept for name, kept in same.items() if name.startswith(("encoders.", "pose_in.")))


def test_figures_of_other_data_are_not_kept(tmp_path):
    path, rows = tmp_path / "ablation.json", {"full": {"mpjpe": 1.0}}
    path.write_text(json.dumps({"recipe": {"steps": 5, "data": "a"}, "rows": rows}), encoding="utf-8")
    assert rope_ablation.known(path, {"steps": 5, "data": "a"}) == rows
    with pytest.raises(RecoverError, match="other settings"):
        rope_ablation.known(path, {"steps": 5, "data": "b"})


def test_damaged_figures_are_named(tmp_path, capsys):
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path), "--steps", "1", "--device", "cpu"]
    for content in ("{", "[]", '{"recipe": {}}'):
        (tmp_path / "ablation.json").write_text(content, encoding="utf-8")
        assert rope_ablation.main(arguments) == 1
        assert "ablation.json" in capsys.readouterr().err


def test_missing_data_says_how_to_make_it(tmp_path, capsys):
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path), "--steps", "1", "--device", "cpu"]
    assert rope_ablation.main(arguments) == 1
    assert "prepare" in capsys.readouterr().err
