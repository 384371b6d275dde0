"""What is shipped stays small and quick, whichever size is trained."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from inference_backend.models.moro.evidence.landmark_evidence import LandmarkSource
from inference_backend.models.moro.recovery.recover_clip import recover_clip
from inference_backend.training.bundle import LARGEST_MB, bundle
from inference_backend.training.sizes import SIZES
from inference_backend.training.stages.context import Context

LARGEST_GFLOP = 2.0


@pytest.fixture(scope="module", params=sorted(SIZES))
def context(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    return Context(SIZES[request.param], out, out, torch.device("cpu"))


def test_recovery_takes_at_most_two_gflop_a_frame(context):
    """Five decoding steps and the mesh of every frame, overlapping windows included."""
    generator = torch.Generator().manual_seed(0)
    frames = 2 * context.size.clip_frames - context.size.overlap_frames
    source = LandmarkSource(
        0.1 * torch.randn(frames, 33, 2, generator=generator),
        torch.ones(frames, 33),
        torch.randn(frames, 33, 3, generator=generator),
        torch.ones(frames, dtype=torch.bool),
    )
    model = context.model.eval().requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        motion = recover_clip(model, source)
        model.meshes(motion.codes)
    spent = counter.get_total_flops() / frames / 1e9
    assert 0.01 < spent < LARGEST_GFLOP, f"{spent:.2f}"


def test_bundles_are_small_enough_and_have_a_card(context, tmp_path):
    context.save("video", 60.0, 7)
    target = tmp_path / "moro_open.safetensors"
    card = bundle(context.path("video"), target, "It was never trained.")
    assert target.stat().st_size < LARGEST_MB * 1e6
    text = card.read_text(encoding="utf-8")
    assert context.body.sha256 in text
    assert "mocap.cs.cmu.edu" in text
    assert "It was never trained." in text
