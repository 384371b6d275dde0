"""`python -m inference_backend.training trajectory`: trains the trajectory denoiser."""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from ..loop import Budget, Loop
from .sizes import PLANS
from .stage import TrajectoryStage


def train_trajectory(
    arguments: argparse.Namespace, size: str, device: torch.device, deadline: float | None, say: Callable[[str], None]
) -> None:
    """Train, or go on training.

    Args:
        arguments: of `training.__main__`.
        size: which of `sizes.PLANS`.
        device: to compute on.
        deadline: `time.monotonic()` at which this call ends; None for the budget alone.
        say: where lines go.

    Raises:
        RecoverError: the data, the weights or the resume file cannot be used.
    """
    plan = PLANS[size]
    low, high = plan.frames
    frames = min(arguments.frames or high, high)
    plan = replace(
        plan,
        config=replace(
            plan.config,
            condition_of=arguments.condition,
            feet=plan.config.feet and arguments.condition == "joints",  # rotations do not tell where feet are
        ),
        batch=arguments.batch or plan.batch,
        frames=(min(low, frames), frames),
    )
    generator = torch.Generator(device).manual_seed(arguments.seed)
    stage = TrajectoryStage(plan, arguments.data, arguments.out, device, generator, arguments.seed, arguments.init_from)
    budget = Budget(arguments.minutes, steps=arguments.steps, rate=plan.rate, save_every=arguments.save_every)
    began = time.monotonic()
    Loop(stage, budget, arguments.out, generator, device, say, arguments.board).run(arguments.resume, deadline)
    say(f"{stage.name}: {time.monotonic() - began:.0f} s in all")
