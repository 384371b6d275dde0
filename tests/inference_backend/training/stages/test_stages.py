"""Every stage trains a few steps of a tiny network, and hands on to the next one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference_backend.models.moro.evidence.landmark_evidence import LandmarkSource
from inference_backend.models.moro.files.checkpoint import load_network
from inference_backend.models.moro.files.weights_file import entry, read_weights, write_weights
from inference_backend.models.moro.recovery.decoding import decode_tokens
from inference_backend.models.moro.recovery.recover_clip import recover_clip
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training import __main__ as command
from inference_backend.training.data.synthesis import Synthesis
from inference_backend.training.loop import Budget, Loop
from inference_backend.training.sizes import SIZES, STAGES
from inference_backend.training.stages.context import Context
from inference_backend.training.stages.registry import make_stage
from inference_backend.training.stages.scores import mean_scores, pose_scores

CPU = torch.device("cpu")


def train(context: Context, stage: str, steps: int, same: bool = False) -> tuple[dict[str, float], list[float]]:
    """Figures of the validation, and each step's loss; `same`: every step sees the same batch."""
    losses: list[float] = []
    made = make_stage(stage, context)
    inner = made.loss

    def remembered(progress):
        if same:
            context.generator.manual_seed(7)
        total, figures = inner(progress)
        losses.append(float(total.detach()))
        return total, figures

    made.loss = remembered
    budget = Budget(10, steps=steps, rate=5e-3, warm_up=4)
    return Loop(made, budget, context.out, context.generator, CPU, lambda _: None).run(), losses


@pytest.fixture(scope="module")
def trained(tiny, prepared, tmp_path_factory) -> Path:
    """A folder in which all stages have run."""
    out = tmp_path_factory.mktemp("weights")
    start = None
    for stage in STAGES:
        context = Context(tiny, prepared, out, CPU, start=start)
        figures, _ = train(context, stage, 30 if stage == "tokenizer" else 2)
        assert all(np.isfinite(list(figures.values()))), (stage, figures)
        start = context.path(stage)
    return out


def test_every_stage_leaves_a_network_that_recovers_clips(trained, body):
    model = load_network(trained / "moro_smoother.safetensors")
    model.set_body(body)
    generator = torch.Generator().manual_seed(0)
    rays = 0.1 * torch.randn(20, 33, 2, generator=generator)
    source = LandmarkSource(rays, torch.ones(20, 33), torch.randn(20, 33, 3), torch.ones(20, dtype=torch.bool))
    motion = recover_clip(model, source)
    assert len(motion) == 20
    assert torch.isfinite(motion.codes).all()
    assert torch.isfinite(model.meshes(motion.codes)).all()


def test_weights_say_where_they_come_from(trained, body):
    file = read_weights(trained / "moro_video.safetensors")
    assert file.metadata["body_sha256"] == body.sha256
    assert file.metadata["stage"] == "video"
    assert "mocap.cs.cmu.edu" in file.metadata["acknowledgement"]
    assert "latent_variance" not in " ".join(file.tensors)


def test_the_tokenizer_learns_and_uses_its_codes(tiny, prepared, tmp_path):
    context = Context(tiny, prepared, tmp_path, CPU)
    figures, losses = train(context, "tokenizer", 120)
    assert np.mean(losses[40:48]) < 0.7 * np.mean(losses[:8])
    assert figures["codes_used"] >= 8
    assert figures["quantised_mm"] < 250


