"""Fixtures 12 to 15: crops, schedules, windows, metrics and losses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.evaluation import metrics as common
from inference_backend.models.moro.evidence.crop import crop_person
from inference_backend.models.moro.motion.trajectory import place
from inference_backend.models.moro.recovery.decoding import masked_counts
from inference_backend.models.moro.recovery.windows import kept_spans, window_spans
from inference_backend.models.moro.training.loss_terms import Placement, Prediction, Target, loss_terms, total_loss
from inference_backend.models.moro.training.losses import contact_labels, token_accuracy

FPS = 30.0


def test_12_crops_to_the_byte(fixture):
    data = {key: value.numpy() for key, value in fixture("12_crop").items()}
    cases = data["cases_cx_cy_scale"]
    for (x, y, scale), expected in zip(cases, data["crops_64"], strict=True):
        np.testing.assert_array_equal(crop_person(data["image"], np.array([x, y]), scale, 64), expected)
    x, y, scale = data["crop_256_case"]
    np.testing.assert_array_equal(crop_person(data["image"], np.array([x, y]), scale), data["crop_256"])


def test_13_schedule_and_windows(fixture):
    data = fixture("13_schedule_windows")
    for key, expected in data.items():
        if key.startswith("masked_T"):
            steps, tokens = key.removeprefix("masked_T").split("_N")
            assert masked_counts(int(steps), int(tokens)) == expected.tolist(), key
        elif key.startswith("windows_L"):
            frames, length, overlap = map(int, key.removeprefix("windows_L").split("_"))
            spans = window_spans(frames, length, overlap)
            assert spans == [tuple(span) for span in expected.tolist()], key
            kept = data[key.replace("windows", "kept")].tolist()
            assert kept_spans(spans, overlap) == [tuple(span) for span in kept], key


def test_14_metrics(fixture, recipe):
    data = {key: value.double().numpy() for key, value in fixture("14_metrics").items()}
    predicted, target, visible = data["pred_joints"][0], data["gt_joints"][0], data["visible"][0] > 0
    hips = predicted[:, 1:3].mean(1), target[:, 1:3].mean(1)
    everywhere = np.ones(visible.shape, bool)
    errors = common.root_aligned_errors(predicted, target, everywhere, *hips)
    flat = np.zeros_like(hips[0])
    base = recipe.randn("fixture/metric/gt/base", (1, 6890, 3), 0.3).astype(float)

    def walk(tag):
        return np.cumsum(recipe.randn(f"fixture/metric/{tag}/walk", (40, 1, 3), 0.006).astype(float), 0)

    noise = recipe.randn("fixture/metric/noise", (40, 6890, 3), 0.01).astype(float)
    meshes = (base + walk("gt") + 0.5 * walk("pred") + noise + (0.05, -0.02, 0.1), base + walk("gt"))
    path = common.path_length(target[:, 0])
    found = {
        "pa_mpjpe": common.pa_mpjpe(predicted, target, everywhere),
        "mpjpe": common.mean_error(errors),
        "visible_mpjpe": common.mean_error(errors, visible),
        "occluded_mpjpe": common.mean_error(errors, ~visible),
        "gmpjpe": common.gmpjpe(predicted, target, everywhere),
        "pve": common.pve(*meshes, *hips),
        "accel": common.accel(predicted, target, everywhere, everywhere, FPS, *hips),
        "g_accel": common.accel(predicted, target, everywhere, everywhere, FPS, flat, flat),
        "jitter": common.jitter(predicted, everywhere, FPS),
        "rte": 0.1 * common.rte_mm(predicted[:, 0], target[:, 0]) / path,
        "fs": common.slides(data["pred_foot_verts"][0], data["gt_foot_verts"][0], 0.3, FPS).mean(),
    }
    for name, value in found.items():
        assert value == pytest.approx(float(data[f"mean_{name}"]), abs=1e-4), name
    assert set(found) == {key.removeprefix("mean_") for key in data if key.startswith("mean_")}
    np.testing.assert_array_equal(common.skating(predicted, FPS), data["gtfree_skating_ratio"][0] > 0)
    depth, share = common.penetration(predicted)
    np.testing.assert_allclose(depth, data["gtfree_penetration_depth"][0], atol=1e-4)
    np.testing.assert_allclose(share, data["gtfree_penetration_ratio"], atol=1e-4)
    acceleration = np.linalg.norm(common.acceleration(predicted, FPS), axis=-1).mean(1)
    np.testing.assert_allclose(acceleration, data["gtfree_global_accel"], atol=1e-4)
    labels = contact_labels(torch.from_numpy(target))
    np.testing.assert_array_equal(labels.numpy(), data["contact_label_gt"])


def test_15_losses(fixture, recipe, near):
    data = fixture("15_losses")

    def given(name, shape, scale=1.0):
        return torch.from_numpy(recipe.randn(f"fixture/loss/{name}", shape, scale))

    mesh = given("mesh_base", (2, 1, 9383, 3), 0.3) + given("mesh_var", (2, 4, 9383, 3), 0.01)
    regressor = np.abs(recipe.randn("fixture/loss/jreg", (22, 9383))) ** 8
    regressor = torch.from_numpy((regressor / regressor.sum(1, keepdims=True)).astype(np.float32))
    placements = {n: Placement(data[f"rot_{n}"], data[f"trans_{n}"]) for n in ("gt", "coarse", "fine", "rel")}
    prediction = Prediction(
        mesh=mesh + given("mesh_err", (2, 4, 9383, 3), 0.02),
        logits=given("logits", (2, 512, 4, 87)).permute(0, 2, 3, 1),
        contact=given("contact_logits", (2, 4, 4)),
        canonical=given("cano_pred", (2, 4, 9)),
        prior=placements["rel"],
        coarse=placements["coarse"],
        fine=placements["fine"],
    )
    target = Target(
        mesh=mesh,
        joints=data["gt_joints"],
        placement=placements["gt"],
        labels=torch.from_numpy(recipe.randint("fixture/loss/labels", (2, 4, 87), 513)),
        canonical=given("cano_gt", (2, 4, 9)),
        contact=data["contact_label"],
        K=data["K"],
        scale=data["scale"],
    )
    near(place(mesh, *placements["gt"])[:, :, ::97], data["mesh_gt_step97"])
    near(place(prediction.mesh, *placements["fine"])[:, :, ::97], data["mesh_fine_step97"])
    assert token_accuracy(prediction.logits, target.labels).item() == pytest.approx(data["accuracy"].item())
    tasks = {
        "motion": replace(prediction, coarse=None, fine=None),
        "image": replace(prediction, prior=None),
        "video": prediction,
    }
    for task, said in tasks.items():
        terms = loss_terms(task, said, target, regressor)
        prefix = f"loss_{task}_loss_"
        assert set(terms) == {key.removeprefix(prefix) for key in data if key.startswith(prefix)}
        for name, value in terms.items():
            assert value.item() == pytest.approx(data[prefix + name].item(), rel=1e-4), (task, name)
        assert total_loss(task, terms).item() == pytest.approx(data[f"loss_{task}_loss"].item(), rel=1e-5)
