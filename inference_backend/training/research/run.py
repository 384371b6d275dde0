"""What the research stages share: network, bodies, data, where files go."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch

from ...models.moro.files.checkpoint import save_network
from ...models.moro.network import Moro
from ...models.moro.tokenizer.connections import Connections
from ..data.readers.mixture import Mixture
from .bodies import Bodies
from .plans import Plan
from .sources import Folders

Clip = TypeVar("Clip")


@dataclass
class Run:
    """A training run of one stage.

    Attributes:
        stage: its name; plan: how it is trained.
        model: the network, its tokenizer frozen except in the stage `tokenizer`.
        connections: of the tokenizer's mesh.
        bodies: of the annotations.
        folders: the data.
        generator: every random draw comes from it.
        device: to compute on.
        out: folder for weights.
    """

    stage: str
    plan: Plan
    model: Moro
    connections: Connections
    bodies: Bodies
    folders: Folders
    generator: torch.Generator
    device: torch.device
    out: Path

    def seed(self) -> int:
        """A number for numpy's generators."""
        return int(torch.randint(2**62, (), generator=self.generator, device=self.generator.device))

    def path(self) -> Path:
        """The weights that this stage writes."""
        return self.out / f"moro_{self.stage}.safetensors"

    def save(self, seconds: float, steps: int) -> None:
        """Write the network as it stands; its weights fall under the terms of the data that they were learned from."""
        provenance = {"stage": self.stage, "steps": str(steps), "minutes": f"{seconds / 60:.1f}"}
        self.model.tie_token_table()
        save_network(self.model, self.path(), self.connections, provenance, torch.float32)


class Draws(Generic[Clip]):
    """Batches of clips out of a mixture, epoch after epoch.

    Args:
        mixture: of clips.
        run: for its randomness.
    """

    def __init__(self, mixture: Mixture[Clip], run: Run) -> None:
        self._run, self._clips = run, self._endless(mixture)

    def _endless(self, mixture: Mixture[Clip]) -> Iterator[Clip]:
        yield from mixture.forever(np.random.default_rng(self._run.seed()))

    def take(self, count: int) -> list[Clip]:
        """So many clips."""
        return [next(self._clips) for _ in range(count)]
