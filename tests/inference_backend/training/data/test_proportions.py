"""People of other proportions hold their bones as before."""

import torch

from inference_backend.geometry.blazepose import INDEX
from inference_backend.geometry.blazepose_bones import BONES
from inference_backend.training.data.proportions import stretched


def _length(points: torch.Tensor, a: str, b: str) -> torch.Tensor:
    return (points[:, :, INDEX[a]] - points[:, :, INDEX[b]]).norm(dim=-1)


def test_bones_keep_their_directions_and_change_their_lengths(generator):
    points = torch.randn(300, 4, 33, 3, generator=generator)
    found = stretched(points, generator)
    bones = BONES.float()
    torch.testing.assert_close(
        torch.nn.functional.normalize(bones @ found, dim=-1),
        torch.nn.functional.normalize(bones @ points, dim=-1),
        atol=1e-4,
        rtol=0,
    )
    ratios = {
        pair: _length(found, *pair) / _length(points, *pair)
        for pair in (("left_hip", "left_knee"), ("right_elbow", "right_wrist"), ("left_hip", "right_hip"))
    }
    for ratio in ratios.values():
        torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-4, rtol=0)
        assert 0.03 < ratio[:, 0].log().std() < 0.1


def test_both_sides_are_nearly_alike(generator):
    points = torch.randn(300, 1, 33, 3, generator=generator)
    found = stretched(points, generator)
    left, right = (
        (
            _length(found, f"{side}_shoulder", f"{side}_elbow") / _length(points, f"{side}_shoulder", f"{side}_elbow")
        ).log()
        for side in ("left", "right")
    )
    assert (left - right).std() < 0.5 * left.std()
