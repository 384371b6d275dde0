from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference_backend.models.rope.config import OPEN
from inference_backend.models.rope.network import Rope
from inference_backend.models.rope.proxy import PROXY_CHANNELS
from inference_backend.models.rope.weights_file import FORMAT, load_rope, save_rope
from inference_backend.protocol.errors import ErrorCode, RecoverError

SMALL = replace(OPEN, channels=(8, 12), neck=16, trunk=16, token=16, heads=2, shape_hidden=32, pose_hidden=32)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = Rope(SMALL).eval()
    path = tmp_path / "a folder" / "rope ü.safetensors"
    save_rope(model, path, {"body_sha256": "abc"})
    return model, path


def test_round_trip_in_half_precision(saved):
    model, path = saved
    loaded, metadata = load_rope(path)
    assert metadata["body_sha256"] == "abc"
    assert loaded.config == SMALL
    images = torch.rand(2, PROXY_CHANNELS, 64, 48)
    with torch.no_grad():
        expected, found = model(images, torch.zeros(2, 3)), loaded(images, torch.zeros(2, 3))
    assert not loaded.training
    assert found.rotations.dtype == torch.float32
    torch.testing.assert_close(found.rotations, expected.rotations, atol=1e-2, rtol=0)
    weights = sum(p.numel() for p in model.parameters())
    assert path.stat().st_size < 2.6 * weights
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_open_weights_fit_beside_the_others():
    """All bundled weights together may take 18 MB."""
    assert 2 * sum(p.numel() for p in Rope(OPEN).parameters()) < 6e6


def test_missing(tmp_path):
    with pytest.raises(RecoverError, match=r"rope\.weights") as caught:
        load_rope(tmp_path / "none.safetensors")
    assert caught.value.code == ErrorCode.MISSING_PART


@pytest.mark.parametrize("fault", ["cut", "noise", "alien", "key", "shape", "config", "nan"])
def test_bad_files_are_named(saved, fault):
    _, path = saved
    metadata = {"format": FORMAT, "config": SMALL.to_json()}
    tensors = load_file(path)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif fault == "noise":
        path.write_bytes(b"\x00" * 4000)
    else:
        if fault == "alien":
            metadata = {"format": "other"}
        elif fault == "key":
            tensors.pop("pose_bias")
        elif fault == "shape":
            tensors["pose_bias"] = torch.zeros(3, 3)
        elif fault == "config":
            metadata["config"] = '{"name": "x"}'
        elif fault == "nan":
            tensors["pose_bias"][0, 0] = torch.nan
        save_file(tensors, path, metadata)
    with pytest.raises(RecoverError, match="rope ü") as caught:
        load_rope(path)
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_target_that_cannot_be_written(saved, tmp_path):
    model, _ = saved
    (tmp_path / "file").write_text("")
    with pytest.raises(RecoverError) as caught:
        save_rope(model, tmp_path / "file" / "rope.safetensors", {})
    assert caught.value.code == ErrorCode.BAD_OUTPUT
