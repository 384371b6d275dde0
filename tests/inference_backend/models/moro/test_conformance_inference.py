"""Fixtures 00, 03, 10 and 11: the whole released network. Needs RECOVER_MOTION_FULL=1, 5 GB and minutes."""

import numpy as np
import pytest
import torch

from inference_backend.models.moro.config import RESEARCH
from inference_backend.models.moro.evidence.backbone import normalise_crops
from inference_backend.models.moro.motion.trajectory import integrate, place
from inference_backend.models.moro.recovery.decoding import decode_tokens, most_likely


@pytest.fixture(scope="module")
def model(full_size, released):
    whole = released("vqvae", "smoother", "mask_transformer")
    return released("backbone") if whole else whole


@pytest.fixture(scope="module")
def image(model, moro_data):
    with np.load(moro_data / "fixtures" / "10_forward_all_masked.npz") as data:
        crops, box = torch.from_numpy(data["crop_u8"]), torch.from_numpy(data["bbox"])
    with torch.no_grad():
        tokens = model.evidence_tokens(crops)[None]
        return tokens, model.dst_former.encode_image(tokens, None, box)


def test_00_all_weights(model, moro_data, recipe):
    state = model.state_dict()
    with np.load(moro_data / "fixtures" / "00_weights_probe.npz") as probe:
        for key, first, mean, std in zip(*(probe[n] for n in ("key", "first4", "mean", "std")), strict=True):
            values = state[str(key)].double().numpy()
            start = values.ravel()[:4]
            np.testing.assert_array_equal(np.pad(start, (0, 4 - len(start))), first)
            np.testing.assert_allclose([values.mean(), values.std()], [mean, std], rtol=1e-9, atol=1e-9)


def test_03_backbone(model, fixture, near):
    data = fixture("03_vit_backbone")
    vit = model.backbone.model
    near(normalise_crops(data["crop_u8"])[:, :, ::16, ::16], data["normalised_step16"])
    seen = {}
    watched = {"block0_attn_out": vit.blocks[0].attn} | {f"after_block{i}": vit.blocks[i] for i in (0, 1, 15, 31)}
    hooks = [m.register_forward_hook(lambda _m, _i, out, n=n: seen.__setitem__(n, out)) for n, m in watched.items()]
    hooks.append(vit.blocks[0].register_forward_pre_hook(lambda _m, args: seen.__setitem__("embedded", args[0])))
    with torch.no_grad():
        tokens = model.backbone(data["crop_u8"])
    for hook in hooks:
        hook.remove()
    for name, value in seen.items():
        near(value[:, ::8, ::16], data[name])
    near(tokens[:, ::3, ::8], data["tokens_step3_chan_step8"])


@pytest.mark.parametrize("reference", [True, False], ids=["reference", "default"])
def test_10_one_step_from_all_masked(model, image, fixture, near, reference):
    data = fixture("10_forward_all_masked")
    tokens, features = image
    near(tokens[:, :, ::8, ::16], data["img_tokens_step8_chan_step16"])
    near(features.weak, data["cam_weak"])
    near(features.rotation, data["cam_rot_coarse"])
    near(features.translation, data["cam_trans_coarse"])
    trace = []
    decode_tokens(model, features, steps=1, reference=reference, trace=trace)
    (step,) = trace
    best, probability = most_likely(step.decoded.logits)
    near(step.canonical_in, data["cano_in"])
    near(step.motion.canonical, data["cano_out"])
    near(step.decoded.logits.permute(0, 3, 1, 2)[:, ::16], data["logits_code_step16"])
    assert torch.equal(best, data["logits_argmax"])
    near(probability, data["top1_prob"])
    near(step.decoded.contact, data["contact"])
    near(step.decoded.rotation, data["cam_rot"])
    near(step.decoded.translation, data["cam_trans"])
    relative = integrate(step.motion.canonical, model.statistics, torch.eye(3)[None], torch.zeros(1, 1, 3))
    near(relative[0], data["rel_rot"])
    near(relative[1], data["rel_trans"])


@pytest.mark.parametrize("reference", [True, False], ids=["reference", "default"])
def test_11_iterative_decoding(model, image, fixture, near, reference):
    data = fixture("11_iterative_inference")
    trace = []
    found = decode_tokens(model, image[1], reference=reference, trace=trace)
    for k, step in enumerate(trace):
        best, probability = most_likely(step.decoded.logits)
        assert int((step.ids_in == RESEARCH.mask_id).sum()) == data["n_masked"][k]
        assert torch.equal(step.ids_in, data["ids_in"][k])
        assert torch.equal(best, data["argmax"][k])
        near(probability, data["top1_prob"][k])
        near(step.canonical_in, data["cano_in"][k])
        near(step.motion.canonical, data["cano_out"][k])
        near(step.decoded.contact, data["contact"][k])
        near(step.decoded.rotation, data["cam_rot"][k])
        near(step.decoded.translation, data["cam_trans"][k])
    assert torch.equal(found.ids, data["final_ids"])
    codes = model.codes(found.ids)
    mesh = model.meshes(model.smoother(codes))
    near(mesh[:, :, ::13], data["local_mesh_step13"])
    near(model.meshes(codes)[:, :, ::13], data["local_mesh_unsmoothed_step13"])
    near(place(mesh, found.rotation, found.translation)[:, :, ::13], data["camera_mesh_step13"])
