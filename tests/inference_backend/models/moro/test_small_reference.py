"""Numbers of small networks with weights of our own recipe, kept in the repository.

The code that wrote them passed the conformance tests of the released network; this file keeps it so where those
fixtures are absent. `RECOVER_MOTION_WRITE=1 pytest .../test_small_reference.py` writes it anew, once they have passed.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from inference_backend.models.moro.evidence.crop import crop_person
from inference_backend.models.moro.evidence.landmark_evidence import landmark_tokens
from inference_backend.models.moro.motion.trajectory import integrate, place
from inference_backend.models.moro.recovery.decoding import decode_tokens, masked_counts, most_likely
from inference_backend.models.moro.tokenizer.connections import connections_to_tables

STORED = Path(__file__).with_name("small_reference.npz")


def numbers(name, shape, scale=1.0):
    seed = sum(map(ord, name)) * 7919
    return torch.from_numpy((scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32))


def whole_network(model, evidence, valid, box, prefix):
    """Everything of a network, from evidence to placed meshes."""
    out = {}
    with torch.no_grad():
        image = model.encode_image(evidence, valid, box)
        trace = []
        found = decode_tokens(model, image, steps=5, trace=trace)
        codes = model.smoother(model.codes(found.ids))
        mesh = model.meshes(codes)
        again = model.vqvae.fully_conv_ae.encode(mesh[0])
        relative = integrate(trace[-1].motion.canonical, model.statistics, torch.eye(3)[None], torch.zeros(1, 1, 3))
    out["image_tokens"], out["weak"] = image.tokens[..., ::4], image.weak
    out["ids_in"] = torch.stack([step.ids_in for step in trace])
    out["argmax"] = torch.stack([most_likely(step.decoded.logits)[0] for step in trace])
    out["canonical_in"] = torch.stack([step.canonical_in for step in trace])
    out["canonical_out"] = torch.stack([step.motion.canonical for step in trace])
    out["pose_features"] = trace[2].motion.pose[..., ::4]
    out["logits"] = trace[-1].decoded.logits[..., ::4]
    out["ids"], out["confidence"], out["contact"] = found.ids, found.confidence, found.contact
    out["rotation"], out["translation"] = found.rotation, found.translation
    out["prior_rotation"], out["prior_translation"] = relative
    out["codes"], out["mesh"] = codes, place(mesh, found.rotation, found.translation)[:, :, ::5]
    out["latent"], out["ids_again"] = again, model.vqvae.vq_vae.nearest(again)
    return {f"{prefix}/{key}": value.numpy() for key, value in out.items()}


def compute(image_network, landmark_network, connections):
    frames = 9
    box = numbers("box", (1, frames, 3), 0.1) + torch.tensor([0.0, 0.0, 0.6])
    crops = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, frames, 32, 32, 3), dtype=np.uint8))
    out = whole_network(image_network, crops, None, box, "image")
    rays, world = numbers("rays", (1, frames, 33, 2), 0.1) + 0.2, numbers("world", (1, frames, 33, 3), 0.3)
    found = torch.ones(1, frames, dtype=torch.bool)
    found[:, 3:5] = False
    visibility = numbers("visibility", (1, frames, 33)).sigmoid()
    made = landmark_tokens(rays, visibility, world, found)
    out |= {"landmarks/tokens": made.tokens.numpy(), "landmarks/box": made.box.numpy()}
    out["landmarks/to_camera"] = made.to_camera.numpy()
    out |= whole_network(landmark_network, made.tokens, made.valid, made.box, "landmarks")
    out |= {f"connections/{k}": v.astype(np.int16) for k, v in connections_to_tables(connections).items()}
    picture = np.random.default_rng(4).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    boxes = [(20.0, 15.0, 0.1), (3.3, 27.1, 0.061), (35.5, 15.0, 0.2), (90.0, 15.0, 0.1), (20.0, 15.0, 0.111)]
    out["crops"] = np.stack([crop_person(picture, np.array(b[:2], np.float32), b[2], 16) for b in boxes])
    out["schedule"] = np.array(masked_counts(20, 696))
    return out


@pytest.fixture(scope="module")
def computed(image_network, landmark_network, small_connections):
    return compute(image_network, landmark_network, small_connections)


def test_numbers_are_as_they_were(computed):
    if os.environ.get("RECOVER_MOTION_WRITE"):
        half = {k: v.astype(np.int16) if v.dtype == np.int64 else v for k, v in computed.items()}
        np.savez_compressed(STORED, **half)
    with np.load(STORED, allow_pickle=False) as stored:
        assert set(stored.files) == set(computed)
        for key in stored.files:
            if stored[key].dtype.kind == "f":
                np.testing.assert_allclose(computed[key], stored[key], atol=1e-4, rtol=1e-4, err_msg=key)
            else:
                np.testing.assert_array_equal(computed[key], stored[key], err_msg=key)


def test_the_file_stays_small():
    assert STORED.stat().st_size < 300_000
