"""Points spread evenly over a body's skin, for drawing it as splats."""

from typing import Final

import torch
from torch import Tensor, nn

from ...body.body import Body
from .parts import face_labels, vertex_labels

SPACING: Final = 0.007
"""Metres between neighbouring points."""


class SurfaceCloud(nn.Module):
    """P points on the skin, about one for every `spacing ** 2` of the resting body's surface.

    Attributes:
        labels: int64 `[P]`, which of the 24 joints each belongs to (`parts.PART_JOINTS`).
        corners: int64 `[P,3]`, vertices of the triangle that it lies on; weights: `[P,3]`, where on it.
    """

    labels: Tensor
    corners: Tensor
    weights: Tensor

    def __init__(self, body: Body, spacing: float = SPACING) -> None:
        super().__init__()
        faces, rest = body.faces.cpu(), body.v_template.double().cpu()
        a, b, c = rest[faces].unbind(1)
        area = 0.5 * torch.linalg.cross(b - a, c - a).norm(dim=-1)
        total = area.cumsum(0)
        count = max(1, int(total[-1] / spacing**2))
        # Walking along the triangles in equal steps of area leaves none of their neighbourhoods out.
        generator = torch.Generator().manual_seed(0)
        steps = (torch.arange(count, dtype=torch.float64) + 0.5) * (total[-1] / count)
        chosen = torch.searchsorted(total, steps).clamp(max=len(faces) - 1)
        u, v = torch.rand(2, count, generator=generator, dtype=torch.float64)
        root = u.sqrt()
        self.register_buffer("corners", faces[chosen], persistent=False)
        weights = torch.stack((1 - root, root * (1 - v), root * v), 1)
        self.register_buffer("weights", weights.to(body.v_template.dtype), persistent=False)
        labels = face_labels(vertex_labels(body).cpu(), faces)[chosen]
        self.register_buffer("labels", labels, persistent=False)
        self.to(body.v_template.device)

    def __len__(self) -> int:
        return len(self.labels)

    def forward(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Place the points on posed bodies.

        Args:
            vertices: `[...,V,3]` in the camera's frame, metres.

        Returns:
            Points `[...,P,3]`, and bool `[...,P]`: their side of the skin faces the camera.
        """
        a, b, c = (vertices[..., self.corners[:, i], :] for i in range(3))
        wa, wb, wc = self.weights.to(vertices).unsqueeze(-1).unbind(1)
        points = a * wa + b * wb + c * wc
        outward = torch.linalg.cross(b - a, c - a)
        return points, (outward * points).sum(-1) < 0
