"""The training loop that every stage runs: seeded, boxed by time, resumable, with averaged weights.

A stage says how a step's loss is made; the loop does the rest. Files are safetensors. `NAME.resume.safetensors` holds
what is needed to go on in the very same way (weights, averages, the optimiser's moments, the state of the stage's
generator and of torch's own, from which dropout draws); what a stage hands on is made from the averaged weights by the
stage itself.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..protocol.errors import ErrorCode, RecoverError

_EMA_DECAY: Final = 0.999
_CLIP_NORM: Final = 1.0


@dataclass(frozen=True)
class Budget:
    """How long and how fast to train.

    Attributes:
        minutes: of training in all, those before a resume included.
        steps: stop after so many, which then tell how far training is; None: as many as fit.
        rate: peak learning rate; it rises over `warm_up` steps and falls as a half cosine over the time, to
            `final_rate` of itself.
        warm_up: steps.
        weight_decay, betas: of AdamW.
        save_every: seconds between saves.
        log_every: seconds between printed lines.
    """

    minutes: float
    steps: int | None = None
    rate: float = 1e-3
    warm_up: int = 100
    final_rate: float = 0.03
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    save_every: float = 120.0
    log_every: float = 30.0


class Stage(Protocol):
    """What the loop needs of a training stage."""

    name: str
    network: nn.Module

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Named parameters that are trained."""
        ...

    def loss(self, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of a fresh batch, and figures to print; `progress` goes from 0 to 1."""
        ...

    def validate(self) -> dict[str, float]:
        """Figures on the validation split, with the averaged weights in place."""
        ...

    def save(self, seconds: float, steps: int) -> None:
        """Write the model as it stands, averaged weights in place."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """A stage with state of its own, beside its network and its generator."""

    def extra_state(self) -> dict[str, Tensor]:
        """What that is."""
        ...

    def restore_extra_state(self, state: dict[str, Tensor]) -> None:
        """Go on from it; may use the stage's generator, whose state is put back afterwards."""
        ...


def resume_path(out: Path, stage: str) -> Path:
    """Where a stage's resume file lies."""
    return out / f"{stage}.resume.safetensors"


def choose_device(name: str) -> torch.device:
    """`auto`: CUDA where there is one, else the CPU.

    Raises:
        RecoverError: `cuda` is asked for and there is none, or the name is another one.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise RecoverError(ErrorCode.BAD_SETTING, f'There is no device "{name}".', "Choose auto, cpu or cuda.")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise RecoverError(ErrorCode.BAD_SETTING, "There is no CUDA device.", "Use --device cpu, or auto.")
    return torch.device(name)


@dataclass
class Average:
    """Exponential moving average of parameters; `swap` puts it into the network and takes it out again."""

    parameters: dict[str, nn.Parameter]
    decay: float = _EMA_DECAY
    values: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the parameters; early on faster, so that the random start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.values.values()), list(self.parameters.values()), 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averages and parameters."""
        for name, p in self.parameters.items():
            kept = p.detach().clone()
            p.copy_(self.values[name])
            self.values[name] = kept


class Loop:
    """Trains a stage.

    Args:
        stage: what to train.
        budget: for how long.
        out: folder for the resume file.
        generator: every random draw of the stage comes from it; its state is saved. Its seed is torch's own
            generator's, too, which networks draw from.
        device: that the stage computes on.
        log: where lines go.
        board: also write scalars for TensorBoard into `out`, where the package is installed.
    """

    def __init__(
        self,
        stage: Stage,
        budget: Budget,
        out: Path,
        generator: torch.Generator,
        device: torch.device,
        log: Callable[[str], None] = print,
        board: bool = False,
    ) -> None:
        self.stage, self.budget, self.generator, self.device, self.log = stage, budget, generator, device, log
        self.path = resume_path(out, stage.name)
        self.parameters = dict(stage.parameters())
        self.average = Average(self.parameters)
        self.optimiser = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=budget.rate,
            betas=budget.betas,
            weight_decay=budget.weight_decay,
            fused=device.type == "cuda",
        )
        self.step, self.seconds = 0, 0.0
        self._board = _board(out / "board" / stage.name) if board else None

    def run(self, resume: bool = False, deadline: float | None = None) -> dict[str, float]:
        """Train until the budget is spent, or until `time.monotonic()` reaches `deadline`; returns the validation."""
        torch.manual_seed(self.generator.initial_seed())
        if resume and self.path.is_file():
            self.restore()
        limit = self.budget.minutes * 60
        saved = logged = began = time.monotonic()
        before, first_step = self.seconds, self.step
        sums: dict[str, Tensor] = {}
        count = 0
        # Short sequences: the plain product of matrices is faster to differentiate than the CPU's fused attention.
        kernels = sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext()
        with kernels:
            while self._goes_on(limit, deadline):
                figures = self._step(self._progress(limit))
                for name, value in figures.items():
                    sums[name] = sums.get(name, 0) + value.detach()
                count += 1
                now = time.monotonic()
                self.seconds = before + now - began
                if now - logged > self.budget.log_every:
                    means = {name: float(value) / count for name, value in sums.items()}
                    self._report(means, (self.step - first_step) / (now - began))
                    sums, count, logged = {}, 0, now
                if now - saved > self.budget.save_every:
                    self.save()
                    saved = time.monotonic()
            figures = self.save()
        if self._board is not None:
            self._board.close()
        return figures

    def _goes_on(self, limit: float, deadline: float | None) -> bool:
        in_time = deadline is None or time.monotonic() < deadline
        return in_time and self.seconds < limit and (self.budget.steps is None or self.step < self.budget.steps)

    def _progress(self, limit: float) -> float:
        done = self.seconds / limit if self.budget.steps is None else self.step / self.budget.steps
        return min(1.0, done)

    def _step(self, progress: float) -> dict[str, Tensor]:
        rate = self.budget.rate * min(1.0, (self.step + 1) / self.budget.warm_up)
        final = self.budget.final_rate
        rate *= final + (1 - final) * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * progress)).item())
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss, figures = self.stage.loss(progress)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), _CLIP_NORM)
        if not torch.isfinite(norm):  # a step without a gradient to speak of is left out
            self.optimiser.zero_grad(set_to_none=True)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.step)
        return {"loss": loss, **figures}

    def _report(self, means: dict[str, float], pace: float) -> None:
        text = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.log(f"{self.stage.name}: {self.seconds / 60:.1f} min, step {self.step}, {pace:.2f} steps/s: {text}")
        if self._board is not None:
            for name, value in means.items():
                self._board.add_scalar(f"train/{name}", value, self.step)

    def save(self) -> dict[str, float]:
        """Write the resume file and the stage's model; returns the validation's figures.

        Raises:
            RecoverError: they cannot be written.
        """
        self.average.swap()
        figures = self.stage.validate()
        self.stage.save(self.seconds, self.step)
        self.average.swap()
        if figures:
            self.log(f"{self.stage.name}: validation: " + ", ".join(f"{k} {v:.4g}" for k, v in figures.items()))
            if self._board is not None:
                for name, value in figures.items():
                    self._board.add_scalar(f"validation/{name}", value, self.step)
        tensors = {f"network.{k}": v for k, v in self.stage.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.values.items()}
        for name, p in self.parameters.items():
            for key, value in self.optimiser.state.get(p, {}).items():
                tensors[f"optimiser.{key}.{name}"] = value
        tensors["generator"] = self.generator.get_state()
        tensors["torch_generator"] = self._own_generator()
        if isinstance(self.stage, Stateful):
            tensors |= {f"carried.{k}": v for k, v in self.stage.extra_state().items()}
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        meta = {"step": self.step, "seconds": self.seconds, "stage": self.stage.name}
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, str(temporary), metadata={"loop": json.dumps(meta)})
            temporary.replace(self.path)
        except (SafetensorError, OSError) as error:
            raise RecoverError(
                ErrorCode.BAD_OUTPUT,
                f"The training could not be saved to {self.path} ({error}).",
                "Choose a folder that can be written to and has space.",
            ) from error
        return figures

    def restore(self) -> None:
        """Go on where the resume file stops.

        Raises:
            RecoverError: it is damaged or of another network.
        """
        try:
            with safe_open(str(self.path), framework="pt", device=str(self.device)) as file:
                meta = json.loads(file.metadata()["loop"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self.stage.network.load_state_dict(_part(tensors, "network."))
            averages = _part(tensors, "average.")
            if set(averages) != set(self.parameters):
                raise ValueError("it trains other parameters")
            self.average.values = {name: averages[name] for name in self.parameters}
            for name, p in self.parameters.items():
                state = {
                    key: tensors[f"optimiser.{key}.{name}"]
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"optimiser.{key}.{name}" in tensors
                }
                if state:
                    state["step"] = state["step"].cpu() if self.device.type == "cpu" else state["step"]
                    self.optimiser.state[p] = state
            if isinstance(self.stage, Stateful):
                self.stage.restore_extra_state(_part(tensors, "carried."))
            self.generator.set_state(tensors["generator"].cpu())
            if "torch_generator" in tensors:  # files that were written before have none
                self._set_own_generator(tensors["torch_generator"].cpu())
            self.step, self.seconds = int(meta["step"]), float(meta["seconds"])
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"Training cannot go on from {self.path} ({error}).",
                "Delete the file, or train into another folder.",
            ) from error

    def _own_generator(self) -> Tensor:
        """State of torch's own generator on the device."""
        return torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else torch.get_rng_state()

    def _set_own_generator(self, state: Tensor) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state, self.device)
        else:
            torch.set_rng_state(state)


def seconds_spent(path: Path) -> float:
    """Seconds of training that a resume file stands for; 0 where there is none that can be read."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return float(json.loads(file.metadata()["loop"])["seconds"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return 0.0


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _board(folder: Path) -> Any:
    """A TensorBoard writer; None where the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
