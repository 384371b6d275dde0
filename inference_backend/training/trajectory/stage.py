"""Training of the trajectory denoiser (after RopeTP, arXiv 2410.20358)."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...body.body import Body
from ...models.trajectory.canonical import Scale, make_condition
from ...models.trajectory.denoiser import TrajDenoiser
from ...models.trajectory.diffusion import add_noise, alpha_bar, sample
from ...models.trajectory.losses import LossWeights, trajectory_losses
from ...models.trajectory.weights_file import load_weights, save_weights
from ...protocol.errors import ErrorCode, RecoverError
from ..data.archive import MotionArchive, read_archive
from ..data.windows import MotionWindows
from ..data_clock import DataClock
from ..provenance import provenance
from .batches import CORRUPTION, FPS, Batches, TrajectoryBatch, far_travelled, on_the_floor
from .scores import path_scores
from .sizes import TrajectoryPlan

NAME: Final = "trajectory"
_CHECK_WINDOWS, _CHECK_STEPS = 24, 5


class TrajectoryStage:
    """Trains the denoiser on canonical windows of motion capture, told what an estimator would tell it.

    Args:
        plan: the network and how it is trained.
        data: folder with prepared motion.
        out: folder for the weights.
        device: to compute on.
        generator: source of chance, on the device.
        seed: of the network's random start.
        start: weights to start from; None for a random start.

    Raises:
        RecoverError: the data or the weights cannot be used.
    """

    name = NAME

    def __init__(
        self,
        plan: TrajectoryPlan,
        data: Path,
        out: Path,
        device: torch.device,
        generator: torch.Generator,
        seed: int = 0,
        start: Path | None = None,
    ) -> None:
        self.plan, self.device, self._generator = plan, device, generator
        self.path = out / f"{NAME}.safetensors"
        self.body = Body.load(None, device=device)
        self.scale = Scale()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = TrajDenoiser(plan.config)
        if start is not None:
            loaded = load_weights(start)
            if loaded.network.config != plan.config:
                raise RecoverError(
                    ErrorCode.BAD_INPUT,
                    f"The weights {start} are of another network than the one to be trained.",
                    "Choose the --size and --condition that they were trained with.",
                )
            network, self.scale = loaded.network, loaded.scale
        self.network: nn.Module = network.to(device)
        self._bars = alpha_bar(plan.config.train_steps).to(device)
        condition_of = plan.config.condition_of
        self._train = MotionWindows(self._read(data, "train"), self.body, generator)
        self._batches = Batches(self.body, generator, condition_of, CORRUPTION)
        self._held_back = self._read(data, "val")
        self._clock = DataClock(device)
        self._made: TrajectoryBatch | None = None
        self._before, self._used = generator.get_state(), 0

    def _read(self, data: Path, split: str) -> MotionArchive:
        return on_the_floor(read_archive(data / f"{split}.npz", self.body.sha256))

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """All of the network's."""
        yield from self.network.named_parameters()

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """Huber on the path and its velocity, and the speed of standing feet, at a random noise level."""
        self.network.train()
        batch = self._batch()
        clean = self.scale.path(batch.path)
        level = torch.randint(len(self._bars), (len(clean),), generator=self._generator, device=self.device)
        noise = torch.randn(clean.shape, generator=self._generator, device=self.device)
        with self._fused():
            found = self.network(add_noise(clean, noise, level, self._bars), level, self._condition(batch.told))
        mask = torch.ones(clean.shape[:2], dtype=torch.bool, device=self.device)
        losses = trajectory_losses(
            found, clean, batch.joints, batch.contacts, mask, fps=FPS, scale=self.scale, weights=LossWeights(delta=0.5)
        )
        figures = {name: value for name, value in losses.items() if name != "total"}
        return losses["total"], figures | {"data_ms": self._clock.milliseconds}

    def _batch(self) -> TrajectoryBatch:
        if self._made is None or self._used == self.plan.uses:
            self._before, self._used = self._generator.get_state(), 0
            with self._clock.measure():
                self._made = self._make()
        self._used += 1
        return self._made

    def _make(self) -> TrajectoryBatch:
        low, high = self.plan.frames
        share = torch.rand((), generator=self._generator, device=self.device).item()
        drawn = self._train.draw(2 * self.plan.batch, low + int(share * (high - low + 1)))
        return self._batches.make(far_travelled(drawn, self.plan.batch))

    def extra_state(self) -> dict[str, Tensor]:
        """The batch in use, as the generator's state before it was made, and how often it has been used."""
        return {"before": self._before, "used": torch.tensor(self._used)}

    def restore_extra_state(self, state: dict[str, Tensor]) -> None:
        """Make that batch again."""
        if state and int(state["used"]) > 0:
            self._before, self._used = state["before"].cpu(), int(state["used"])
            self._generator.set_state(self._before)
            self._made = self._make()

    def _condition(self, told: Tensor) -> Tensor:
        return told if self.plan.config.condition_of == "rotations" else make_condition(told, self.scale)

    def _fused(self) -> AbstractContextManager[object]:
        """At these lengths the CPU's fused attention is faster than the plain one that the loop sets."""
        kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
        return sdpa_kernel(kernels) if self.device.type == "cpu" else nullcontext()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Errors of sampled paths on held-back motion, told what an estimator would tell."""
        return self.scores(_CHECK_WINDOWS, _CHECK_STEPS)

    @torch.no_grad()
    def scores(self, count: int, steps: int, truth: bool = False) -> dict[str, float]:
        """Errors of sampled paths on held-back motion.

        Args:
            count: windows; the same ones for the same count.
            steps: of the sampling.
            truth: tell the network the true poses.
        """
        self.network.eval()
        chance = torch.Generator(self.device).manual_seed(1)
        windows = MotionWindows(self._held_back, self.body, chance, augment=False).draw(count, self.plan.frames[1])
        told = Batches(self.body, chance, self.plan.config.condition_of, None if truth else CORRUPTION)
        batch = told.make(windows)
        noise = torch.randn(batch.path.shape, generator=torch.Generator(self.device).manual_seed(2), device=self.device)
        condition = self._condition(batch.told)
        code = self.network.encode(condition)

        def predict(x: Tensor, level: int) -> Tensor:
            at = torch.full((len(x),), level, device=x.device)
            return self.network(x, at, condition, None, code)

        with self._fused():
            found = self.scale.metres(sample(predict, noise, self._bars.cpu(), steps))
        return path_scores(found, batch)

    def save(self, seconds: float, steps: int) -> None:
        """Write the network as it stands."""
        told = provenance(self.body, self.device, "simulated errors of estimated poses", seconds, steps)
        save_weights(self.path, self.network, self.scale, told)
