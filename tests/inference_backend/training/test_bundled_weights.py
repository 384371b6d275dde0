"""The weights that come with the program fit its body, and are what the model card says."""

import hashlib

import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.evidence.landmark_evidence import LandmarkSource
from inference_backend.models.moro.recovery.recover_clip import recover_clip
from inference_backend.stages.estimate.moro.settings import MoroSettings
from inference_backend.stages.estimate.moro.weights import BUNDLED, load_moro
from inference_backend.training.bundle import LARGEST_MB


def test_they_load_for_the_open_body_and_give_people():
    model, vertex_ids = load_moro(MoroSettings(), Body.load(), "cpu")
    generator = torch.Generator().manual_seed(0)
    source = LandmarkSource(
        0.05 * torch.randn(40, 33, 2, generator=generator),
        torch.ones(40, 33),
        0.3 * torch.randn(40, 33, 3, generator=generator),
        torch.ones(40, dtype=torch.bool),
    )
    meshes = model.meshes(recover_clip(model, source).codes)
    assert meshes.shape == (40, len(vertex_ids), 3)
    height = meshes.amax(1) - meshes.amin(1)
    assert 0.8 < height.amax(-1).mean() < 2.3, "whatever the evidence, tokens decode to bodies"


def test_the_card_names_the_file():
    text = BUNDLED.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(BUNDLED.read_bytes()).hexdigest() in text
    assert "mocap.cs.cmu.edu" in text
    assert BUNDLED.stat().st_size < LARGEST_MB * 1e6
