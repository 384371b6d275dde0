"""Rope's ablation: `python -m inference_backend.evaluation.rope_ablation --data FOLDER --out FOLDER --steps N`.

Trains each variant alike (the same steps, batches, seeds and both phases), and prints what each does on validation
subjects: the table of RopeTP's ablation (Table 4), on synthetic proxy images. With `--backbone WEIGHTS` all have the
trained, fixed backbone of these weights, so that all steps go to what differs. Variants whose figures are in the folder
already are not trained again.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from ..models.rope.config import ABLATIONS
from ..models.rope.network import Rope
from ..models.rope.weights_file import load_rope, read_metadata
from ..pipeline.identity import file_sha256
from ..protocol.errors import ErrorCode, RecoverError
from ..training.counts import count
from ..training.loop import Budget, Loop, choose_device
from ..training.rope.sizes import ROPE_SIZES, ROPE_STAGES, RopeSize
from ..training.rope.stage import RopeContext, RopeStage
from .kept_figures import data_checksum, kept_figures
from .tables import columns_of, table

VARIANTS: Final = (
    "full", "no_whobo", "no_hagt", "no_acpr", "baseline_transformer", "baseline", "indep_only", "inter_only",
    "fulco_only",
)  # fmt: skip
"""Rows of the table. `no_acpr` is HAGT + MLP, `baseline_transformer` one level with self-attention, `indep_only` the 24
parts alone, and so on."""
_COLUMNS: Final = {"mpjpe": "MPJPE", "visible": "visible", "hidden": "hidden", "turn_deg": "rotations, degrees"}
_FOREVER: Final = 1e6


def train_variant(
    variant: str,
    size: RopeSize,
    data: Path,
    out: Path,
    device: torch.device,
    steps: int,
    seed: int = 0,
    backbone: Path | None = None,
) -> dict[str, float]:
    """Train one variant through both phases.

    Args:
        variant: of `ABLATIONS`.
        size: of the network and its phases.
        data: folder with prepared motion.
        out: folder for its weights.
        device: to compute on.
        steps: of both phases together.
        seed: of every random draw.
        backbone: Rope weights whose backbone and neck the network has, fixed; None: it is trained as well.

    Returns:
        The last validation's figures, processor seconds a thousand steps (both phases' validations included), and
        millions of parameters.

    Raises:
        RecoverError: the data or the weights cannot be used.
    """
    start, figures = None, {}
    began = time.process_time()
    for stage in ROPE_STAGES:
        context = RopeContext(size, data, out, device, seed, start, variant)
        if backbone is not None:
            _fix_backbone(context.model, backbone)
        count = max(1, round(steps * size.plans[stage].share))
        budget = Budget(
            _FOREVER, steps=count, rate=size.plans[stage].rate, save_every=_FOREVER, warm_up=count // 10 + 1
        )
        figures = Loop(RopeStage(context, stage), budget, out, context.generator, device, lambda _: None).run()
        start = context.path(stage)
    figures["seconds"] = 1000 * (time.process_time() - began) / steps
    figures["parameters"] = sum(p.numel() for p in context.model.parameters()) / 1e6
    return figures


def _fix_backbone(model: Rope, path: Path) -> None:
    source, _ = load_rope(path)
    for name in ("backbone", "neck"):
        part = getattr(model, name)
        try:
            part.load_state_dict(getattr(source, name).state_dict())
        except RuntimeError as error:
            raise RecoverError(
                ErrorCode.BAD_INPUT, f"The backbone of {path} has another size.", "Choose other weights, or --size."
            ) from error
        part.requires_grad_(False)


def _checksum(weights: Path) -> str:
    read_metadata(weights)
    return file_sha256(weights)


def ablation_table(rows: dict[str, dict[str, float]]) -> str:
    """Figures as a Markdown table, mm unless said otherwise."""
    return table(
        ["", *_COLUMNS.values(), "parameters, million", "processor s / 1000 steps, validation included"],
        [
            [name, *columns_of(_COLUMNS, row), f"{row['parameters']:.2f}", f"{row['seconds']:.0f}"]
            for name, row in rows.items()
        ],
    )


def known(path: Path, recipe: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Rows of an earlier call that can be kept.

    Args:
        path: the file of figures.
        recipe: how variants are trained.

    Raises:
        RecoverError: its variants were trained in another way, or it is damaged.
    """
    if not path.is_file():
        return {}
    found = kept_figures(path)
    told = {"data": recipe.get("data")} | found.get("recipe", {})  # earlier figures do not say what data they are from
    if told != recipe:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The variants of {path} were trained with other settings: {found.get('recipe')}.",
            "Give the same settings, or another folder.",
        )
    return found["rows"]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.evaluation.rope_ablation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared motion (training.data.prepare)")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and figures")
    parser.add_argument("--steps", type=count, required=True, help="of each variant, both phases together")
    parser.add_argument(
        "--variants", nargs="+", choices=tuple(ABLATIONS), default=list(VARIANTS), metavar="VARIANT",
        help=f"of: {', '.join(ABLATIONS)}",
    )  # fmt: skip
    parser.add_argument("--backbone", type=Path, help="Rope weights with the backbone that all have")
    parser.add_argument("--size", choices=tuple(ROPE_SIZES), default="cpu")
    parser.add_argument("--batch", type=count, help="images a step, instead of the plan's")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    try:
        device, size = choose_device(arguments.device), ROPE_SIZES[arguments.size]
        plans = {name: replace(plan, batch=arguments.batch or plan.batch) for name, plan in size.plans.items()}
        size = replace(size, plans=plans)
        recipe = {name: getattr(arguments, name) for name in ("size", "steps", "batch", "seed")}
        recipe["backbone"] = None if arguments.backbone is None else _checksum(arguments.backbone)
        recipe["data"] = data_checksum(arguments.data)
        figures = arguments.out / "ablation.json"
        rows = known(figures, recipe)
        for variant in arguments.variants:
            if variant in rows:
                continue
            out = arguments.out / variant
            rows[variant] = train_variant(
                variant, size, arguments.data, out, device, arguments.steps, arguments.seed, arguments.backbone
            )
            print(f"{variant}: " + ", ".join(f"{k} {v:.4g}" for k, v in rows[variant].items()), flush=True)
            figures.write_text(json.dumps({"recipe": recipe, "rows": rows}, indent=1), encoding="utf-8")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n" + ablation_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
