import numpy as np
import pytest
import torch

from inference_backend.models.trajectory.diffusion import add_noise, alpha_bar, sample, trailing


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
