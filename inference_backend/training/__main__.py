"""Train the open network: `python -m inference_backend.training STAGE --data FOLDER --out FOLDER --minutes M`.

Stages, in their order: tokenizer, landmarks, pose, motion, evidence, video, smoother; `all` runs every one, dividing
the minutes. Each starts from what the one before it left in the output folder, or from `--init-from`. Another network
than these stages' is `trajectory`, the trajectory denoiser (training/trajectory); another yet `rope`, whose two phases
are `rope_1` and `rope_2` (training/rope).
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from ..models.rope.config import ABLATIONS
from ..protocol.errors import ErrorCode, RecoverError
from .counts import count
from .loop import Budget, Loop, choose_device, resume_path, seconds_spent
from .rope.command import train_rope
from .rope.sizes import ROPE_STAGES
from .sizes import SIZES, STAGES, Size
from .stages.context import Context
from .stages.registry import make_stage
from .trajectory.command import train_trajectory


def _start(stage: str, out: Path, given: Path | None) -> Path | None:
    """Weights that a stage starts from: the given ones, else those of the nearest stage before it."""
    if given is not None:
        return given
    for before in reversed(STAGES[: STAGES.index(stage)]):
        path = out / f"moro_{before}.safetensors"
        if path.is_file():
            return path
    if stage == STAGES[0]:
        return None
    raise RecoverError(
        ErrorCode.MISSING_PART,
        f"The stage {stage} has no weights to start from in {out}.",
        f"Train the stage {STAGES[0]} first, or name weights with --init-from.",
    )


def _train(
    stage: str, size: Size, minutes: float, arguments: argparse.Namespace, start: Path | None, deadline: float | None
) -> None:
    device = choose_device(arguments.device)
    context = Context(size, arguments.data, arguments.out, device, arguments.seed, start, arguments.landmarks)
    plan = context.plan(stage)
    budget = Budget(minutes, steps=arguments.steps, rate=plan.rate, save_every=arguments.save_every)
    loop = Loop(make_stage(stage, context), budget, arguments.out, context.generator, device, _say, arguments.board)
    loop.run(arguments.resume, deadline)


def _say(line: str) -> None:
    print(line, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", metavar="STAGE", choices=(*STAGES, "all", "trajectory", "rope", *ROPE_STAGES))
    parser.add_argument("--data", type=Path, required=True, help="prepared motion (training.data.prepare)")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and resume files")
    parser.add_argument(
        "--minutes", type=float, required=True, help="of training in all, those before a resume included"
    )
    parser.add_argument("--size", choices=("auto", *SIZES), default="auto", help="auto: gpu where there is one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--resume", action="store_true", help="go on where the resume file in the output folder stops")
    parser.add_argument("--call-minutes", type=float, help="stop this call after so long; go on later with --resume")
    parser.add_argument("--init-from", type=Path, help="weights to start from, with a fresh optimiser")
    parser.add_argument("--landmarks", type=Path, help="weights whose landmark encoder is taken, trained elsewhere")
    parser.add_argument("--steps", type=count, help="stop after so many steps of each stage")
    parser.add_argument("--batch", type=count, help="windows a step, instead of the plan's")
    parser.add_argument("--frames", type=count, help="frames a window, at most the plan's")
    parser.add_argument("--save-every", type=float, default=120, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--condition", choices=("joints", "rotations"), default="joints", help="what the stage trajectory is told"
    )
    parser.add_argument(
        "--variant", choices=tuple(ABLATIONS), default="full", metavar="VARIANT",
        help=f"of Rope's ablation, for its stages: {', '.join(ABLATIONS)}",
    )  # fmt: skip
    parser.add_argument("--board", action="store_true", help="also write TensorBoard logs, where it is installed")
    arguments = parser.parse_args(argv)
    try:
        device = choose_device(arguments.device)
        name = ("gpu" if device.type == "cuda" else "cpu") if arguments.size == "auto" else arguments.size
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")
        deadline = None if arguments.call_minutes is None else time.monotonic() + 60 * arguments.call_minutes
        if arguments.stage == "trajectory":
            train_trajectory(arguments, name, device, deadline, _say)
            return 0
        if arguments.stage in ("rope", *ROPE_STAGES):
            train_rope(arguments, name, device, deadline, _say)
            return 0
        size = _changed(SIZES[name], arguments.batch, arguments.frames)
        stages = STAGES if arguments.stage == "all" else (arguments.stage,)
        for number, stage in enumerate(stages):
            plan = size.plans[stage]
            minutes = arguments.minutes * (plan.share if arguments.stage == "all" else 1)
            if arguments.resume and seconds_spent(resume_path(arguments.out, stage)) >= 60 * minutes:
                _say(f"{stage}: done before")
                continue
            start = _start(stage, arguments.out, arguments.init_from if number == 0 else None)
            began = time.monotonic()
            _train(stage, size, minutes, arguments, start, deadline)
            _say(f"{stage}: {time.monotonic() - began:.0f} s in all")
            if deadline is not None and time.monotonic() >= deadline:
                _say("The time of this call is over; go on with --resume.")
                break
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _changed(size: Size, batch: int | None, frames: int | None) -> Size:
    plans = {
        name: replace(plan, batch=batch or plan.batch, frames=min(frames or plan.frames, plan.frames))
        for name, plan in size.plans.items()
    }
    return replace(size, plans=plans)


if __name__ == "__main__":
    sys.exit(main())