def test_later_stages_leave_the_tokenizer_alone(trained):
    before = load_network(trained / "moro_tokenizer.safetensors").vqvae.state_dict()
    after = load_network(trained / "moro_smoother.safetensors").vqvae.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    ("stage", "moves", "stays"),
    [
        ("landmarks", "img_landmarks.pose", "img_landmarks.parts"),
        ("landmarks", "img_landmarks.layers", "img_transformer"),
        ("pose", "m_pose_regressor", "d_transformer"),
        ("motion", "m_transformer", "img_transformer"),
        ("evidence", "img_transformer", "m_transformer"),
        ("evidence", "img_landmarks.parts", "img_landmarks.layers"),
        ("video", "d_transformer", "m_pose_regressor"),
        ("video", "img_landmarks.parts", "img_landmarks.camera"),
        ("smoother", "smoother.net", "d_transformer"),
    ],
)
def test_stages_train_what_they_should(trained, tiny, prepared, tmp_path, stage, moves, stays):
    context = Context(tiny, prepared, tmp_path, CPU, start=trained / "moro_tokenizer.safetensors")
    before = {name: p.detach().clone() for name, p in context.model.named_parameters()}
    train(context, stage, 3)
    changed = {name for name, p in context.model.named_parameters() if not torch.equal(p, before[name])}
    assert any(moves in name for name in changed)
    assert not any(stays in name for name in changed)


def test_the_landmark_encoder_learns(trained, tiny, prepared, tmp_path):
    context = Context(tiny, prepared, tmp_path, CPU, start=trained / "moro_tokenizer.safetensors")
    _, losses = train(context, "landmarks", 60)
    assert np.mean(losses[-8:]) < 0.7 * np.mean(losses[:4])


def test_a_landmark_encoder_can_come_from_elsewhere(trained, tiny, prepared, tmp_path):
    """As when it is trained beside the tokenizer instead of after it."""
    start, other = trained / "moro_tokenizer.safetensors", trained / "moro_video.safetensors"
    context = Context(tiny, prepared, tmp_path, CPU, start=start, landmarks=other)
    taken, theirs = (m.dst_former.img_landmarks.state_dict() for m in (context.model, load_network(other)))
    assert all(torch.equal(taken[key], theirs[key]) for key in theirs)
    with pytest.raises(RecoverError) as error:
        Context(replace(tiny, landmark_width=16), prepared, tmp_path, CPU, start=start, landmarks=other)
    assert str(other) in str(error.value)


def test_evidence_and_video_learn(trained, tiny, prepared, tmp_path):
    for stage in ("evidence", "video"):
        context = Context(tiny, prepared, tmp_path, CPU, start=trained / "moro_tokenizer.safetensors")
        _, losses = train(context, stage, 40, same=True)
        assert losses[-1] < 0.85 * losses[0], stage


@pytest.mark.parametrize("stage", STAGES[1:])
def test_stages_train_in_mixed_precision(trained, tiny, prepared, tmp_path, stage):
    """As on a GPU, where products inside the transformers are bfloat16 and weights and losses float32."""
    context = Context(tiny, prepared, tmp_path, CPU, start=trained / "moro_tokenizer.safetensors")
    context.model.dst_former.compute_dtype = torch.bfloat16
    figures, losses = train(context, stage, 2)
    assert np.isfinite(losses).all()
    assert np.isfinite(list(figures.values())).all()
    assert all(p.dtype == torch.float32 for p in context.model.parameters())


def test_a_tokenizer_can_be_put_under_another_size(trained, tiny, prepared, tmp_path):
    wider = replace(tiny, width=32, mlp_ratio=3)
    context = Context(wider, prepared, tmp_path, CPU, start=trained / "moro_tokenizer.safetensors")
    assert context.model.config.width == 32
    old = load_network(trained / "moro_tokenizer.safetensors").vqvae.vq_vae.codes
    assert torch.equal(context.model.vqvae.vq_vae.codes, old)
    assert torch.equal(context.model.codebook, old)


def test_mean_codes_are_between_the_codes(trained, prepared, tiny, tmp_path):
    context = Context(tiny, prepared, tmp_path, CPU, start=trained / "moro_video.safetensors")
    batch = Synthesis(context.posed, context.generator).batch(context.windows("val").draw(2, 8))
    evidence = batch.evidence
    image = context.model.dst_former.encode_image(evidence.tokens, evidence.valid, evidence.box)
    found = decode_tokens(context.model.eval(), image)
    book = context.model.codebook
    assert (found.codes >= book.amin(0) - 1e-5).all()
    assert (found.codes <= book.amax(0) + 1e-5).all()
    assert not torch.equal(found.codes, context.model.codes(found.ids))


