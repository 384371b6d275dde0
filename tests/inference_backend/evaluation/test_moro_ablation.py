"""The ablation's command on a made-up archive and tiny networks, and its table on the evaluation page."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from inference_backend.evaluation import moro_ablation
from inference_backend.evaluation.report.ablation import ZEROED
from inference_backend.evaluation.report.moro_section import trained_without
from inference_backend.evaluation.report.page import PAGE, TEMPLATES, filled
from inference_backend.training.sizes import SIZES
from inference_backend.training.stages import video
from inference_backend.training.stages.context import Context

MOTION = ZEROED["without motion encoder"]


@pytest.fixture
def tiny(monkeypatch):
    """A network that trains in moments, in place of the smallest one."""
    size = SIZES["cpu"]
    plans = {**size.plans, "video": replace(size.plans["video"], batch=4, frames=8)}
    size = replace(
        size, points=(64, 24, 10, 6), channels=(3, 6, 8, 8, 5), codes=16, landmark_width=32, landmark_depth=1, width=16,
        heads=2, clip_frames=16, overlap_frames=4, plans=plans,
    )  # fmt: skip
    monkeypatch.setitem(SIZES, "cpu", size)
    return size


@pytest.fixture
def start(tiny, prepared, tmp_path):
    """Weights as a stage leaves them."""
    context = Context(tiny, prepared, tmp_path, torch.device("cpu"))
    context.save("evidence", 0, 0)
    return context.path("evidence")


def test_each_variant_lacks_what_it_is_named_for(tiny, start, prepared, tmp_path, monkeypatch):
    guided = []
    original = video.guided_input
    monkeypatch.setattr(video, "guided_input", lambda *given: guided.append(name) or original(*given))
    training = moro_ablation.Training(start, None, prepared, tiny, 6, 0, torch.device("cpu"))
    before, after = load_file(start), {}
    for name in moro_ablation.VARIANTS:
        after[name] = load_file(moro_ablation.train_variant(name, training, tmp_path / name))
    assert set(guided) == {"full", "full, another seed", "without motion encoder"}
    for name, found in after.items():
        moved = {key for key, value in found.items() if not torch.equal(value, before[key])}
        motion = {key for key in found if key.startswith(MOTION)}
        assert any(".d_transformer." in key for key in moved)
        assert not any(key.startswith("vqvae.") for key in moved)
        if name == "without motion encoder":
            assert not any(found[key].any() for key in motion)
        else:
            assert all(found[key].any() for key in motion & moved)
            assert motion & moved
    key = "mask_transformer.dst_former.d_pos_enc"
    assert not torch.equal(after["full"][key], after["full, another seed"][key])


def test_the_whole_network_is_decoded_in_several_ways(start):
    rows = moro_ablation.rows_of("full", start)
    steps = {name: settings.steps for name, settings in rows.items()}
    assert steps == {
        **{f"full, T = {n}": n for n in (1, 5, 10, 20)},
        **{f"without smoother, T = {n}": n for n in (1, 5)},
    }
    assert not any(settings.refine for settings in rows.values())
    assert load_file(rows["full, T = 5"].weights)["smoother.alpha"] > 0
    assert load_file(rows["without smoother, T = 5"].weights)["smoother.alpha"] == 0


def test_the_command_scores_and_the_page_shows_it(start, prepared, tmp_path, shared, capsys):
    out = tmp_path / "work" / "moro"
    arguments = ["--start", start, "--data", prepared, "--mocap", shared / "mocap", "--out", out, "--device", "cpu"]
    arguments += ["--steps", "2", "--clips", "1", "--frames", "20", "--variants", "without motion encoder"]
    arguments = [str(each) for each in arguments]
    assert moro_ablation.main(arguments) == 0
    rows = json.loads((out / "ablation.json").read_text(encoding="utf-8"))["rows"]
    # Nothing tells the decoder of the tokens that are there already.
    assert rows["without motion encoder, T = 1"] == rows["without motion encoder, T = 5"]
    page = filled(TEMPLATES[PAGE].read_text(encoding="utf-8"), {"trained_without": trained_without(tmp_path / "work")})
    error = rows["without motion encoder, T = 5"]["occluded"]["MPJPE"]
    assert f"| without motion encoder, T = 5 | {error:.1f} |" in page
    assert trained_without(tmp_path) == ""
    assert f"MPJPE {error:.1f}" in capsys.readouterr().out
    assert moro_ablation.main([*arguments, "--resume"]) == 0
    assert "MPJPE" not in capsys.readouterr().out, "all was there already"


def test_missing_weights_are_named(tmp_path, capsys):
    arguments = ["--start", tmp_path / "none.safetensors", "--data", tmp_path, "--mocap", tmp_path, "--out", tmp_path]
    assert moro_ablation.main([*map(str, arguments), "--steps", "1", "--device", "cpu"]) == 1
    assert "none.safetensors" in capsys.readouterr().err
