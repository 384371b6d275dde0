"""What `python -m inference_backend.training rope ...` does: both phases, or one of them."""

import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...protocol.errors import ErrorCode, RecoverError
from ..loop import Budget, Loop, resume_path, seconds_spent
from .sizes import ROPE_SIZES, ROPE_STAGES, RopeSize
from .stage import RopeContext, RopeStage


def train_rope(
    arguments: Namespace, size_name: str, device: torch.device, deadline: float | None, say: Callable[[str], None]
) -> None:
    """Train Rope.

    Args:
        arguments: of the command line; `stage` is `rope` for both phases or one of `ROPE_STAGES`.
        size_name: of `ROPE_SIZES`.
        device: to compute on.
        deadline: `time.monotonic()` at which this call ends.
        say: where lines go.

    Raises:
        RecoverError: data or weights cannot be used.
    """
    size = _changed(ROPE_SIZES[size_name], arguments.batch, arguments.frames)
    whole = arguments.stage == "rope"
    for number, stage in enumerate(ROPE_STAGES if whole else (arguments.stage,)):
        minutes = arguments.minutes * (size.plans[stage].share if whole else 1)
        if arguments.resume and seconds_spent(resume_path(arguments.out, stage)) >= 60 * minutes:
            say(f"{stage}: done before")
            continue
        start = _start(stage, arguments.out, arguments.init_from if number == 0 else None)
        context = RopeContext(size, arguments.data, arguments.out, device, arguments.seed, start, arguments.variant)
        budget = Budget(minutes, steps=arguments.steps, rate=size.plans[stage].rate, save_every=arguments.save_every)
        made = RopeStage(context, stage)
        loop = Loop(made, budget, arguments.out, context.generator, device, say, arguments.board)
        loop.run(arguments.resume, deadline)
        if deadline is not None and time.monotonic() >= deadline:
            say("The time of this call is over; go on with --resume.")
            break


def _start(stage: str, out: Path, given: Path | None) -> Path | None:
    """Weights that a phase starts from: the given ones, else those of the phase before."""
    if given is not None or stage == ROPE_STAGES[0]:
        return given
    path = out / f"{ROPE_STAGES[0]}.safetensors"
    if not path.is_file():
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The stage {stage} has no weights to start from in {out}.",
            f"Train the stage {ROPE_STAGES[0]} first, or name weights with --init-from.",
        )
    return path


def _changed(size: RopeSize, batch: int | None, frames: int | None) -> RopeSize:
    plans = {
        name: replace(plan, batch=batch or plan.batch, frames=min(frames or plan.frames, plan.frames))
        for name, plan in size.plans.items()
    }
    return replace(size, plans=plans)