def test_scores_are_zero_for_the_truth_and_count_hidden_joints_apart():
    truth = torch.randn(2, 9, 22, 3)
    hidden = torch.zeros(2, 9, 33, dtype=torch.bool)
    hidden[:, :, 27] = True  # the left ankle
    moved = truth.clone()
    moved[:, :, 7, 0] += 0.12
    scores = pose_scores(moved, truth, hidden)
    assert scores["hidden"] == pytest.approx(120, rel=1e-4)
    assert scores["visible"] == 0
    assert scores["mpjpe"] == pytest.approx(10, rel=1e-4)
    assert scores["root"] == 0
    assert pose_scores(truth, truth, hidden)["accel"] == 0


def test_a_network_that_says_no_numbers_does_not_score_zero():
    truth, hidden = torch.randn(1, 5, 22, 3), torch.zeros(1, 5, 33, dtype=torch.bool)
    scores = pose_scores(torch.full_like(truth, torch.nan), truth, hidden)
    assert np.isnan(scores["mpjpe"])
    assert "hidden" not in scores, "nothing was hidden"
    assert mean_scores([{"mpjpe": 10.0, "hidden": 4.0}, {"mpjpe": 20.0}]) == {"mpjpe": 15, "hidden": 4}


def test_the_command_runs_a_stage_and_goes_on(prepared, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(command.SIZES, "cpu", tiny)
    arguments = ["tokenizer", "--data", str(prepared), "--out", str(tmp_path), "--minutes", "1", "--size", "cpu"]
    assert command.main([*arguments, "--steps", "3"]) == 0
    assert (tmp_path / "moro_tokenizer.safetensors").is_file()
    assert command.main([*arguments, "--steps", "5", "--resume"]) == 0
    assert read_weights(tmp_path / "moro_tokenizer.safetensors").metadata["steps"] == "5"
    assert "validation" in capsys.readouterr().out


def test_all_stages_run_in_pieces(prepared, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(command.SIZES, "cpu", tiny)
    arguments = [
        "all",
        "--data",
        str(prepared),
        "--out",
        str(tmp_path),
        "--minutes",
        "0.1",
        "--size",
        "cpu",
        "--resume",
    ]
    assert command.main([*arguments, "--call-minutes", "0.02"]) == 0
    assert "go on with --resume" in capsys.readouterr().out
    assert not (tmp_path / "moro_smoother.safetensors").exists()
    assert command.main(arguments) == 0
    assert (tmp_path / "moro_smoother.safetensors").is_file()
    assert command.main(arguments) == 0
    assert capsys.readouterr().out.count("done before") == len(STAGES)


def test_a_stage_without_anything_to_start_from_says_so(prepared, tmp_path, capsys):
    arguments = ["video", "--data", str(prepared), "--out", str(tmp_path), "--minutes", "1", "--device", "cpu"]
    assert command.main(arguments) == 1
    assert "tokenizer" in capsys.readouterr().err


def test_weights_of_another_body_are_no_start(trained, tiny, prepared, tmp_path):
    file = read_weights(trained / "moro_video.safetensors")
    other = tmp_path / "other.safetensors"
    entries = [entry(name, tensor) for name, tensor in file.tensors.items()]
    write_weights(other, entries, file.config, {"body_sha256": "0" * 64})
    with pytest.raises(RecoverError) as caught:
        Context(tiny, prepared, tmp_path, CPU, start=other)
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_missing_data_says_how_to_make_it(tiny, tmp_path):
    context = Context(tiny, tmp_path / "nowhere", tmp_path, CPU)
    with pytest.raises(RecoverError) as caught:
        make_stage("tokenizer", context)
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_shares_of_the_stages_make_a_whole():
    for size in SIZES.values():
        assert set(size.plans) == set(STAGES)
        assert sum(plan.share for plan in size.plans.values()) == pytest.approx(1, abs=0.02)
