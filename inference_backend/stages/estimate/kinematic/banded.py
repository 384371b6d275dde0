"""Normal equations of a chain of frames in which each frame is tied to the next two, and their solution."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Chain:
    """A symmetric positive system over B windows of T frames with n unknowns each.

    Attributes:
        same: `[B,T,n,n]`, blocks on the diagonal.
        next1, next2: `[B,T,n,n]`, blocks between frame t and t+1, t and t+2 (the last one / two are unused).
        pull: `[B,T,n]`, right-hand side.
    """

    same: Tensor
    next1: Tensor
    next2: Tensor
    pull: Tensor

    @classmethod
    def zeros(cls, windows: int, frames: int, unknowns: int, like: Tensor) -> "Chain":
        """An empty system."""
        blocks = (windows, frames, unknowns, unknowns)
        return cls(like.new_zeros(blocks), like.new_zeros(blocks), like.new_zeros(blocks), like.new_zeros(blocks[:3]))

    def solve(self, border: Tensor | None = None) -> Tensor:
        """Solve by block Cholesky factorisation over pairs of frames.

        Args:
            border: `[B,T,n,m]`, further right-hand sides.

        Returns:
            `[B,T,n,1+m]`: the solution for `pull`, then those for `border`.
        """
        right = self.pull[..., None] if border is None else torch.cat([self.pull[..., None], border], dim=-1)
        B, T, n, m = right.shape
        same, next1, next2 = self.same, self.next1, self.next2
        if T % 2:
            eye = torch.eye(n, dtype=same.dtype, device=same.device).expand(B, 1, n, n)
            none = torch.zeros_like(eye)
            same = torch.cat([same, eye], dim=1)
            next1, next2 = (torch.cat([_cut(part, gap), none], dim=1) for part, gap in ((next1, 1), (next2, 2)))
            right = torch.cat([right, right.new_zeros(B, 1, n, m)], dim=1)
        else:
            next1, next2 = _cut(next1, 1), _cut(next2, 2)
        even, odd = slice(0, None, 2), slice(1, None, 2)
        tie = next1[:, even]
        diagonal = torch.cat(
            [torch.cat([same[:, even], tie], dim=-1), torch.cat([tie.transpose(-1, -2), same[:, odd]], dim=-1)], dim=-2
        )
        upper = torch.cat(
            [
                torch.cat([next2[:, even], torch.zeros_like(tie)], dim=-1),
                torch.cat([next1[:, odd], next2[:, odd]], dim=-1),
            ],
            dim=-2,
        )
        right = right.reshape(B, -1, 2 * n, m)
        return _solve_pairs(diagonal, upper, right).reshape(B, -1, n, m)[:, :T]


def _cut(blocks: Tensor, gap: int) -> Tensor:
    """Zero the blocks that would lead beyond the last frame."""
    blocks = blocks.clone()
    blocks[:, max(blocks.shape[1] - gap, 0) :] = 0
    return blocks


def _solve_pairs(diagonal: Tensor, upper: Tensor, right: Tensor) -> Tensor:
    """Block tridiagonal solve; `diagonal`, `upper` `[B,S,k,k]`, `right` `[B,S,k,m]`."""
    factors, ties, forward = [], [], []
    D, y = diagonal[:, 0], right[:, 0]
    steps = diagonal.shape[1]
    for s in range(steps):
        L = torch.linalg.cholesky(D)
        last = s == steps - 1
        both = y if last else torch.cat([upper[:, s], y], dim=-1)
        both = torch.linalg.solve_triangular(L, both, upper=False)
        factors.append(L)
        forward.append(both[..., both.shape[-1] - y.shape[-1] :])
        if not last:
            C = both[..., : upper.shape[-1]]
            ties.append(C)
            D = diagonal[:, s + 1] - C.transpose(-1, -2) @ C
            y = right[:, s + 1] - C.transpose(-1, -2) @ forward[-1]
    out: list[Tensor] = [forward[-1]] * steps
    for s in reversed(range(steps)):
        value = forward[s] if s == steps - 1 else forward[s] - ties[s] @ out[s + 1]
        out[s] = torch.linalg.solve_triangular(factors[s].transpose(-1, -2), value, upper=True)
    return torch.stack(out, dim=1)
