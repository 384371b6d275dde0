"""Both phases train a few steps of a tiny network."""

import numpy as np
import pytest
import torch

from inference_backend.models.rope.config import ABLATIONS
from inference_backend.models.rope.proxy import PROXY_CHANNELS
from inference_backend.models.rope.weights_file import load_rope, save_rope
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training import __main__ as command
from inference_backend.training.loop import Budget, Loop
from inference_backend.training.rope import command as rope_command
from inference_backend.training.rope.bundle import bundle
from inference_backend.training.rope.sizes import ROPE_SIZES, ROPE_STAGES
from inference_backend.training.rope.stage import RopeContext, RopeStage

CPU = torch.device("cpu")


def train(context, stage, steps, rate=3e-3):
    losses = []
    made = RopeStage(context, stage)
    inner = made.loss

    def remembered(progress):
        total, figures = inner(progress)
        losses.append(float(total.detach()))
        return total, figures

    made.loss = remembered
    budget = Budget(10, steps=steps, rate=rate, warm_up=4)
    return Loop(made, budget, context.out, context.generator, CPU, lambda _: None).run(), losses


@pytest.fixture(scope="module")
def trained(small, prepared, tmp_path_factory):
    """A folder in which both phases have run, and what they said."""
    out, start, said = tmp_path_factory.mktemp("rope weights"), None, {}
    for stage in ROPE_STAGES:
        context = RopeContext(small, prepared, out, CPU, start=start)
        said[stage] = train(context, stage, 40 if stage == "rope_1" else 3)
        start = context.path(stage)
    return out, said


def test_the_first_phase_learns(trained):
    figures, losses = trained[1]["rope_1"]
    assert np.mean(losses[-6:]) < 0.85 * np.mean(losses[:3])
    assert all(np.isfinite(list(figures.values())))
    assert {"mpjpe", "visible", "hidden", "turn_deg", "attention"} <= set(figures)


def test_the_second_phase_leaves_out_the_loss_on_attention(trained, small, prepared):
    out, _ = trained
    context = RopeContext(small, prepared, out, CPU, start=out / "rope_1.safetensors")
    totals = []
    for stage in ROPE_STAGES:
        context.generator.manual_seed(9)
        total, figures = RopeStage(context, stage).loss(0.0)
        totals.append((total.item(), figures["attention"].item()))
    assert totals[0][1] == pytest.approx(totals[1][1], rel=1e-4)
    assert totals[0][0] - totals[1][0] == pytest.approx(totals[0][1], rel=1e-3)


def test_saved_networks_say_where_they_come_from(trained, body):
    model, metadata = load_rope(trained[0] / "rope_2.safetensors")
    assert metadata["body_sha256"] == body.sha256
    assert metadata["stage"] == "rope_2"
    assert "mocap.cs.cmu.edu" in metadata["acknowledgement"]
    assert model.config.turn_to_box


def test_batch_norms_fit_the_averaged_weights(trained, small, prepared):
    """In evaluation a saved network says about what it says while its norms measure a batch."""
    model, _ = load_rope(trained[0] / "rope_1.safetensors")
    context = RopeContext(small, prepared, trained[0], CPU)
    windows, synthesis = context.source("val", torch.Generator().manual_seed(4))
    batch = synthesis.batch(windows.draw(64, 4))
    with torch.no_grad():
        still = model.eval()(batch.images, batch.box).rotations
        live = model.train()(batch.images, batch.box).rotations
    fresh = RopeContext(small, prepared, trained[0], CPU, seed=3).model.eval()
    with torch.no_grad():
        other = fresh(batch.images, batch.box).rotations
    assert (still - live).abs().mean() < 0.2 * (other - live).abs().mean()


def test_saving_does_not_change_what_is_drawn_next(trained, small, prepared, tmp_path):
    """When a network is saved depends on the clock; what it learns next must not."""
    drawn = []
    for check in (False, True):
        context = RopeContext(small, prepared, tmp_path, CPU)
        stage = RopeStage(context, "rope_1")
        if check:
            stage.validate()
        drawn.append(stage._synthesis.batch(stage._windows.draw(4, 4)).images)
    assert torch.equal(*drawn)


@pytest.mark.parametrize("variant", [name for name in ABLATIONS if name != "full"])
def test_every_variant_trains(small, prepared, tmp_path, variant):
    context = RopeContext(small, prepared, tmp_path, CPU, variant=variant)
    before = {name: p.detach().clone() for name, p in context.model.named_parameters()}
    total, _ = RopeStage(context, "rope_1").loss(0.0)
    total.backward()
    idle = [name for name, p in context.model.named_parameters() if p.grad is None]
    assert torch.isfinite(total)
    assert not idle, "every weight of a variant takes part"
    assert before.keys() == dict(context.model.named_parameters()).keys()


def test_the_command_trains_both_phases_in_pieces(small, prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(ROPE_SIZES, "cpu", small)
    assert rope_command.ROPE_SIZES is ROPE_SIZES
    arguments = ["rope", "--data", str(prepared), "--out", str(tmp_path), "--minutes", "0.05", "--size", "cpu"]
    arguments += ["--device", "cpu", "--resume", "--variant", "no_whobo"]
    assert command.main([*arguments, "--call-minutes", "0.005"]) == 0
    assert "go on with --resume" in capsys.readouterr().out
    assert not (tmp_path / "rope_2.safetensors").exists()
    assert command.main(arguments) == 0
    model, _ = load_rope(tmp_path / "rope_2.safetensors")
    assert not model.config.use_whobo, "a phase goes on with the network of the one before"
    assert command.main(arguments) == 0
    assert capsys.readouterr().out.count("done before") == 2


def test_the_second_phase_needs_the_first(prepared, tmp_path, capsys):
    arguments = ["rope_2", "--data", str(prepared), "--out", str(tmp_path), "--minutes", "1", "--device", "cpu"]
    assert command.main(arguments) == 1
    assert "rope_1" in capsys.readouterr().err


def test_weights_of_another_body_are_no_start(trained, small, prepared, tmp_path):
    model, _ = load_rope(trained[0] / "rope_1.safetensors")
    other = tmp_path / "other.safetensors"
    save_rope(model, other, {"body_sha256": "0" * 64})
    with pytest.raises(RecoverError) as caught:
        RopeContext(small, prepared, tmp_path, CPU, start=other)
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_a_bundle_is_loaded_again_and_its_card_names_it(trained, tmp_path):
    target = tmp_path / "bündel" / "rope.safetensors"
    card = bundle(trained[0] / "rope_2.safetensors", target, "Scores.")
    model, metadata = load_rope(target)
    first, _ = load_rope(trained[0] / "rope_2.safetensors")
    images, box = torch.rand(2, PROXY_CHANNELS, 64, 48), torch.zeros(2, 3)
    torch.testing.assert_close(model(images, box).rotations, first(images, box).rotations, atol=2e-2, rtol=0)
    assert metadata["stage"] == "rope_2"
    text = card.read_text(encoding="utf-8")
    assert "Scores." in text
    assert "mocap.cs.cmu.edu" in text


def test_a_bundle_that_is_too_large_is_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("inference_backend.training.rope.bundle.LARGEST_MB", 0.01)
    with pytest.raises(RecoverError) as caught:
        bundle(trained[0] / "rope_2.safetensors", tmp_path / "rope.safetensors")
    assert caught.value.code == ErrorCode.BAD_OUTPUT
    assert not (tmp_path / "rope.safetensors").exists()
