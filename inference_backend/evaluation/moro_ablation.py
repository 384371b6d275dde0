"""MoRo's ablation: `python -m inference_backend.evaluation.moro_ablation --start FILE --data DIR --mocap DIR --out DIR
--steps N`.

Trains the video stage from one start, alike but for what is taken out (the same steps, batches and seed), and scores
each on synthetic clips of held-back subjects, without refinement; the whole network in several numbers of decoding
steps and without its smoother, too: the rows of the paper's ablation.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from ..body.body import Body
from ..models.moro.files.weights_file import read_metadata
from ..pipeline.identity import file_sha256
from ..protocol.errors import RecoverError
from ..stages.estimate.moro.settings import MoroSettings
from ..training.counts import count
from ..training.loop import Budget, Loop, choose_device
from ..training.sizes import SIZES, Size, StagePlan
from ..training.stages.context import Context
from ..training.stages.video import VideoStage
from .kept_figures import data_checksum, kept_figures
from .report.ablation import STEPS, ZEROED, without
from .report.store import commit_of
from .synthetic.compare import COLUMNS, make_clips, score_estimator

_FOREVER: Final = 1e6
_FEW_STEPS: Final = (1, 5)
"""Decoding steps of the networks with something taken out: the open weights' default, and the paper's."""
_NO_MOTION: Final = "without motion encoder"
_NO_SMOOTHER: Final = "without smoother"


class _Stage(VideoStage):
    """The video stage, scored on clips afterwards instead of on windows."""

    def validate(self) -> dict[str, float]:
        """Nothing."""
        return {}


class _NoGuidance(_Stage):
    """Masks at random only."""

    guided_share = 0.0


class _NoMotionEncoder(_Stage):
    """Leaves a motion encoder of zeros as it is: the decoder gets zeros in place of its features."""

    def __init__(self, context: Context, name: str) -> None:
        super().__init__(context, name)
        for path, parameter in context.model.named_parameters():
            if ".dst_former.m_" in path:
                parameter.requires_grad_(False)

    def parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Of all else."""
        return ((name, p) for name, p in super().parameters() if p.requires_grad)


@dataclass(frozen=True)
class Variant:
    """How a network of the table is trained.

    Attributes:
        stage: how its steps are made.
        zeroed: tensors of the start whose names begin so become zeros.
        other_seed: added to the seed.
    """

    stage: type[VideoStage] = _Stage
    zeroed: tuple[str, ...] = ()
    other_seed: int = 0


VARIANTS: Final[dict[str, Variant]] = {
    "full": Variant(),
    _NO_MOTION: Variant(_NoMotionEncoder, ZEROED[_NO_MOTION]),
    "without confidence-guided masking": Variant(_NoGuidance),
    "full, another seed": Variant(other_seed=1),
}
"""The last one tells how much the others could differ by chance."""


@dataclass(frozen=True)
class Training:
    """What all variants share.

    Attributes:
        start: weights to start from, best those after the stage `evidence`.
        landmarks: weights whose landmark encoder is taken; None: the start's own.
        data: folder with prepared motion.
        size: of the network and its stages.
        steps: of the video stage.
        seed: of every random draw.
        device: to compute on.
    """

    start: Path
    landmarks: Path | None
    data: Path
    size: Size
    steps: int
    seed: int
    device: torch.device


def train_variant(name: str, training: Training, out: Path, resume: bool = False) -> Path:
    """Train one variant.

    Args:
        name: of `VARIANTS`.
        training: what all share.
        out: folder for its weights.
        resume: go on where its resume file stops, if there is one.

    Returns:
        Its weights.

    Raises:
        RecoverError: the data or the weights cannot be used.
    """
    variant, start = VARIANTS[name], training.start
    if variant.zeroed:
        start = out / "start.safetensors"
        without(training.start, variant.zeroed, start)
    seed = training.seed + variant.other_seed
    context = Context(training.size, training.data, out, training.device, seed, start, training.landmarks)
    budget = Budget(
        _FOREVER,
        steps=training.steps,
        rate=context.plan("video").rate,
        warm_up=training.steps // 10 + 1,
        save_every=_FOREVER,
    )
    Loop(variant.stage(context, "video"), budget, out, context.generator, training.device, _say).run(resume)
    return context.path("video")


