"""From windows to what losses compare: true tokens, meshes, trajectories, contacts."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...models.moro.mesh.fit_body import joint_regressor
from ...models.moro.motion.trajectory import place
from ...models.moro.training.loss_terms import Placement, Target
from ...models.moro.training.losses import contact_labels
from ..data.synthesis import Batch
from ..data.windows import Windows
from .context import Context


class Span(NamedTuple):
    """Frames of each window whose meshes enter the losses: `first` .. `first + length - 1`."""

    first: int
    length: int

    def of(self, values: Tensor) -> Tensor:
        """These frames of `[B,T,...]`."""
        return values[:, self.first : self.first + self.length]

    def place(self, placement: Placement) -> Placement:
        """These frames of a trajectory."""
        return Placement(self.of(placement.rotation), self.of(placement.translation))


class Truth:
    """Turns windows into training targets with the frozen tokenizer.

    Args:
        context: of the run.
    """

    def __init__(self, context: Context) -> None:
        self._model, self._posed, self._generator = context.model, context.posed, context.generator
        self._mesh_frames = context.size.mesh_frames
        self.regressor = torch.from_numpy(joint_regressor(context.body, context.model.vertex_ids)[:22]).float()
        self.regressor = self.regressor.to(context.device)
        self.identity = torch.eye(3, device=context.device)

    def span(self, frames: int) -> Span:
        """Which frames of a batch's windows are decoded to meshes: a random run, since meshes cost more than tokens."""
        length = min(frames, self._mesh_frames)
        place = torch.rand((), generator=self._generator, device=self._generator.device).item()
        return Span(int(place * (frames - length + 1)), length)

    @torch.no_grad()
    def meshes(self, windows: Windows) -> Tensor:
        """Local meshes `[B,T,V,3]`."""
        return self._posed.mesh(windows.betas[:, None], windows.rotations)

    @torch.no_grad()
    def ids(self, mesh: Tensor) -> Tensor:
        """Tokens `[B,T,P]` of meshes `[B,T,V,3]`."""
        return self._model.vqvae.encode(mesh.flatten(0, 1)).unflatten(0, mesh.shape[:2])

    def joints(self, mesh: Tensor, placement: Placement) -> Tensor:
        """Joints `[B,T,22,3]` of local meshes, placed."""
        return self.regressor @ place(mesh, *placement)

    def of_batch(self, batch: Batch, mesh: Tensor, labels: Tensor, span: Span, with_time: bool) -> Target:
        """The target of a synthetic batch; meshes and what compares with them on the span's frames."""
        placement = Placement(batch.rotation, batch.translation)
        side = batch.evidence.box[..., 2]
        return Target(
            mesh=span.of(mesh),
            joints=span.of(batch.joints),
            placement=span.place(placement),
            labels=labels,
            contact=contact_labels(span.of(batch.joints)) if with_time else None,
            # The view's own rays: focal length 1, boxes in the same unit.
            K=self.identity.expand(*span.of(side).shape, 3, 3),
            scale=span.of(side) / 200,
        )
