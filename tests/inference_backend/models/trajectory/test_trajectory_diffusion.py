import numpy as np
import pytest
import torch

from inference_backend.models.trajectory.canonical import Scale
from inference_backend.models.trajectory.diffusion import add_noise, alpha_bar, sample, trailing
from inference_backend.models.trajectory.guidance import Guide, canonical_precision, refiner


def test_steps_trail_from_the_last_level():
    assert trailing(1000, 100)[:3] == [999, 989, 979]
    assert trailing(1000, 100)[-1] == 9
    assert len(trailing(1000, 20)) == 20
    assert trailing(1000, 20)[0] == 999
    assert trailing(1000, 20)[-1] == 49


def test_the_schedule_is_the_cosine():
    bars = alpha_bar(1000)
    t = np.arange(1, 1001) / 1000
    wanted = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(bars[:990], wanted[:990], rtol=1e-9)
    assert (bars.diff() < 0).all()
    assert 0 < bars[-1] < 1e-5


@pytest.mark.parametrize("steps", [1, 20, 100])
def test_an_oracle_gives_the_clean_path_exactly(steps):
    clean = torch.randn(3, 50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(clean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    out = sample(lambda _x, _level: clean, noise, alpha_bar(1000), steps)
    torch.testing.assert_close(out, clean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("yaw", [0.0, 1.0])
def test_guidance_follows_what_was_seen_and_fills_the_rest(yaw):
    """A network sure of a wrong place: seen frames are drawn to the video, unseen ones keep the network's steps."""
    count, scale = 60, Scale()
    t = torch.arange(count) / 30
    wrong = torch.stack([0 * t, 0 * t + 0.9, t], dim=1)[None]
    seen_at = wrong + torch.tensor([0.5, 0.0, 0.0])
    known = torch.ones(count)
    known[25:40] = 0
    precision = canonical_precision(1e4 * torch.eye(3) * known[None, :, None, None], torch.tensor([yaw]))
    guide = Guide(seen_at, precision, 0.1, 30.0)
    start = torch.randn(1, count, 3, generator=torch.Generator().manual_seed(0))
    predict = lambda _x, _level: scale.path(wrong)  # noqa: E731
    out = scale.metres(sample(predict, start, alpha_bar(1000), 20, refiner(guide, scale)))[0]
    assert (out - seen_at[0])[:20].norm(dim=1).max() < 0.05
    assert (out.diff(dim=0) - wrong[0].diff(dim=0))[26:38].norm(dim=1).max() < 0.02
    nothing = Guide(seen_at, torch.zeros(1, count, 3, 3), 0.1, 30.0)
    alone = scale.metres(sample(predict, start, alpha_bar(1000), 20, refiner(nothing, scale)))[0]
    torch.testing.assert_close(alone, wrong[0], atol=1e-4, rtol=0)


def test_the_refined_path_is_the_minimum():
    """The gradient of the quadratic vanishes at what the refiner returns."""
    rng = torch.Generator().manual_seed(4)
    scale, count, left = Scale(), 12, 0.3
    observed = torch.randn(2, count, 3, generator=rng, dtype=torch.float64)
    root = torch.randn(2, count, 3, 3, generator=rng, dtype=torch.float64)
    precision = 20 * root @ root.mT
    clean = torch.randn(2, count, 3, generator=rng, dtype=torch.float64)
    x = refiner(Guide(observed, precision, 0.2, 30.0), scale)(clean, left).requires_grad_()
    metres, y = scale.metres(x), scale.metres(clean)
    off = metres - observed
    cost = torch.einsum("bni,bnij,bnj->", off, precision, off)
    cost = cost + ((metres.diff(dim=1) - y.diff(dim=1)) ** 2).sum() / (0.2 / 30) ** 2
    cost = cost + ((x - clean) ** 2).sum() / left**2
    cost.backward()
    assert x.grad.abs().max() < 1e-6 * cost.item()


def test_the_noise_is_kept_on_the_way():
    """With an oracle, every state on the way is the clean path with the very same noise at a lower level."""
    clean = torch.randn(2, 30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    bars = alpha_bar(1000)
    noise = torch.randn(clean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    start = add_noise(clean, noise, torch.tensor([999, 999]), bars)
    seen = {}

    def predict(x, level):
        seen[level] = x
        return clean

    sample(predict, start, bars, 10)
    for level, x in seen.items():
        torch.testing.assert_close(x, add_noise(clean, noise, torch.tensor([level] * 2), bars), rtol=0, atol=1e-7)
