"""The trajectory denoiser's training: its data, a few steps of a tiny network, resuming, bundling."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.models.trajectory.canonical import about_y, facing
from inference_backend.models.trajectory.config import TrajectoryConfig
from inference_backend.models.trajectory.corruption import Corruption
from inference_backend.models.trajectory.weights_file import load_weights
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training import __main__ as command
from inference_backend.training.data.archive import read_archive
from inference_backend.training.data.windows import MotionWindows
from inference_backend.training.loop import Budget, Loop
from inference_backend.training.trajectory import bundle as bundling
from inference_backend.training.trajectory import sizes
from inference_backend.training.trajectory.batches import Batches, far_travelled, on_the_floor
from inference_backend.training.trajectory.scores import path_scores
from inference_backend.training.trajectory.sizes import TrajectoryPlan
from inference_backend.training.trajectory.stage import TrajectoryStage

CPU = torch.device("cpu")
SMALL = TrajectoryConfig(dim=32, layers=2, heads=4, ffn=48, condition=16, dropout=0.0, rates=True)
PLAN = TrajectoryPlan(SMALL, 8, (20, 40), 5e-3)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def stage_in(folder, prepared, plan=PLAN, seed=0, start=None):
    return TrajectoryStage(plan, prepared, folder, CPU, chance(seed), seed, start)


@pytest.fixture
def windows(prepared, body):
    return MotionWindows(read_archive(prepared / "train.npz"), body, chance(), augment=False).draw(6, 40)


def test_true_windows_tell_the_motion(windows, body):
    batch = Batches(body, chance()).make(windows)
    torch.testing.assert_close(batch.told, batch.joints)
    assert batch.told[..., 0, :].abs().max() < 1e-6
    assert batch.path[:, 0, [0, 2]].abs().max() < 1e-6
    torch.testing.assert_close(batch.path[..., 1], windows.pelvis[..., 1])
    # The made-up walker turns about y by 3 rad at first and walks along the world's z.
    assert facing(batch.joints[:, 0]).abs().max() < 1e-4
    travelled = (windows.pelvis[:, -1] - windows.pelvis[:, 0]).norm(dim=-1)
    torch.testing.assert_close(batch.path[:, -1, [0, 2]].norm(dim=-1), travelled, atol=1e-3, rtol=0)


def test_corrupted_windows_err_as_estimators_do_and_stay_in_one_frame(windows, body):
    true = Batches(body, chance()).make(windows)
    told = [Batches(body, chance(seed), corruption=Corruption()).make(windows) for seed in range(8)]
    off = torch.stack([(batch.told - batch.joints).norm(dim=-1) for batch in told])
    assert 0.02 < off[..., [4, 5]].mean() < 0.12, "knees"
    assert 0.03 < off[..., [7, 8]].mean() < 0.2, "ankles"
    step = torch.stack([(batch.told - batch.joints).diff(dim=1).norm(dim=-1) for batch in told])
    assert step.mean() < 0.25 * off.mean(), "errors change slowly"
    for batch in told:
        # Path and true joints are turned into the frame that the told pose faces: the same motion, turned as one.
        turn = facing(batch.joints[:, 0]) - facing(true.joints[:, 0])
        torch.testing.assert_close(batch.path, true.path @ about_y(turn).mT, atol=1e-4, rtol=0)
        assert facing(batch.told[:, 0]).abs().max() < 1e-3
        assert torch.equal(batch.contacts, true.contacts)


def test_the_same_chance_makes_the_same_batch(windows, body):
    first, again = (Batches(body, chance(3), corruption=Corruption()).make(windows) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_rotations_are_six_numbers_that_do_not_know_where_north_is(windows, body):
    told = Batches(body, chance(), "rotations").make(windows).told
    assert told.shape == (6, 40, 24, 6)
    north = about_y(torch.tensor(0.8))
    turned = windows.rotations.clone()
    turned[:, :, 0] = north @ turned[:, :, 0]
    other = Batches(body, chance(), "rotations").make(
        windows._replace(rotations=turned, pelvis=windows.pelvis @ north.T)
    )
    torch.testing.assert_close(other.told, told, atol=1e-4, rtol=0)
    first, second = told[..., :3], told[..., 3:]
    torch.testing.assert_close(first.norm(dim=-1), torch.ones(6, 40, 24))
    assert (first * second).sum(-1).abs().max() < 1e-4


def test_clips_that_leave_the_floor_are_left_out(prepared):
    archive = read_archive(prepared / "train.npz")
    assert len(on_the_floor(archive)) == len(archive)
    flat = on_the_floor(replace(archive, uneven=np.array([False, True, False])))
    assert flat.names == (archive.names[0], archive.names[2])
    np.testing.assert_array_equal(flat.rotvec[flat.span(1)], archive.rotvec[archive.span(2)])
    np.testing.assert_array_equal(flat.pelvis[flat.span(0)], archive.pelvis[archive.span(0)])


def test_those_who_get_farthest_are_kept(windows):
    far = far_travelled(windows, 2)
    travelled = (windows.pelvis[:, -1] - windows.pelvis[:, 0]).norm(dim=-1)
    kept = (far.pelvis[:, -1] - far.pelvis[:, 0]).norm(dim=-1)
    torch.testing.assert_close(kept.sort().values, travelled.sort().values[-2:], atol=1e-3, rtol=0)
    assert far.rotations.shape == (2, *windows.rotations.shape[1:])
    assert far.betas.shape == (2, 10)


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_every_size_trains_a_step(prepared, tmp_path, name):
    size = sizes.PLANS[name]
    small = replace(size, config=replace(size.config, dim=32, heads=4, condition=16, ffn=32), batch=4, frames=(20, 30))
    stage = stage_in(tmp_path, prepared, small)
    loss, figures = stage.loss(0.0)
    loss.backward()
    assert torch.isfinite(torch.stack([value.detach() for value in figures.values()])).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in stage.network.parameters())
    assert stage.network.stance.weight.grad.abs().max() > 0


def test_scores_of_the_truth_and_of_who_stays(windows, body):
    batch = Batches(body, chance()).make(windows)
    right = path_scores(batch.path, batch)
    assert right["path_mm"] == right["speed"] == right["height_mm"] == 0
    assert right["pace"] == pytest.approx(1)
    still = path_scores(batch.path[:, :1].expand_as(batch.path), batch)
    assert still["path_mm"] == pytest.approx(still["still_mm"], rel=1e-5)
    assert still["pace"] == 0
    assert still["speed"] == pytest.approx(0.9, abs=0.15), "the made-up walkers' pace"


def test_it_learns_to_tell_who_walks(prepared, tmp_path):
    stage = stage_in(tmp_path, prepared)
    before = stage.validate()
    figures = Loop(stage, Budget(10, steps=60, rate=PLAN.rate, warm_up=5), tmp_path, stage._generator, CPU, str).run()
    assert before["pace"] < 0.05
    assert figures["path_mm"] < 0.6 * before["path_mm"]
    loaded = load_weights(tmp_path / "trajectory.safetensors")
    assert loaded.network.config == SMALL
    assert loaded.metadata["steps"] == "60"
    assert "mocap.cs.cmu.edu" in loaded.metadata["acknowledgement"]


@pytest.mark.parametrize("uses", [1, 2])
def test_training_goes_on_as_if_it_had_not_stopped(prepared, tmp_path, uses):
    """Even if it stopped between the two uses of a batch."""

    def train(folder, steps, resume=False):
        stage = stage_in(folder, prepared, replace(PLAN, uses=uses))
        budget = Budget(10, steps=steps, rate=1e-3, final_rate=1.0)
        Loop(stage, budget, folder, stage._generator, CPU, str).run(resume)
        return load_weights(folder / "trajectory.safetensors").network.state_dict()

    whole = train(tmp_path / "whole", 6)
    train(tmp_path / "parts", 3)
    parts = train(tmp_path / "parts", 6, resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_command_trains_starts_from_weights_and_says_what_does_not_fit(prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sizes.PLANS, "cpu", replace(PLAN, config=replace(SMALL, feet=True)))
    given = ["trajectory", "--data", str(prepared), "--minutes", "1", "--size", "cpu", "--device", "cpu"]
    first, second = tmp_path / "first", tmp_path / "zweiter ö"
    assert command.main([*given, "--out", str(first), "--steps", "2"]) == 0
    weights = first / "trajectory.safetensors"
    assert command.main([*given, "--out", str(second), "--steps", "1", "--init-from", str(weights)]) == 0
    assert "validation: path_mm" in capsys.readouterr().out
    rotations = [*given, "--out", str(second), "--steps", "1", "--condition", "rotations"]
    assert command.main([*rotations, "--init-from", str(weights)]) == 1
    assert "another network" in capsys.readouterr().err
    assert command.main(rotations) == 0
    assert load_weights(second / "trajectory.safetensors").network.config.condition_of == "rotations"
    with pytest.raises(RecoverError) as caught:
        bundling.bundle(second / "trajectory.safetensors", tmp_path / "x.safetensors")
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_a_bundle_has_a_card_and_a_limit(prepared, tmp_path, monkeypatch, capsys):
    stage = stage_in(tmp_path, prepared)
    stage.save(90.0, 7)
    target = tmp_path / "trajectory_open.safetensors"
    (tmp_path / "notes.md").write_text("Measured: nothing yet.", encoding="utf-8")
    arguments = [str(stage.path), "--out", str(target), "--notes", str(tmp_path / "notes.md")]
    assert bundling.main(arguments) == 0
    text = target.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(target.read_bytes()).hexdigest() in text
    for words in ("7 steps, 1.5 minutes", "mocap.cs.cmu.edu", "Measured: nothing yet.", stage.body.sha256):
        assert words in text
    assert bundling.main([*arguments[:-1], str(tmp_path / "none.md")]) == 1
    assert "none.md" in capsys.readouterr().err
    monkeypatch.setattr(bundling, "LARGEST_MB", 0.01)
    assert bundling.main(arguments) == 1
    assert not target.exists()
    assert "at most" in capsys.readouterr().err
