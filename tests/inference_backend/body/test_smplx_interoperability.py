"""The official `smplx` package as the judge: it reads our file, and poses it as we do.

Its licence forbids commercial use, so it is no part of the default environment; without it these tests are skipped.
"""

from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.body.smplx_points import SMPLX_POINTS

smplx = pytest.importorskip("smplx", reason="the optional package smplx (extra: research) is not installed")


def both(path: Path, frames: int = 6) -> tuple[Body, dict[str, torch.Tensor], torch.nn.Module, dict[str, torch.Tensor]]:
    """Our body, its inputs, the official one, and the same inputs in its words."""
    generator = torch.Generator().manual_seed(9)
    pose = {
        "global_orient": torch.randn(frames, 3, generator=generator),
        "body_pose": 0.5 * torch.randn(frames, 21, 3, generator=generator),
        "left_hand_pose": 0.3 * torch.randn(frames, 15, 3, generator=generator),
        "right_hand_pose": 0.3 * torch.randn(frames, 15, 3, generator=generator),
    }
    shape = {
        "betas": torch.randn(frames, 10, generator=generator),
        "transl": torch.randn(frames, 3, generator=generator),
    }
    official = smplx.create(
        str(path),
        model_type="smplx",
        batch_size=frames,
        use_pca=False,
        flat_hand_mean=True,
        num_betas=10,
    )
    ours = {name: roma.rotvec_to_rotmat(value) for name, value in pose.items()} | shape
    theirs = {name: value.flatten(1) for name, value in pose.items()} | shape
    return Body.load(path), ours, official, theirs


def assert_same(path: Path) -> None:
    body, ours, official, theirs = both(path)
    mine, judge = body(**ours), official(**theirs)
    assert (mine.vertices - judge.vertices).abs().max() < 1e-5
    assert (mine.joints - judge.joints[:, :55]).abs().max() < 1e-5
    assert np.array_equal(body.faces.numpy(), official.faces.astype(np.int64))


def test_the_open_body() -> None:
    assert_same(OPEN_BODY)


def test_a_file_with_pose_correctives(tmp_path: Path) -> None:
    with np.load(OPEN_BODY) as file:
        arrays = {key: file[key] for key in file.files if key not in ("pose_correctives", "posedirs")}
    count = len(arrays["v_template"])
    arrays["posedirs"] = np.random.default_rng(0).normal(0, 2e-4, (count, 3, 486)).astype(np.float32)
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, **arrays)
    assert Body.load(path).posedirs is not None
    assert_same(path)


def test_our_table_of_smplx_vertices_is_theirs() -> None:
    theirs = smplx.vertex_ids.vertex_ids["smplx"]
    names = {"nose": "nose"}
    for side in ("left", "right"):
        names |= {f"{side}_eye": f"{side[0]}eye", f"{side}_ear": f"{side[0]}ear"}
        names |= {
            f"{side}_{finger}_tip": f"{side[0]}{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky")
        }
        foot = side[0].upper()
        names |= {
            f"{side}_big_toe": f"{foot}BigToe",
            f"{side}_small_toe": f"{foot}SmallToe",
            f"{side}_heel": f"{foot}Heel",
        }
    assert {name: theirs[other] for name, other in names.items()} == SMPLX_POINTS