def _say(line: str) -> None:
    print(line, flush=True)


def rows_of(name: str, weights: Path) -> dict[str, MoroSettings]:
    """A variant's rows of the table, and how each is decoded.

    Beside the whole network a copy without its smoother is written.

    Args:
        name: of `VARIANTS`.
        weights: its own.
    """
    alone = MoroSettings(weights=str(weights), refine=False)
    if name != "full":
        return {f"{name}, T = {n}": replace(alone, steps=n) for n in _FEW_STEPS}
    target = weights.with_name(f"{_NO_SMOOTHER}.safetensors")
    without(weights, ZEROED[_NO_SMOOTHER], target)
    rows = {f"{name}, T = {n}": replace(alone, steps=n) for n in STEPS}
    return rows | {f"{_NO_SMOOTHER}, T = {n}": replace(alone, weights=str(target), steps=n) for n in _FEW_STEPS}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.evaluation.moro_ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--start", type=Path, required=True, help="weights to start from, after the stage evidence")
    parser.add_argument("--landmarks", type=Path, help="weights whose landmark encoder is taken, trained elsewhere")
    parser.add_argument("--data", type=Path, required=True, help="prepared motion (training.data.prepare)")
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the motion packs")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and ablation.json")
    parser.add_argument("--steps", type=count, required=True, help="of training, each variant")
    parser.add_argument(
        "--variants", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS), metavar="VARIANT",
        help="of: " + ", ".join(f'"{name}"' for name in VARIANTS),
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on from what is in the output folder")
    parser.add_argument("--size", choices=tuple(SIZES), default="cpu", help="of the start")
    parser.add_argument("--batch", type=count, help="windows a step, instead of the plan's")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="subjects of the clips")
    parser.add_argument("--clips", type=count, default=8, help="motions; each is seen clear and occluded")
    parser.add_argument("--frames", type=count, default=120, help="of each clip")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    arguments = _parser().parse_args(argv)
    try:
        device, size = choose_device(arguments.device), SIZES[arguments.size]
        plan = replace(size.plans["video"], batch=arguments.batch or size.plans["video"].batch)
        size = replace(size, plans={**size.plans, "video": plan})
        content = _told(arguments, plan)
        given = (arguments.start, arguments.landmarks, arguments.data, size, arguments.steps, arguments.seed)
        training, body = Training(*given, device), Body.load(None)
        clips = make_clips(arguments.mocap, arguments.split, arguments.clips, arguments.frames, body)
        weights: dict[str, Path] = {}
        for name in arguments.variants:
            _say(name)
            weights[name] = train_variant(name, training, arguments.out / name, arguments.resume)
        target = arguments.out / "ablation.json"
        rows = _kept(target, content) if arguments.resume else {}
        for name in arguments.variants:
            for row, settings in rows_of(name, weights[name]).items():
                if row not in rows:
                    rows[row] = score_estimator("moro", settings, clips, body, str(device))
                    _say(f"{row}: " + "; ".join(f"{kind} {_listed(figures)}" for kind, figures in rows[row].items()))
                    target.write_text(json.dumps(content | {"rows": rows}, indent=1), encoding="utf-8")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _told(arguments: argparse.Namespace, plan: StagePlan) -> dict[str, Any]:
    """What the figures are made with.

    Raises:
        RecoverError: weights are missing or not ours.
    """
    paths = {"start": arguments.start, "landmarks": arguments.landmarks or arguments.start}
    for path in paths.values():
        read_metadata(path)
    return {
        "commit": commit_of(Path(__file__).resolve().parents[2]),
        **{name: file_sha256(path) for name, path in paths.items()},
        **{name: getattr(arguments, name) for name in ("size", "steps", "seed", "split", "clips", "frames")},
        "data": data_checksum(arguments.data),
        "batch": plan.batch,
        "window": plan.frames,
    }


def _kept(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Rows that were made with the same before.

    Raises:
        RecoverError: the file is damaged.
    """
    if not path.is_file():
        return {}
    found = kept_figures(path)
    rows = found.pop("rows")
    return rows if found == content else {}


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figures[name]:.1f}" for name in COLUMNS if name in figures)


if __name__ == "__main__":
    sys.exit(main())
