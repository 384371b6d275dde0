import pytest
import roma
import torch

from inference_backend.training.check_tokenizer import _angles, check_tokenizer
from inference_backend.training.data.archive import read_archive
from inference_backend.training.data.windows import MotionWindows
from inference_backend.training.stages.context import Context


def test_angles_are_exact_for_small_and_large_turns(generator):
    axis = torch.nn.functional.normalize(torch.randn(50, 3, generator=generator), dim=-1)
    for degrees in (0.05, 3.0, 90.0, 179.0):
        turned = roma.rotvec_to_rotmat(axis * torch.deg2rad(torch.tensor(degrees)))
        torch.testing.assert_close(
            _angles(turned, torch.eye(3).expand(50, 3, 3)), torch.full((50,), degrees), rtol=1e-2, atol=1e-3
        )


def test_a_tokenizer_that_learned_nothing_is_found_out(tiny, prepared, body, tmp_path):
    pytest.importorskip("smplfitter")
    context = Context(tiny, prepared, tmp_path, torch.device("cpu"))
    archive = read_archive(prepared / "test.npz", body.sha256)
    windows = MotionWindows(archive, body, torch.Generator().manual_seed(0), augment=False)
    figures = check_tokenizer(context.model.eval(), body, windows, 1, 8)
    assert figures.vertex_mm > 100
    assert figures.joint_deg.mean() > 2 * figures.floor_deg.mean()
    assert figures.floor_deg[[1, 2, 4, 5]].max() < 10, "true meshes give true rotations back"
