"""A small temporal network that smooths code vectors before the mesh decoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Smoother(nn.Module):
    """Temporal convolution of each token's code, the same for all tokens; its output is a learned share of a residual.

    It sees four frames to either side.
    """

    def __init__(self, code_size: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(code_size, width, 5, bias=False),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, bias=False),
            nn.ReLU(),
            nn.Conv1d(width, code_size, 1, bias=False),
        )
        self.alpha = nn.Parameter(torch.tensor(0.1))

    def forward(self, codes: Tensor) -> Tensor:
        """`[B,T,K,D]` to `[B,T,K,D]`."""
        x = codes.permute(0, 2, 3, 1).flatten(0, 1)  # [B*K,D,T]
        for layer in self.net:
            x = layer(functional.pad(x, (2, 2), mode="replicate") if getattr(layer, "kernel_size", (0,))[0] == 5 else x)
        residual = x.unflatten(0, (codes.shape[0], -1)).permute(0, 3, 1, 2)
        return codes + self.alpha * residual
